"""72 hours without a desk, lived by the agent's own code on a simulated clock.

What stays is a real store, with which a real agent then meets a real desk.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from scudo_agent import config
from scudo_agent.agent import app, runtime
from scudo_agent.agent.app import Options, running
from scudo_agent.agent.desks import DeskEnd, remote_end
from scudo_agent.clock import SystemClock
from scudo_agent.config.site import Site
from scudo_agent.instant import HOUR, MINUTE, SECOND, Instant
from scudo_agent.model import Outcome
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.ticketing.desk import DeskClient
from support.script import BAD, GOOD, ScriptEngine
from support.sim import SimClock, simulate

_SITE = """\
version: 1
site: acme-milano
customer: {{id: acme, name: ACME, mail: it@acme.example, language: it}}
timezone: Europe/Rome
contract: proof
desk: {{url: 'http://127.0.0.1:{desk}', key: file:agent.key}}
vantage: [gateway/tcp]
defaults: {{interval: {interval}s, timeout: 2s, confirm: 1, recover: 1, reprobe: 5s}}
targets:
  gateway: {{address: 127.0.0.1, checks: {{tcp: {{tcp: {{port: {port}}}}}}}}}
{targets}services:
{services}"""
_TARGET = (
    "  t{n}: {{address: 127.0.0.1,"
    " checks: {{tcp: {{tcp: {{port: {port}}}{every}}}}}}}\n"
)
_SERVICE = (
    "  s{n}: {{title: {{it: Servizio {n}, en: Service {n}}}, contracted: true,"
    " checks: [t{n}/tcp]}}\n"
)
_EVERY = ", interval: 1s, timeout: 500ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """So many checks, one service each, for so long; each is down `outages` times.

    Half of them fall in the same minutes: those are storms.
    """

    checks: int
    outages: int
    interval_s: int
    hours: int = 72
    alive_s: int = 10
    """How often the agent writes that it lives: always the same row of its store."""

    @property
    def incidents(self) -> int:
        """How many that makes."""
        return self.checks * self.outages

    def site(self, *, desk: int, port: int, other: int = 0) -> str:
        """The site file: all on `port`, or the first on `other`, asked each second."""

        def target(n: int) -> str:
            if n == 0 and other:
                return _TARGET.format(n=n, port=other, every=_EVERY)
            return _TARGET.format(n=n, port=port, every="")

        numbers = range(self.checks)
        return _SITE.format(
            desk=desk,
            port=port,
            interval=self.interval_s,
            targets="".join(target(n) for n in numbers),
            services="".join(_SERVICE.format(n=n) for n in numbers),
        )

    def bad(self, check: str, since_us: int) -> bool:
        """Whether a check fails so long after the beginning."""
        if check == "gateway/tcp":
            return False
        number = int(check.removeprefix("t").removesuffix("/tcp"))
        turn_us = self.hours * HOUR // self.outages
        late_us = (number % 2) * turn_us // 2
        turn, within = divmod(since_us - late_us - HOUR, turn_us)
        return 0 <= turn < self.outages and within < 3 * self.interval_s * SECOND


class _Late(random.Random):
    """Of what a backoff may wait, the most."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder in memory where the machine can: a disk's waiting is not simulated."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


def live(life: Life, site_file: Path, state: Path) -> None:
    """Live it; it ends about now."""
    began = Instant(SystemClock().wall() - life.hours * HOUR - MINUTE)
    clock = SimClock(began)

    def outcome(check: str) -> Outcome:
        return BAD if life.bad(check, clock.wall() - began) else GOOD

    async def main() -> None:
        options = Options(
            state=state,
            desk_file=site_file.with_name("desk.yaml"),
            clock=clock,
            engines=lambda _kind: ScriptEngine(outcome),
            rng=_Late(7),
            simulated=True,
        )
        async with running(config.load(site_file, SETTINGS), options) as agent:
            stop = asyncio.Event()
            task = asyncio.create_task(agent.runtime.run(stop))
            await asyncio.sleep(life.hours * HOUR / SECOND)
            stop.set()
            await task

    with pytest.MonkeyPatch.context() as patched:
        # A simulation has no sockets.
        patched.setattr(app, "remote_end", _without_a_line)
        patched.setattr(runtime, "LIVENESS_US", life.alive_s * SECOND)
        simulate(clock, main())


def _without_a_line(site: Site) -> DeskEnd:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 101] Network is unreachable", request=request)

    end = remote_end(site)
    assert site.desk.url is not None
    end.client = DeskClient(
        site.desk.url, end.keys, transport=httpx.MockTransport(refuse)
    )
    return end
