"""Which checks are due: a heap on the monotonic clock (`architecture.md`).

Checks are staggered by a stable hash, so that they neither start together nor
move when a neighbour is added. A check has one run at a time; a run that would
begin while the last one is still under way is missed and counted. Nothing here
knows of wall time: setting the clock moves no probe.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from scudo_agent.instant import SECOND

FIRST_RUNS_US = 5 * SECOND
"""First runs are spread over this, or over the interval where it is shorter."""

HASTE_US = SECOND
"""Between two runs of a check that is probed at once: two checks that ask for one
another must not confirm a failure within milliseconds."""

TICK_US = 100_000
"""How often the agent looks for what is due: wake-ups cost, not probes."""


_NEVER = -1
"""As an instant at which a paused check is due: no entry of the heap fits it."""


@dataclass(slots=True)
class _Plan:
    interval_us: int
    phase_us: int
    due_us: int
    pace_us: int | None = None
    fired_us: int | None = None
    running: bool = False
    again: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A check that is to run now; `late_us` after it was due."""

    check: str
    late_us: int


@dataclass(slots=True)
class Counts:
    """Runs that started, and planned runs that were missed, since the start."""

    fired: int = 0
    missed: dict[str, int] = field(default_factory=dict)


def stagger(check: str, span_us: int) -> int:
    """A stable offset in `[0, span_us)` for a check, from its path alone."""
    digest = blake2b(check.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % max(span_us, 1)


class Schedule:
    """Due checks, in order; instants are those of the monotonic clock."""

    def __init__(self, intervals_us: Mapping[str, int], *, now_us: int) -> None:
        self._start = now_us
        self._plans: dict[str, _Plan] = {}
        self._heap: list[tuple[int, str]] = []
        self.counts = Counts(missed=dict.fromkeys(intervals_us, 0))
        for check, interval in intervals_us.items():
            self.add(check, interval, now_us)

    def add(
        self, check: str, interval_us: int, now_us: int, *, running: bool = False
    ) -> None:
        """One more check; its first run comes within its first seconds.

        `running`: one with an older definition is still under way; `done` ends it.
        """
        phase = stagger(check, interval_us)
        first = now_us + stagger(check, min(interval_us, FIRST_RUNS_US))
        plan = _Plan(interval_us, phase, first, running=running, again=running)
        self._plans[check] = plan
        self.counts.missed.setdefault(check, 0)
        self._push(check, plan, first)

    def remove(self, check: str) -> None:
        """The check runs no more; nothing need be told of a run under way."""
        del self._plans[check]
        self.counts.missed.pop(check, None)

    def change(self, check: str, interval_us: int, now_us: int) -> None:
        """The check has another definition: it runs anew, as one that was added."""
        before = self._plans[check]
        self.add(check, interval_us, now_us, running=before.running)
        if before.paused:
            plan = self._plans[check]
            plan.paused, plan.due_us, plan.again = True, _NEVER, False

    def due(self, now_us: int) -> list[Firing]:
        """Checks to start at `now_us`; each is running until `done`."""
        firings = []
        heap, plans = self._heap, self._plans
        while heap and heap[0][0] <= now_us:
            at, check = heapq.heappop(heap)
            plan = plans.get(check)
            if plan is None or at != plan.due_us:
                continue  # of a check that is gone, or replaced by a newer plan
            if plan.running:
                self.counts.missed[check] += 1
            else:
                plan.running, plan.fired_us = True, now_us
                firings.append(Firing(check=check, late_us=now_us - at))
            self._push(check, plan, self._next(check, plan, at, now_us))
        self.counts.fired += len(firings)
        return firings

    def _next(self, check: str, plan: _Plan, at: int, now_us: int) -> int:
        if plan.pace_us is not None:
            return now_us + plan.pace_us
        interval = plan.interval_us
        # The check's own slot: stable phase, and never two runs within half an
        # interval, so that a first run or a re-probe glides back onto the grid.
        earliest = at + interval // 2
        turns = -(-(earliest - self._start - plan.phase_us) // interval)
        slot = self._start + plan.phase_us + turns * interval
        if slot <= now_us:
            skipped = (now_us - slot) // interval + 1
            self.counts.missed[check] += skipped
            slot += skipped * interval
        return slot

    def _push(self, check: str, plan: _Plan, due_us: int) -> None:
        plan.due_us = due_us
        heapq.heappush(self._heap, (due_us, check))

    def done(self, check: str, now_us: int) -> None:
        """The run of a check has ended; a wish to probe again is now granted.

        Of one that was removed meanwhile nothing follows.
        """
        plan = self._plans.get(check)
        if plan is None:
            return  # it is gone
        plan.running = False
        if plan.again:
            plan.again = False
            self._push(check, plan, self._at_once(plan, now_us))

    def hasten(self, checks: Iterable[str], now_us: int) -> None:
        """Run these at once, but not within a second of their last run.

        What is running now runs once more after it.
        """
        for check in checks:
            plan = self._plans[check]
            if plan.paused:
                continue
            if plan.running:
                plan.again = True
            elif plan.due_us > (at := self._at_once(plan, now_us)):
                self._push(check, plan, at)

    @staticmethod
    def _at_once(plan: _Plan, now_us: int) -> int:
        if plan.fired_us is None:
            return now_us
        return max(now_us, plan.fired_us + HASTE_US)

    def pace(self, check: str, every_us: int | None, now_us: int) -> None:
        """Re-probe a check every `every_us` from now on; None: its interval."""
        plan = self._plans[check]
        if every_us is not None and every_us >= plan.interval_us:
            every_us = None
        if plan.pace_us == every_us:
            return
        plan.pace_us = every_us
        if every_us is not None and plan.due_us > now_us + every_us:
            self._push(check, plan, now_us + every_us)

    def pause(self, checks: Collection[str], now_us: int) -> None:
        """These do not run until they are left out here again; what runs, ends.

        A check that may run again does so within its first seconds, as at a start.
        """
        for check, plan in self._plans.items():
            if (check in checks) == plan.paused:
                continue
            plan.paused = not plan.paused
            plan.again = False
            plan.due_us = _NEVER
            if not plan.paused:
                first = stagger(check, min(plan.interval_us, FIRST_RUNS_US))
                self._push(check, plan, now_us + first)

    def next_due_us(self) -> int | None:
        """When the next check is due; None without checks."""
        while self._heap:
            due, check = self._heap[0]
            plan = self._plans.get(check)
            if plan is not None and plan.due_us == due:
                return due
            heapq.heappop(self._heap)
        return None
