"""Is it me? When the agent is isolated, and when it may not tell (`judging.md` 2).

G is the last answer of any check of V or O since the agent's start, I the first
failed observation of one of them after G.
"""

from collections.abc import Iterable, Mapping

from scudo_agent.instant import Instant
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.topology import Topology
from scudo_agent.model import Result, State


class Vantage:
    """G, I, who has been observed since, and the last answers of the line.

    `isolated` is since when the agent is isolated, None while it is not. "Since
    I" goes by the order of events, so that a check that answered in the very
    instant of I, before it, has not been observed since.
    """

    def __init__(self, topology: Topology, checks: Mapping[str, CheckState]) -> None:
        self._take(topology, checks)
        self.isolated: Instant | None = None
        self.lost: Instant | None = None
        """I."""
        self.down = 0
        """How many checks of V are down."""
        self._mark = 0
        self._seen = 0
        self._left_out: frozenset[CheckState] = frozenset()
        self._present = len(self.vantage), len(self.outside)
        self._last: tuple[CheckState, Instant] | None = None
        self._other: tuple[CheckState, Instant] | None = None

    def _take(self, topology: Topology, checks: Mapping[str, CheckState]) -> None:
        self.vantage = [checks[path] for path in topology.vantage]
        self.outside = [checks[path] for path in topology.outside]
        for check in checks.values():
            check.line = check.vantage = check.outside = False
        for check in self.vantage:
            check.vantage = check.line = True
        for check in self.outside:
            check.outside = check.line = True

    def use(
        self,
        topology: Topology,
        checks: Mapping[str, CheckState],
        *,
        left: Iterable[CheckState],
    ) -> None:
        """Go by another site file; what the checks in `left` said is forgotten."""
        lost = [check for check in left if check.line]
        self._take(topology, checks)
        line = [*self.vantage, *self.outside]
        if lost and not any(check.failing and not check.stale for check in line):
            self.lost = None
        known = dict.fromkeys(line)
        answers = [
            answer
            for answer in (self._last, self._other)
            if answer and answer[0] in known and answer[0] not in lost
        ]
        self._last, self._other = [*answers, None, None][:2]
        self.down = sum(check.state is State.DOWN for check in self.vantage)
        left_out = [check for check in self._left_out if check in known]
        self._left_out = frozenset()
        self.leave_out(left_out)
        self._seen = sum(check.mark == self._mark > 0 for check in self.outside)

    def start(self) -> None:
        """The agent starts: nothing has been observed yet."""
        self.lost = None

    def leave_out(self, checks: Iterable[CheckState]) -> None:
        """Nobody asks these for a while: what the others say must do."""
        before, self._left_out = self._left_out, frozenset(checks)
        for check in self._left_out - before:
            if check.outside and check.mark == self._mark and self._mark:
                check.mark = 0
                self._seen -= 1
        absent = [c.vantage for c in self._left_out if c.vantage or c.outside]
        self._present = (
            len(self.vantage) - sum(absent),
            len(self.outside) - len(absent) + sum(absent),
        )

    def observe(self, check: CheckState, at: Instant, result: Result) -> None:
        """Take an observation of a check of V or O, before it is judged."""
        if result.answer:
            self.lost = None
            if self._last is not None and self._last[0] is not check:
                self._other = self._last
            self._last = (check, at)
            return
        if self.lost is None:
            if result is not Result.FAILED:
                return
            self.lost = at
            self._mark += 1
            self._seen = 0
        if check.outside and check.mark != self._mark:
            check.mark = self._mark
            self._seen += 1

    def another_answered(self, check: CheckState, since: Instant) -> bool:
        """Whether another check of V or O has answered at or after `since`."""
        return any(
            answer is not None and answer[0] is not check and answer[1] >= since
            for answer in (self._last, self._other)
        )

    @property
    def all_down(self) -> bool:
        """Whether there are vantage checks and every one is down."""
        return 0 < self._present[0] == self.down

    @property
    def all_seen(self) -> bool:
        """Whether every check of O has been observed since I."""
        return self.lost is not None and self._seen == self._present[1]

    def becomes_isolated(self) -> bool:
        """Whether all that makes the agent isolated is so now."""
        return (
            self.isolated is None
            and self.all_down
            and bool(self._present[1])
            and self.all_seen
            and any(self._fell(check) and not check.incident for check in self.vantage)
        )

    def undecided(self) -> bool:
        """Whether it cannot be told yet who is cut off, the agent or the others.

        A check of V is on its way down, or all of V are and some check of O has
        not been observed since.
        """
        if any(
            check.failing and not check.stale and check.state is not State.DOWN
            for check in self.vantage
        ):
            return True
        return (
            self.all_down
            and self.lost is not None
            and not self.all_seen
            and any(self._fell(check) for check in self.vantage)
        )

    def _fell(self, check: CheckState) -> bool:
        return (
            self.lost is not None
            and check.decided is not None
            and check.decided >= self.lost
        )
