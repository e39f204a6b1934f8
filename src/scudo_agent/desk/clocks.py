"""What was promised of a ticket and how it stands, from its history; pure.

`domain.md` 6 says what starts, stops and ends a clock, `contract.running` counts.
Here the entries of a ticket's history become the events of its clocks. Nothing is
counted up and kept: whoever looks works it out again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.contract.model import Unit, Until
from scudo_agent.contract.running import (
    ClockState,
    Event,
    Happening,
    Standing,
    clock_states,
)
from scudo_agent.desk.lifecycle import Status
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant

_DONE = frozenset({Status.RESOLVED.value, Status.CLOSED.value})
_PROCESSED = _DONE | {Status.IN_PROGRESS.value, Status.WAITING_CUSTOMER.value}
_STILL = frozenset({Status.WAITING_CUSTOMER.value, Status.CLOSED.value})


class Mark(StrEnum):
    """How a promise stands."""

    RUNNING = "running"
    PAUSED = "paused"
    """The ticket waits for the customer."""
    MET = "met"
    MISSED = "missed"
    STOPPED = "stopped"
    """It no longer applies, and was neither met nor missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An entry of a ticket's history, as its clocks see it.

    `severity` is the ticket's then. `data` is what a person's act says; of an agent's
    stage, only whether it took the ticket to another state.
    """

    at: Instant
    kind: str
    actor: str
    severity: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One clock of a ticket; lengths are microseconds of working time.

    `due` is None while nobody knows: it is paused. `left_us` is below zero once its
    time is over. `ended` is when what it waits for happened, `running` whether it
    still waits for it (a missed one may).
    """

    name: str
    until: Until
    unit: Unit
    within: int
    mark: Mark
    due: Instant | None
    used_us: int
    left_us: int
    ended: Instant | None
    running: bool


def promises(
    calendar: Calendar,
    received: Instant,
    origin: str,
    moments: Sequence[Moment],
    at: Instant,
) -> tuple[Promise, ...]:
    """The clocks of a ticket as known at `at`, in the contract's order.

    `moments` are in the order in which the desk had them. Where nobody knows the days
    any more (holidays are known up to 2100) nothing is promised.
    """
    told = _Told(received, origin, moments)
    at = max(at, received)  # an agent's clock may be ahead of the desk's
    facts, events = told.facts, told.events
    try:
        states = clock_states(calendar, received, facts, events, at)
    except InputError:
        return ()
    return tuple(_promise(state, closed=told.closed) for state in states)


def first_due(all_: Iterable[Promise]) -> Instant | None:
    """When the first of the clocks that run is due, or was."""
    due = [one.due for one in all_ if one.running and one.due is not None]
    return min(due, default=None)


def _promise(state: ClockState, *, closed: bool) -> Promise:
    runs = state.standing is Standing.RUNNING
    mark = _MARKS[state.standing]
    if state.breached is not None:
        mark = Mark.MISSED
    elif closed and state.standing is Standing.PAUSED:
        mark = Mark.STOPPED  # nobody works on a closed ticket
    return Promise(
        name=state.clock.name,
        until=state.clock.until,
        unit=state.clock.unit,
        within=state.clock.within,
        mark=mark,
        due=state.due,
        used_us=state.elapsed_us,
        left_us=state.remaining_us,
        ended=state.ended,
        running=runs,
    )


_MARKS = {
    Standing.RUNNING: Mark.RUNNING,
    Standing.PAUSED: Mark.PAUSED,
    Standing.STOPPED: Mark.MET,
    Standing.UNJUDGED: Mark.STOPPED,
}


class _Told:
    """A history, as facts at the receipt and events after it."""

    def __init__(
        self, received: Instant, origin: str, moments: Sequence[Moment]
    ) -> None:
        self.events: list[Event] = []
        self._status = Status.NEW.value
        self._at = received
        self._now = TicketFacts(origin=origin)
        self.facts = self._now
        for place, moment in enumerate(moments):
            self._take(moment, first=place == 0)

    @property
    def closed(self) -> bool:
        """Whether the ticket is closed at the end of what is told."""
        return self._status == Status.CLOSED.value

    def _take(self, moment: Moment, *, first: bool) -> None:
        # What an agent tells late is true from when the one before was.
        self._at = max(self._at, moment.at)
        facts = self._facts(moment)
        if first:
            self.facts = facts
        elif facts != self._now:
            self._add(Happening.CHANGED, facts)
        self._now = facts
        data = moment.data
        person = moment.actor.startswith("person:")
        if person and not data.get("by_customer"):
            self._person(moment)
        if moment.kind == "closed":
            self._turn(Status.CLOSED.value)
        elif moment.kind == "insisted":
            self._turn(Status.REOPENED.value)
        elif isinstance(status := data.get("status"), Mapping):
            self._turn(str(status["to"]))

    def _facts(self, moment: Moment) -> TicketFacts:
        facts = self._now
        if moment.severity is not None:
            facts = replace(facts, severity=moment.severity)
        elif moment.kind == "severity_set":
            facts = replace(facts, severity=int(moment.data["to"]))
        category = moment.data.get("category")
        if isinstance(category, Mapping):
            facts = replace(facts, category=category["to"])
        elif isinstance(category, str):
            facts = replace(facts, category=category)
        return facts

    def _person(self, moment: Moment) -> None:
        """What one of the provider's people did, besides where it left the ticket."""
        data = moment.data
        # The first counts: that leaves `new`, or what an agent re-opened untouched.
        moves = isinstance(data.get("status"), Mapping) or moment.kind == "closed"
        if moves or (moment.kind == "assigned" and data.get("to") is not None):
            self._add(Happening.TAKEN)
        if data.get("public") and data.get("words") and moment.kind != "requested":
            self._add(Happening.ANSWERED)

    def _turn(self, status: str) -> None:
        """The ticket goes to another state."""
        before, self._status = self._status, status
        if status == before:
            return
        if status == Status.REOPENED.value:
            self._add(Happening.REOPENED)
        elif before in _STILL:
            self._add(Happening.RESUMED)
        if status in _PROCESSED:
            self._add(Happening.PROCESSED)
        if status in _DONE:
            self._add(Happening.RESOLVED)
        if status in _STILL:
            self._add(Happening.PAUSED)

    def _add(self, what: Happening, facts: TicketFacts | None = None) -> None:
        self.events.append(Event(at=self._at, what=what, facts=facts))
