"""A service's state from its checks' (`domain.md` 2, `judging.md` 3).

A member is good when up or degraded. With g good, u unknown members and the
number k that is needed: g ≥ k is degraded if any member is bad, else up;
otherwise g + u ≥ k is unknown; otherwise down.
"""

from collections.abc import Iterable, Sequence

from scudo_agent.instant import Instant
from scudo_agent.intervals import cut, enter
from scudo_agent.judge.batch import Change, Withdrawal
from scudo_agent.judge.site import ServiceRule
from scudo_agent.model import State

Timeline = list[tuple[State, Instant]]
"""States and since when, in order; none of zero length, none twice in a row."""


class ServiceTally:
    """How many members of a service are good, unknown and bad just now."""

    __slots__ = ("bad", "good", "need", "rule", "state", "unknown")

    def __init__(self, rule: ServiceRule) -> None:
        self.rule = rule
        self.need = rule.need
        self.good = self.bad = 0
        self.unknown = len(rule.checks)
        self.state = State.UNKNOWN
        self._judge()

    def move(self, old: State, new: State) -> None:
        """One member went from `old` to `new`."""
        self._count(old, -1)
        self._count(new, 1)
        self._judge()

    def _count(self, state: State, step: int) -> None:
        if state is State.UNKNOWN:
            self.unknown += step
        if state in (State.UP, State.DEGRADED):
            self.good += step
        if state.bad:
            self.bad += step

    def _judge(self) -> None:
        if self.good >= self.need:
            self.state = State.DEGRADED if self.bad else State.UP
        elif self.good + self.unknown >= self.need:
            self.state = State.UNKNOWN
        else:
            self.state = State.DOWN


def check_timeline(
    entries: Iterable[Change | Withdrawal], start: Instant | None = None
) -> Timeline:
    """A check's timeline from its changes and withdrawals, in order of decision.

    With `start` it begins there, unknown.
    """
    out: Timeline = [] if start is None else [(State.UNKNOWN, start)]
    for entry in entries:
        if isinstance(entry, Withdrawal):
            cut(out, entry.since)
        else:
            enter(out, entry.state, entry.since)
    return out


def service_timeline(
    members: Sequence[Sequence[tuple[State, Instant]]], need: int
) -> Timeline:
    """The rule applied to the members' timelines at every instant.

    A member whose timeline has not begun is unknown. The result begins with the
    earliest entry of any member.
    """
    rule = ServiceRule(id="", checks=tuple(map(str, range(len(members)))), need=need)
    tally = ServiceTally(rule)
    states = [State.UNKNOWN] * len(members)
    moves = sorted(
        (since, place, number)
        for number, member in enumerate(members)
        for place, (_, since) in enumerate(member)
    )
    out: Timeline = []
    for since, place, number in moves:
        state = members[number][place][0]
        tally.move(states[number], state)
        states[number] = state
        enter(out, tally.state, since)
    return out
