"""A screenshot for a ticket about a web application (`domain.md` 5).

It is taken after the stage was committed and while it is on its way: nothing waits
for a picture, neither a probe nor a ticket. One browser at a time; what cannot be
done is left out and counted, and a ticket without a picture is as good a ticket.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from scudo_agent.agent.browser import NoShotError, View, find, shoot, tidy
from scudo_agent.agent.evidence import Evidence, EvidenceFolder
from scudo_agent.agent.networks import Allowance
from scudo_agent.agent.runtime import Runtime
from scudo_agent.incident import Rule
from scudo_agent.instant import Instant
from scudo_agent.model import Kind, Outcome, State
from scudo_agent.pipeline import Committed
from scudo_agent.probes.http import HttpSettings
from scudo_agent.retry import Backoff
from scudo_agent.telemetry.metric import SCREENSHOTS
from scudo_agent.ticketing.port import DeskError, EvidenceTaker, Exhibit, Rejected
from scudo_agent.ticketing.progress import DeliveryEvent, DeliveryKind
from scudo_agent.wire import Stage

QUEUE = 20
"""Pictures that wait to be taken, at most."""

_BACKOFF = Backoff(first_s=2.0, limit_s=15 * 60.0)
_IDLE_S = 600.0
_BAD = (State.DOWN, State.DEGRADED)
_PICTURED = (Kind.OPEN, Kind.REOPEN)
R = TypeVar("R")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """What a site's pictures are made of and told to.

    `views` are the web checks by path; `outcome` is what a check last said;
    `isolated` tells whether the agent itself is cut off; `count` takes a result.
    """

    views: Mapping[str, View]
    outcome: Callable[[str], Outcome | None]
    isolated: Callable[[], bool]
    now: Callable[[], Instant]
    count: Callable[[str], None]


class Screenshots:
    """Takes pictures of stages and delivers them; `run` it until it is cancelled."""

    def __init__(
        self,
        sights: Sights,
        shoot: Callable[[View], Awaitable[bytes]],
        desk: EvidenceTaker,
        *,
        state: Path,
        rng: random.Random,
    ) -> None:
        self._sights = sights
        self._shoot = shoot
        self._desk = desk
        self._rng = rng
        self._folder = EvidenceFolder(state)
        self._queue: deque[tuple[Stage, str]] = deque()
        self._wanted, self._deliver = asyncio.Event(), asyncio.Event()

    def committed(self, done: Committed) -> None:
        """Queue a picture for each stage that should have one."""
        for stage in done.stages:
            if (check := self._subject(stage)) is None:
                continue
            if len(self._queue) >= QUEUE:
                self._count("dropped")
                continue
            self._queue.append((stage, check))
            self._wanted.set()

    def delivered(self, event: DeliveryEvent) -> None:
        """Once the desk has stages their pictures may go to it."""
        if event.kind is DeliveryKind.ACKNOWLEDGED:
            self._deliver.set()

    def _subject(self, stage: Stage) -> str | None:
        """The member to look at; None when the stage has no picture."""
        if (
            stage.kind not in _PICTURED
            or stage.audience != "customer"
            or stage.rule in (Rule.S4, Rule.S5)
            or self._sights.isolated()
        ):
            return None
        bad = [
            member.check
            for member in stage.members
            if member.state in _BAD and member.check in self._sights.views
        ]
        for check in bad:
            outcome = self._sights.outcome(check)
            if outcome is not None and "status" in outcome.values:
                return check
        if bad:
            # Nothing answered: a browser would show its own words for it only.
            self._count("nothing")
        return None

    def look_at(self, sights: Sights) -> None:
        """Another version of the site file: other pages, or the same otherwise."""
        self._sights = sights

    async def run(self) -> None:
        """Take and deliver for ever."""
        try:
            await _off(self._folder.tidy)
            await _off(tidy)
        except OSError as exc:
            _log.error("what earlier screenshots left cannot be tidied: %s", exc)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_all())
            group.create_task(self._deliver_all())

    async def _take_all(self) -> None:
        while True:
            self._wanted.clear()
            while self._queue:
                await self._take(*self._queue.popleft())
            await self._wanted.wait()

    async def _take(self, stage: Stage, check: str) -> None:
        taken = self._sights.now()
        try:
            view = self._sights.views.get(check)
            if view is None:
                raise NoShotError("it is gone from the site file")
            content = await self._shoot(view)
            evidence = Evidence(
                incident_id=stage.incident_id, rev=stage.rev, check=check, taken=taken
            )
            kept = await _off(partial(self._folder.keep, evidence, content))
        except NoShotError as exc:
            _log.warning("no screenshot of %s: %s", check, exc)
            self._count("failed")
        except OSError as exc:
            _log.error("the screenshot of %s cannot be kept: %s", check, exc)
            self._count("failed")
        except Exception:  # noqa: BLE001 - the next one may be taken all the same
            _log.exception("the screenshot of %s stumbled", check)
            self._count("failed")
        else:
            self._count("taken" if kept else "dropped")
            self._deliver.set()

    async def _deliver_all(self) -> None:
        failures = 0
        while True:
            self._deliver.clear()
            left = await self._deliver_waiting()
            failures = failures + 1 if left else 0
            pause = _BACKOFF.delay_s(failures, self._rng) if left else _IDLE_S
            try:
                async with asyncio.timeout(pause):
                    await self._deliver.wait()
            except TimeoutError:
                continue

    async def _deliver_waiting(self) -> bool:
        """Send what waits, oldest first; whether something is left."""
        left = False
        try:
            waiting = await _off(partial(self._folder.waiting, self._sights.now()))
            for evidence in waiting:
                left = not await self._deliver_one(evidence) or left
        except OSError as exc:
            _log.error("evidence cannot be read: %s", exc)
            return True
        except Exception:  # noqa: BLE001 - it waits, and is tried again
            _log.exception("the delivery of evidence stumbled")
            return True
        return left

    async def _deliver_one(self, evidence: Evidence) -> bool:
        """Whether it is done with: delivered, or refused for good."""
        try:
            content = await _off(partial(self._folder.content, evidence))
        except FileNotFoundError:
            content = b""
        try:
            if content:
                await self._desk.exhibit(
                    Exhibit(
                        incident_id=evidence.incident_id,
                        rev=evidence.rev,
                        check=evidence.check,
                        taken=evidence.taken,
                        content=content,
                    )
                )
        except Rejected as exc:
            _log.error("the desk refuses %s for good: %s", evidence.name, exc)
            self._count("refused")
        except DeskError as exc:
            _log.debug("%s is not at the desk yet: %s", evidence.name, exc)
            return False
        await _off(partial(self._folder.drop, evidence))
        return True

    def _count(self, result: str) -> None:
        assert result in SCREENSHOTS
        self._sights.count(result)


def begin(
    runtime: Runtime,
    desk: EvidenceTaker,
    state: Path,
    stack: AsyncExitStack,
    *,
    count: Callable[[str], None],
) -> Screenshots:
    """Take and deliver pictures from now on until `stack` is left."""
    browser = find()
    shots = Screenshots(
        sights_of(runtime, browser=browser, count=count),
        partial(shoot, browser or ""),
        desk,
        state=state,
        rng=random.Random(),
    )
    runtime.pipeline.listeners.append(shots.committed)
    runtime.on_reload.append(
        lambda _site: shots.look_at(sights_of(runtime, browser=browser, count=count))
    )
    running = asyncio.create_task(shots.run(), name="screenshots")

    async def stop() -> None:
        running.cancel()
        await asyncio.wait([running])

    stack.push_async_callback(stop)
    return shots


def sights_of(
    runtime: Runtime, *, browser: str | None, count: Callable[[str], None]
) -> Sights:
    """What there is to see on a running agent's site; nothing without a browser."""
    site = runtime.site
    wanted = site.screenshots and browser is not None
    return Sights(
        views={
            path: View(
                settings=check.settings,
                allowed=Allowance(site.networks, check.settings.hosts(None)),
            )
            for path, check in site.checks.items()
            if wanted and isinstance(check.settings, HttpSettings)
        },
        outcome=runtime.pipeline.outcomes.get,
        isolated=lambda: runtime.judge.isolated is not None,
        now=runtime.timeline.now,
        count=count,
    )


async def _off(work: Callable[[], R]) -> R:
    """Touch the disk without holding up the loop."""
    return await asyncio.get_running_loop().run_in_executor(None, work)
