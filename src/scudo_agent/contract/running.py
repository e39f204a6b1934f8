"""The clocks of one ticket, worked out from what happened to it (`domain.md` 6).

Nothing is counted up and kept: a desk that was restarted works it out again and
comes to the same instants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.clocks import (
    Turn,
    applies,
    due,
    reach,
    service_time,
    starts,
    unit_of_days,
    worked,
)
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.contract.model import ClockRule, Until
from scudo_agent.instant import HOUR, Instant
from scudo_agent.intervals import Interval

WARNINGS = (50, 80, 100)
"""Percent of a clock's working time at which the desk warns; 100 is the breach."""


class Happening(StrEnum):
    """What of a ticket's history moves its clocks."""

    TAKEN = "taken"
    """A technician was assigned, or the ticket left `new` by a person."""
    ANSWERED = "answered"
    """A message to the customer written by a person."""
    PROCESSED = "processed"
    """In progress or later."""
    RESOLVED = "resolved"
    REOPENED = "reopened"
    PAUSED = "paused"
    """It began to wait for the customer."""
    RESUMED = "resumed"
    CHANGED = "changed"
    """Severity, category or another of its facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a ticket; `facts` are those that it `CHANGED` to."""

    at: Instant
    what: Happening
    facts: TicketFacts | None = None


class Standing(StrEnum):
    """What a clock does now."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    """What it waited for has happened."""
    UNJUDGED = "unjudged"
    """It no longer applies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """One clock of a ticket as known at an instant; lengths are microseconds.

    `marks` holds, for each of `WARNINGS` that was reached or will be if nothing else
    stands still, when: while a clock is paused those ahead of it are not known. They
    may lie before a clock came to apply. `ended` is when a stopped clock stopped,
    `breached` when its time was over before that.
    """

    clock: ClockRule
    allowed_us: int
    elapsed_us: int
    standing: Standing
    marks: tuple[tuple[int, Instant], ...]
    ended: Instant | None = None
    breached: Instant | None = None

    @property
    def due(self) -> Instant | None:
        """When its time is over; None while that is not known."""
        return dict(self.marks).get(100)

    @property
    def remaining_us(self) -> int:
        """Working time that is left; below zero once it is over."""
        return self.allowed_us - self.elapsed_us

    @property
    def met(self) -> bool | None:
        """Whether the promise was kept; None while nobody can say."""
        if self.breached is not None:
            return False
        return True if self.standing is Standing.STOPPED else None


def clock_states(
    calendar: Calendar,
    received: Instant,
    facts: TicketFacts,
    events: Sequence[Event],
    at: Instant,
) -> tuple[ClockState, ...]:
    """The clocks that apply to a ticket, or did, as known at `at`; in file order.

    Later events are not known; those of one instant happen in their order. A clock
    counts from the receipt, less the time the ticket waited for the customer, and
    uses at each instant the hours of what was then true of the ticket. There are none
    for a request that came in by a way for which the contract runs no clocks.
    """
    if not starts(calendar.contract, facts):
        return ()
    known = sorted((e for e in events if e.at <= at), key=lambda event: event.at)
    history = _History(received, facts, known)
    states = (
        _state(calendar, clock, history, at) for clock in calendar.contract.clocks
    )
    return tuple(state for state in states if state is not None)


class _History:
    """A ticket's events, sorted by what they do to clocks."""

    def __init__(
        self, received: Instant, facts: TicketFacts, events: Sequence[Event]
    ) -> None:
        self.received = received
        self.events = events
        self.turns: list[Turn] = [(received, facts)]
        for event in events:
            if event.what is Happening.CHANGED and event.facts is not None:
                since = max(event.at, received)
                if self.turns[-1][0] == since:
                    self.turns.pop()  # it was true for no time at all
                self.turns.append((since, event.facts))

    def applied(self, clock: ClockRule) -> tuple[TicketFacts, Instant | None] | None:
        """Its last run: the facts it began with, and when it ended (None: it goes on).

        None if the clock never applied.
        """
        began: TicketFacts | None = None
        ended: Instant | None = None
        for since, facts in self.turns:
            if not applies(clock, facts):
                ended = since if began is not None and ended is None else ended
            elif began is None or ended is not None:
                began, ended = facts, None
        return None if began is None else (began, ended)

    def ended(self, until: Until, limit: Instant) -> Instant | None:
        """When what a clock waits for happened, if it still holds at `limit`."""
        ends = {Happening(until.value)}
        if until is Until.PROCESSED:
            ends.add(Happening.RESOLVED)
        found: Instant | None = None
        for event in self.events:
            if event.at > limit:
                break
            if event.what in ends and found is None:
                found = event.at
            elif event.what is Happening.REOPENED and until is Until.RESOLVED:
                found = None
        return found

    def stops(self, until: Until, limit: Instant) -> tuple[list[Interval], bool]:
        """When a clock stood still up to `limit`, and whether it does there."""
        out: list[Interval] = []
        causes: set[Happening] = set()
        since = limit
        for event in self.events:
            if event.at > limit:
                break
            before = bool(causes)
            _stand(causes, event.what, until)
            if causes and not before:
                since = event.at
            elif before and not causes and since < event.at:
                out.append((since, event.at))
        if causes and since < limit:
            out.append((since, limit))
        return out, bool(causes)


def _stand(causes: set[Happening], what: Happening, until: Until) -> None:
    """Keep count of why a clock stands still; a re-open ends `resolved` only for it."""
    if what is Happening.PAUSED:
        causes.add(Happening.PAUSED)
    elif what in (Happening.RESUMED, Happening.REOPENED, Happening.RESOLVED):
        # A ticket that is resolved or re-opened waits for nobody.
        causes.discard(Happening.PAUSED)
    if until is Until.RESOLVED:
        if what is Happening.RESOLVED:
            causes.add(Happening.RESOLVED)
        elif what is Happening.REOPENED:
            causes.discard(Happening.RESOLVED)


def _state(
    calendar: Calendar, clock: ClockRule, history: _History, at: Instant
) -> ClockState | None:
    applied = history.applied(clock)
    if applied is None:
        return None
    facts, left = applied
    limit = at if left is None else left
    ended = history.ended(clock.until, limit)
    cut = limit if ended is None else max(ended, history.received)
    stops, still = history.stops(clock.until, cut)
    turns = [turn for turn in history.turns if turn[0] <= cut]
    elapsed = sum(
        stop - begin for begin, stop in service_time(calendar, turns, cut, stops)
    )
    allowed = _allowed(calendar, clock, history.received, facts)
    open_end = still and ended is None
    marks = _marks(calendar, turns, stops, allowed, elapsed if open_end else None)
    over = dict(marks).get(100)
    if ended is not None:
        standing = Standing.STOPPED
    elif left is not None:
        standing = Standing.UNJUDGED
    else:
        standing = Standing.PAUSED if still else Standing.RUNNING
    return ClockState(
        clock=clock,
        allowed_us=allowed,
        elapsed_us=elapsed,
        standing=standing,
        marks=marks,
        ended=ended,
        breached=over if over is not None and over < cut else None,
    )


def _allowed(
    calendar: Calendar, clock: ClockRule, received: Instant, facts: TicketFacts
) -> int:
    """The working time of a clock: for days, that of the days as they were promised."""
    if not unit_of_days(clock):
        return clock.within * HOUR
    return worked(calendar, (received, due(calendar, clock, received, facts)), facts)


def _marks(
    calendar: Calendar,
    turns: Sequence[Turn],
    stops: Sequence[Interval],
    allowed: int,
    reached: int | None,
) -> tuple[tuple[int, Instant], ...]:
    """When each of `WARNINGS` comes; past `reached` none does yet, if it is given."""
    amounts = [(percent, -(-allowed * percent // 100)) for percent in WARNINGS]
    if reached is not None:
        amounts = [one for one in amounts if one[1] <= reached]
    found = reach(calendar, turns[0][0], turns, stops, [us for _, us in amounts])
    return tuple(zip((percent for percent, _ in amounts), found, strict=True))
