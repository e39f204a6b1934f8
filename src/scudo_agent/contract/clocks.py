"""Working time: when a clock is due, and how much of a span was worked.

`domain.md` 6. A working hour is an hour inside service hours, a working day a day
with any; all of it is exact, in whole microseconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.hours import NO_FACTS, TicketFacts, days_from, fits, wall
from scudo_agent.contract.model import ClockRule, Contract, Unit
from scudo_agent.errors import InputError
from scudo_agent.instant import HOUR, Instant
from scudo_agent.intervals import Interval

_IDLE_DAYS = 3660
"""So many days in a row without service: these hours never come."""

Turn = tuple[Instant, TicketFacts]
"""What is true of a ticket from an instant on, up to the next turn."""


def starts(contract: Contract, facts: TicketFacts) -> bool:
    """Whether a request of this origin starts clocks at all; one not given does.

    `requests.clocks_for`: other channels are accepted, but no clock runs for them.
    """
    origins = contract.requests.clocks_for
    return not origins or facts.origin is None or facts.origin in origins


def applies(clock: ClockRule, facts: TicketFacts) -> bool:
    """Whether a clock is one of a ticket's."""
    return fits(clock.when, facts)


def due(
    calendar: Calendar,
    clock: ClockRule,
    received: Instant,
    ticket: TicketFacts = NO_FACTS,
) -> Instant:
    """When a clock that starts at `received` and never pauses is due.

    Working hours: the first instant at which so many have elapsed, so the end of a
    day and not the start of the next. Working days: the end of the service hours of
    the n-th working day after that of the receipt. Raises `InputError` where the
    contract has no hours for such a ticket, or the calendar ends before.
    """
    if unit_of_days(clock):
        return _end_of_day(calendar, clock, received, ticket)
    turns = [(received, ticket)]
    return reach(calendar, received, turns, (), [clock.within * HOUR])[0]


def worked(
    calendar: Calendar,
    interval: Interval,
    ticket: TicketFacts = NO_FACTS,
    pauses: Sequence[Interval] = (),
) -> int:
    """Microseconds of service time in an interval, less its pauses.

    `pauses` are sorted and apart.
    """
    start, end = interval
    if start >= end:
        return 0
    served = service_time(calendar, [(start, ticket)], end, pauses)
    return sum(stop - begin for begin, stop in served)


def reach(
    calendar: Calendar,
    start: Instant,
    turns: Sequence[Turn],
    pauses: Sequence[Interval],
    amounts: Sequence[int],
) -> list[Instant]:
    """The first instants at which so much service time has elapsed since `start`.

    `amounts` are microseconds in ascending order; none of no time at all is later
    than `start`. A last pause without an end belongs to the caller.
    """
    out: list[Instant] = []
    gone = 0
    waiting = list(amounts)
    while waiting and waiting[0] <= 0:
        out.append(start)
        waiting.pop(0)
    served = service_time(calendar, turns, None, pauses)
    while waiting:
        begin, end = next(served)
        while waiting and gone + end - begin >= waiting[0]:
            out.append(Instant(begin + waiting.pop(0) - gone))
        gone += end - begin
    return out


def service_time(
    calendar: Calendar,
    turns: Sequence[Turn],
    end: Instant | None,
    pauses: Sequence[Interval],
) -> Iterator[Interval]:
    """The service hours of a ticket from its first turn on, less the pauses.

    At each instant they are those of what was then true of the ticket. Without an
    `end` they go on for ever; `InputError` is raised when no more of them come.
    """
    for place, (since, facts) in enumerate(turns):
        until = turns[place + 1][0] if place + 1 < len(turns) else end
        for begin, stop in _hours(calendar, since, facts, until):
            yield from _outside(begin, stop, pauses)


def unit_of_days(clock: ClockRule) -> bool:
    """Whether the clock counts working days."""
    return clock.unit is Unit.DAYS


def _hours(
    calendar: Calendar, since: Instant, facts: TicketFacts, until: Instant | None
) -> Iterator[Interval]:
    if until is not None and until <= since:
        return
    last = None if until is None else calendar.local_day(until)
    idle = 0
    for day in days_from(calendar.local_day(since)):
        if last is not None and day > last:
            return
        spans = calendar.service(day, facts)
        idle = 0 if spans else idle + 1
        if idle > _IDLE_DAYS and until is None:
            raise InputError(
                f"{calendar.contract.id} has no service hours for such a ticket "
                f"in the ten years before {day}"
            )
        for start, end in spans:
            begin = max(start, since)
            stop = end if until is None else min(end, until)
            if begin < stop:
                yield begin, stop
    if until is None:
        raise InputError("the calendar ends before so much service time has elapsed")


def _outside(
    begin: Instant, end: Instant, pauses: Sequence[Interval]
) -> Iterator[Interval]:
    for start, stop in pauses:
        if stop <= begin or start >= end:
            continue
        if begin < start:
            yield begin, start
        begin = max(begin, stop)
    if begin < end:
        yield begin, end


def _end_of_day(
    calendar: Calendar, clock: ClockRule, received: Instant, ticket: TicketFacts
) -> Instant:
    left, idle = clock.within, 0
    for day in days_from(calendar.local_day(received) + timedelta(days=1)):
        spans = calendar.spans(day, ticket)
        if not spans:
            idle += 1
            if idle > _IDLE_DAYS:
                break
            continue
        left, idle = left - 1, 0
        if left == 0:
            return wall(calendar.zone, day, spans[-1][1])
    raise InputError(
        f"clock '{clock.name}': {calendar.contract.id} has no {clock.within} working "
        "days after that for such a ticket"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How long things took, in microseconds of working time."""

    count: int
    median_us: int
    p95_us: int


def summary(durations_us: Sequence[int]) -> Summary | None:
    """Median and 95th percentile; None of nothing.

    The median of an even number is the mean of the middle two, rounded down; the
    percentile is the smallest duration that 95 % of them do not exceed.
    """
    if not durations_us:
        return None
    ordered = sorted(durations_us)
    count = len(ordered)
    median = (ordered[(count - 1) // 2] + ordered[count // 2]) // 2
    p95 = ordered[-(-95 * count // 100) - 1]
    return Summary(count=count, median_us=median, p95_us=p95)
