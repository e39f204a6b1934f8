"""Bad checks that wait before they open an incident (`judging.md` 4).

A check waits for its ancestors' verdict, for the line (is it the agent itself
that is cut off?), and for a window or a mute to end. Who waits is looked at
only when something that holds it may have changed: an ancestor answered or
fell, another check answered, a time ran out.
"""

from collections.abc import Mapping
from heapq import heappop, heappush
from itertools import count

from scudo_agent.instant import MINUTE, SECOND, Instant
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.holds import Holds
from scudo_agent.judge.topology import Topology
from scudo_agent.judge.vantage import Vantage

ANCESTORS_US = 30 * SECOND
"""The longest wait for the ancestors' verdict."""

LINE_US = 60 * SECOND
"""The longest wait for another check's answer."""

LINE_LIMIT_US = 3 * MINUTE
"""The longest wait while it cannot be told who is cut off."""


class Pending:
    """A bad check that is a member of no open incident, since an instant.

    `line` is whether the line still holds it, `held` the ids of the windows and
    mutes that held it back so far.
    """

    __slots__ = ("check", "held", "line", "since")

    def __init__(self, check: CheckState, since: Instant, *, line: bool) -> None:
        self.check = check
        self.since = since
        self.line = line
        self.held: tuple[str, ...] = ()


class Waiting:
    """All that is pending, and what each waits for."""

    def __init__(
        self,
        topology: Topology,
        checks: Mapping[str, CheckState],
        vantage: Vantage,
        holds: Holds,
    ) -> None:
        self._topology = topology
        self._checks = checks
        self._vantage = vantage
        self._holds = holds
        self.pending: dict[str, Pending] = {}
        self.muted: dict[str, None] = {}
        """Held by a window or a mute alone, when last looked at."""
        self._dropped: dict[str, CheckState] = {}
        """Bad without an incident when the agent stopped; its ticket may come yet."""
        self._muted_until: Instant | None = None
        self._line: dict[str, Pending] = {}
        self._watching: dict[str, dict[str, None]] = {}
        self._again: dict[str, None] = {}
        self._due: list[tuple[Instant, int, CheckState]] = []
        self._turn = count()
        self.restored = False
        """Until the next stop or start: what the line saw before is not known."""

    def use(self, topology: Topology) -> None:
        """Go by another site file: whoever waits is looked at again."""
        self._topology = topology
        self._watching.clear()
        for pending in self.pending.values():
            check = pending.check
            if topology.ancestors[check.path]:
                due = Instant(pending.since + ANCESTORS_US)
                heappush(self._due, (due, next(self._turn), check))
            if pending.line and not (check.line and self._vantage.vantage):
                self._free(check)
            self._again[check.path] = None
        self._muted_until = None

    def add(self, check: CheckState, at: Instant, *, line: bool = True) -> None:
        """A check became bad and is a member of no open incident."""
        line = (
            line
            and check.line
            and bool(self._vantage.vantage)
            and not self._vantage.another_answered(check, at)
        )
        pending = check.pending = Pending(check, at, line=line)
        self.pending[check.path] = pending
        self._again[check.path] = None
        ends = [ANCESTORS_US] if self._topology.ancestors[check.path] else []
        if line:
            self._line[check.path] = pending
            ends += [LINE_US, LINE_LIMIT_US]
        for end in ends:
            heappush(self._due, (Instant(at + end), next(self._turn), check))

    def drop(self, check: CheckState) -> None:
        """A check is bad no longer, or has become a member."""
        check.pending = None
        for known in (self.pending, self._line, self._again, self.muted):
            known.pop(check.path, None)

    def clear(self) -> list[CheckState]:
        """The agent stops: drop all; return what was dropped."""
        dropped = [pending.check for pending in self.pending.values()]
        for check in dropped:
            self.drop(check)
            self.left_waiting(check)
        self._watching.clear()
        self._due.clear()
        self.restored = False
        return dropped

    def poke(self, check: CheckState) -> None:
        """An ancestor fell or answered: look again at who waits for it."""
        waiting = self._watching.pop(check.path, None)
        if waiting:
            self._again |= {path: None for path in waiting if path in self.pending}

    def answered(self, check: CheckState) -> list[CheckState]:
        """A check of V or O answered: the line holds no other one any more."""
        free = [held.check for held in self._line.values() if held.check is not check]
        for other in free:
            self._free(other)
        return free

    def next_due(self) -> Instant | None:
        """The next instant at which a wait may end by itself."""
        until = self._muted_until if self.muted else None
        while self._due:
            due, _, check = self._due[0]
            if check.pending is not None:
                return due if until is None else min(due, until)
            heappop(self._due)
        return until

    def run_due(self, at: Instant) -> bool:
        """Take the waits that end at `at`; whether there was one."""
        found = False
        if self.muted and self._muted_until is not None and self._muted_until <= at:
            self.look_at_muted()
            found = True
        while self._due and self._due[0][0] <= at:
            check = heappop(self._due)[2]
            if check.pending is not None:
                self._again[check.path] = None
                found = True
        return found

    def release(self, at: Instant) -> list[CheckState]:
        """The checks that nothing holds now."""
        self._time_out(at)
        if not self._again:
            return []
        again, self._again = self._again, {}
        out = []
        for path in again:
            pending = self.pending[path]
            if pending.line or self._ancestors_hold(pending, at):
                continue
            held = self._holds.holding(path, at)
            if held:
                self._mute(pending, held, at)
                continue
            self.muted.pop(path, None)
            out.append(pending.check)
        return out

    def look_at_muted(self) -> None:
        """A window or a mute may have ended: look again."""
        self._again |= self.muted
        self._muted_until = None

    def held_by_ancestors_alone(self, at: Instant) -> list[CheckState]:
        """What a clean stop opens: neither the line nor a window holds it."""
        return [
            pending.check
            for path, pending in self.pending.items()
            if not pending.line and not self._holds.holding(path, at)
        ]

    def left_waiting(self, check: CheckState) -> None:
        """The agent stops before the check's ticket; it was bad before."""
        if check.fell is not None:
            self._dropped[check.path] = check

    def held_since(self) -> Instant | None:
        """The earliest first date of what only a window, a mute or a stop hides."""
        for path, check in list(self._dropped.items()):
            if check.fell is None or check.member:
                del self._dropped[path]
        hidden = [self.pending[path].check for path in self.muted]
        dates = (check.fell for check in (*hidden, *self._dropped.values()))
        return min((since for since in dates if since is not None), default=None)

    def _mute(self, pending: Pending, held: tuple[str, ...], at: Instant) -> None:
        pending.held = tuple(dict.fromkeys((*pending.held, *held)))
        # What begins until then changes nothing for what waits.
        end = self._holds.next_end(at)
        until = self._muted_until if self.muted else None
        self.muted[pending.check.path] = None
        self._muted_until = end if until is None else min(until, end or until)

    def _free(self, check: CheckState) -> None:
        pending = self._line.pop(check.path)
        pending.line = False
        self._again[check.path] = None

    def _time_out(self, at: Instant) -> None:
        # In the order in which they became pending: the first that must wait on
        # is followed only by such.
        undecided: bool | None = None
        while self._line:
            pending = next(iter(self._line.values()))
            waited = at - pending.since
            if waited < LINE_US:
                break
            if waited < LINE_LIMIT_US:
                if undecided is None:
                    undecided = self.restored or self._vantage.undecided()
                if undecided:
                    break
            self._free(pending.check)

    def _ancestors_hold(self, pending: Pending, at: Instant) -> bool:
        if at - pending.since >= ANCESTORS_US:
            return False
        path = pending.check.path
        for above in self._topology.ancestors[path]:
            check = self._checks[above]
            if not check.state.bad and not check.answered_since(pending.since):
                self._watching.setdefault(above, {})[path] = None
                return True
        return False
