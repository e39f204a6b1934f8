"""The site file changes between two runs, in an outage; in simulated time."""

import asyncio
import random
from pathlib import Path
from typing import Any

from scudo_agent import config
from scudo_agent.agent.app import Agent, Options, running
from scudo_agent.instant import SECOND, parse_instant
from scudo_agent.probes.registry import SETTINGS
from support.script import BAD, ScriptEngine
from support.sim import SimClock, simulate

START = parse_instant("2026-03-02T08:00:00+01:00")
SITE = """\
version: 1
site: acme-milano
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
desk: embedded
targets:
  erp: {address: 192.0.2.10, checks: {db: {tcp: {port: 5432}}}}
"""


def live(folder: Path, clock: SimClock, site_text: str, *, for_s: float) -> Any:
    """Run the agent with everything down; the tickets at its end, by subject."""
    (folder / "site.yaml").write_text(site_text)
    site = config.load(folder / "site.yaml", SETTINGS)
    options = Options(
        state=folder / "state",
        desk_file=folder / "desk.yaml",
        clock=clock,
        engines=lambda _kind: ScriptEngine(lambda _check: BAD),
        rng=random.Random(7),
        simulated=True,
    )
    found: dict[str, Any] = {}

    async def main() -> None:
        async with running(site, options) as agent:
            stop = asyncio.Event()
            task = asyncio.create_task(agent.runtime.run(stop))
            await asyncio.sleep(for_s)
            await read(agent)
            stop.set()
            await task

    async def read(agent: Agent) -> None:
        for row in agent.runtime.store.reader.incidents():
            ticket = await agent.desk.reader.ticket(str(row.ticket_ref))
            found[row.subject] = ticket

    simulate(clock, main())
    return found


def test_what_is_no_longer_measured_ends_when_it_was_last_measured(
    tmp_path: Path,
) -> None:
    clock = SimClock(START)
    live(tmp_path, clock, SITE, for_s=300)
    clock.mono_us += 3600 * SECOND
    live(tmp_path, clock, SITE, for_s=60)
    stopped = clock.wall()
    clock.mono_us += 3600 * SECOND
    renamed = SITE.replace("erp:", "crm:")
    tickets = live(tmp_path, clock, renamed, for_s=300)
    history = tickets["check:erp/db"]["history"]
    told = [(entry["kind"], entry["at"]) for entry in history]
    (retired,) = [at for kind, at in told if kind == "retire"]
    assert abs(parse_instant(retired) - stopped) < 2 * SECOND
    earlier = [at for kind, at in told if kind == "note"]
    assert earlier, "the first stop is told of"
    assert all(parse_instant(at) < parse_instant(retired) for at in earlier)
    assert tickets["check:erp/db"]["condition"] == "not_measured"
    assert tickets["check:crm/db"]["condition"] == "bad"
