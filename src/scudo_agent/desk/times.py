"""How long tickets took: until somebody took them, and until they were resolved; pure.

The intervention time runs from the receipt to the first act of the provider's people
that takes the ticket on (as clocks `until: taken` have it, `domain.md` 6), the
resolution time from the receipt to where it was resolved for the last time, without
what it waited for the customer. Both are lengths by the clock on the wall: what counts
in working time are the contract's clocks.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from scudo_agent.desk.lifecycle import Status
from scudo_agent.instant import Instant

_DONE = frozenset({Status.RESOLVED.value, Status.CLOSED.value})


class Step(StrEnum):
    """What of a history counts here."""

    TAKEN = "taken"
    TURNED = "turned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One entry: a person took the ticket on, or it came to the state `to`."""

    at: Instant
    step: Step
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """One ticket; `intervention` and `resolution` in microseconds, None: not yet."""

    ref: str
    received: Instant
    severity: int | None
    intervention: int | None
    resolution: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """What some tickets come to; lengths in microseconds, None without any ticket.

    `half` is the median: as many took less as took more. Of nine in ten, `most` is
    the longest.
    """

    tickets: int
    half: int | None
    most: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The tickets received in a month, or of a severity."""

    received: int
    intervention: Lengths
    resolution: Lengths


def took(received: Instant, turns: Iterable[Turn]) -> tuple[int | None, int | None]:
    """Intervention and resolution of a ticket, from its history in order."""
    intervention: int | None = None
    resolution: int | None = None
    state, at = Status.NEW.value, received
    waited, waits_since = 0, received
    for turn in turns:
        # What was told late happened after what stands before it.
        at = max(at, turn.at)
        if turn.step is Step.TAKEN:
            if intervention is None:
                intervention = at - received
            continue
        if turn.to == state:
            continue
        if state == Status.WAITING_CUSTOMER.value:
            waited += at - waits_since
        if turn.to == Status.WAITING_CUSTOMER.value:
            waits_since = at
        if turn.to not in _DONE:
            resolution = None
        elif state not in _DONE:
            resolution = at - received - waited
        state = turn.to
    return intervention, resolution


def lengths(found: Iterable[int | None]) -> Lengths:
    """The median and the ninth of ten, by rank: each is a length that there was."""
    known = sorted(one for one in found if one is not None)
    if not known:
        return Lengths(tickets=0, half=None, most=None)
    last = len(known) - 1
    return Lengths(
        tickets=len(known),
        half=known[last // 2],
        most=known[-(-9 * len(known) // 10) - 1],
    )


def line(tickets: Sequence[Took]) -> Line:
    """What these tickets come to."""
    return Line(
        received=len(tickets),
        intervention=lengths(one.intervention for one in tickets),
        resolution=lengths(one.resolution for one in tickets),
    )


def by_month(
    tickets: Sequence[Took], day_of: Callable[[Instant], date], last: date, *, many: int
) -> Mapping[date, Line]:
    """A line for each of the `many` months up to that of `last`, oldest first.

    `day_of` gives the local day on which a ticket was received.
    """
    months = [_month(last, back) for back in range(many - 1, -1, -1)]
    of: dict[date, list[Took]] = {month: [] for month in months}
    for one in tickets:
        month = day_of(one.received).replace(day=1)
        if month in of:
            of[month].append(one)
    return {month: line(found) for month, found in of.items()}


def by_severity(tickets: Sequence[Took]) -> Mapping[int | None, Line]:
    """A line for each severity that there is, the gravest first."""
    known = sorted({one.severity for one in tickets}, key=lambda one: one or 9)
    return {
        severity: line([one for one in tickets if one.severity == severity])
        for severity in known
    }


def _month(day: date, back: int) -> date:
    number = day.year * 12 + day.month - 1 - back
    return date(number // 12, number % 12 + 1, 1)
