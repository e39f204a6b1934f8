"""One check: runs of observations, and the state they make (`judging.md` 1).

A change is dated back to the first observation of the run that caused it: the
contract counts the outage, not our patience.
"""

from typing import TYPE_CHECKING

from scudo_agent.instant import Instant
from scudo_agent.intervals import cut, enter
from scudo_agent.judge.batch import Member
from scudo_agent.judge.site import CheckRule
from scudo_agent.model import Result, State

if TYPE_CHECKING:
    from scudo_agent.judge.incidents import Incident
    from scudo_agent.judge.waiting import Pending

_KEPT = 64
"""Entries of a check's own recent timeline, kept for the live table."""


class Run:
    """Consecutive observations of one sort: how many, and since when.

    `before` is the check's last answer that lies before the first of them.
    """

    __slots__ = ("before", "first", "n")

    def __init__(self) -> None:
        self.n = 0
        self.first = Instant(0)
        self.before: Instant | None = None

    def add(self, at: Instant, before: Instant | None) -> None:
        """One more; the first one dates the run."""
        if not self.n:
            self.first = at
            self.before = before
        self.n += 1


class CheckState:
    """What is known of one check: runs, state, and what it is a member of.

    `observed` is its last observation since the agent's start, `failing` whether
    that one failed, `stale` whether it is too old. `answered` is its last answer
    ever and `earlier` the last one before that instant; `cleared` its last answer
    before the bad state that it has now. `before` is what an unknown check was,
    while that was bad; `fell` is when it was bad first since it was up last. `was`
    names incidents that it has left.
    """

    __slots__ = (
        "answered", "answers", "bad", "before", "cleared", "decided", "earlier",
        "failing", "fell", "good", "in_agent", "incident", "line", "mark",
        "observed", "order", "outside", "path", "pending", "queued", "recent",
        "redefined", "rule", "shown", "since", "span", "stale", "state", "vantage",
        "was", "weak",
    )  # fmt: skip

    def __init__(self, rule: CheckRule, order: int) -> None:
        self.rule = rule
        self.path = rule.path
        self.order = order
        self.span = rule.interval_us * 5 // 2
        self.line = self.vantage = self.outside = False
        self.state = State.UNKNOWN
        self.since: Instant | None = None
        self.decided: Instant | None = None
        self.before: State | None = None
        self.fell: Instant | None = None
        self.redefined = False
        self.bad, self.weak, self.good, self.answers = Run(), Run(), Run(), Run()
        self.observed: Instant | None = None
        self.failing = self.stale = self.queued = False
        self.mark = 0
        self.answered: Instant | None = None
        self.earlier: Instant | None = None
        self.cleared: Instant | None = None
        self.incident: Incident | None = None
        self.in_agent = False
        self.was: tuple[str, ...] = ()
        self.pending: Pending | None = None
        self.recent: list[tuple[State, Instant]] = []
        self.shown: Member | None = None

    def follow(self, rule: CheckRule, order: int) -> None:
        """The site file has another version: its rule and its place in it."""
        self.rule = rule
        self.order = order
        self.span = rule.interval_us * 5 // 2

    @property
    def member(self) -> bool:
        """Whether it is a member of an open incident, the agent's included."""
        return self.in_agent or self.incident is not None

    def observe(self, at: Instant, result: Result) -> tuple[State, Instant] | None:
        """Take one observation; return the new state and its date, if it changes.

        An `unknown` observation changes no run and no state.
        """
        if result is Result.UNKNOWN:
            return None
        if result is Result.GOOD and self.state is State.UP:
            # By far the most frequent one. The good run of a check that is up
            # decides nothing: no way leads back to up without ending it.
            self.bad.n = self.weak.n = 0
            self._answer(at)
            return None
        self._count(at, result)
        return self._judge(at, result)

    def _count(self, at: Instant, result: Result) -> None:
        before = self.answer_before(at)
        if result is Result.FAILED:
            self.bad.add(at, before)
            self.answers.n = 0
        else:
            self.bad.n = 0
            self.answers.add(at, before)
            self._answer(at)
        if result is Result.GOOD:
            self.weak.n = 0
            self.good.add(at, before)
        else:
            self.weak.add(at, before)
            self.good.n = 0

    def _judge(self, at: Instant, result: Result) -> tuple[State, Instant] | None:
        confirm, recover = self.rule.confirm, self.rule.recover
        if self.bad.n >= confirm:
            if self.state is State.DOWN:
                return None
            return self._dated(State.DOWN, self.bad)
        if self.state is State.UNKNOWN and self.member and self.before is not None:
            return self._go_on(at, result)
        if self.state in (State.UNKNOWN, State.UP):
            if self.weak.n >= confirm:
                return self._dated(State.DEGRADED, self.weak)
            if self.state is State.UNKNOWN and result is Result.GOOD:
                return State.UP, self._not_before(at)
            return None
        if self.good.n >= recover:
            return self._dated(State.UP, self.good)
        if self.state is State.DOWN and self.answers.n >= recover:
            # Not all of them are good: it would be up.
            return self._dated(State.DEGRADED, self.answers)
        return None

    def _go_on(self, at: Instant, result: Result) -> tuple[State, Instant] | None:
        """A member of an open incident, unknown, goes on as what it was before."""
        if self.good.n >= self.rule.recover:
            return self._dated(State.UP, self.good)
        if result is Result.GOOD or self.before is None:
            return None
        state = self.before if result is Result.FAILED else State.DEGRADED
        since = self._not_before(at)
        self.cleared = self.answer_before(since)
        return state, since

    def _dated(self, state: State, run: Run) -> tuple[State, Instant]:
        since = self._not_before(run.first)
        if state is not State.UP:
            known = (run.before, self.answer_before(since))
            self.cleared = max((at for at in known if at is not None), default=None)
        return state, since

    def _not_before(self, at: Instant) -> Instant:
        """A date never goes back before the check's previous change."""
        return at if self.since is None else max(at, self.since)

    def _answer(self, at: Instant) -> None:
        if at != self.answered:
            self.earlier = self.answered
            self.answered = at

    def answer_before(self, at: Instant) -> Instant | None:
        """The last known answer strictly before an instant."""
        if self.answered is not None and self.answered < at:
            return self.answered
        if self.earlier is not None and self.earlier < at:
            return self.earlier
        return None

    def answered_since(self, at: Instant) -> bool:
        """Whether it has answered at or after an instant."""
        return self.answered is not None and self.answered >= at

    def clear_runs(self) -> None:
        """Forget what was being confirmed."""
        self.bad.n = self.weak.n = self.good.n = self.answers.n = 0

    def enter(self, state: State, since: Instant, decided: Instant) -> None:
        """Take a state; what was bad before an unknown one is remembered."""
        if state is State.UNKNOWN:
            if self.state is not State.UNKNOWN:
                bad = self.state.bad and not self.redefined
                self.before = self.state if bad else None
                self.redefined = False
        else:
            self.before = None
        if state is State.UP:
            self.fell = None
        elif state.bad and self.fell is None:
            self.fell = since
        self.state, self.since, self.decided = state, since, decided
        self.shown = None
        enter(self.recent, state, since)
        if len(self.recent) > 2 * _KEPT:
            del self.recent[:_KEPT]

    def withdraw(self, since: Instant) -> bool:
        """Forget the timeline from `since` on; whether there was a change."""
        cut(self.recent, since)
        if self.fell is not None and self.fell >= since:
            self.fell = None
        return self.since is not None and self.since >= since
