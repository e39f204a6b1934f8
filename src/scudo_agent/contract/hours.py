"""Wall times, spans of a day, and which tickets something is for (`domain.md` 1, 6)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo

from scudo_agent.contract.model import Span, Weekly, When
from scudo_agent.instant import Instant, from_datetime, to_datetime

WHOLE_DAY: Span = (0, 1440)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFacts:
    """What clocks and extra hours may ask of a ticket; None is: not given.

    `card` says whether a card with usable credits stands behind the ticket.
    """

    severity: int | None = None
    category: str | None = None
    origin: str | None = None
    card: bool | None = None


NO_FACTS = TicketFacts()
"""A ticket of which nothing is said: no extra hours, only clocks that ask nothing."""


def unanswered(when: When, facts: TicketFacts) -> tuple[str, ...]:
    """What `when` asks for and `facts` does not give, in the order of the file's keys.

    Empty if what is given rules the ticket out already.
    """
    wanted = {
        name: getattr(when, name) for name in ("severity", "category", "origin", "card")
    }
    missing = tuple(
        name
        for name, asked in wanted.items()
        if asked is not None and getattr(facts, name) is None
    )
    return missing if fits(replace(when, **dict.fromkeys(missing)), facts) else ()


def fits(when: When, facts: TicketFacts) -> bool:
    """Whether a ticket is one of those meant; a value not given never fits."""
    return (
        (when.severity is None or facts.severity in when.severity)
        and (when.category is None or facts.category in when.category)
        and (when.origin is None or facts.origin in when.origin)
        and (when.card is None or facts.card is when.card)
    )


def wall(zone: tzinfo, day: date, minute: int) -> Instant:
    """The instant of a local wall time; 1440 minutes are the next day's midnight.

    One that does not exist is the instant at which the gap ends, a doubled one is
    the first (`domain.md` 1). Raises `OverflowError` beyond the year 9999.
    """
    days, minute = divmod(minute, 1440)
    clock = time(minute // 60, minute % 60)
    local = datetime.combine(day + timedelta(days=days), clock, tzinfo=zone)
    at = from_datetime(local)
    if _wall_of(zone, at) == local.replace(tzinfo=None):
        return at
    # In a gap: fold=1 takes the offset after it, and so lies before its end.
    before, after = from_datetime(local.replace(fold=1)), at
    old = _offset(zone, before)
    while after - before > 1:
        middle = Instant((before + after) // 2)
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def local_day(zone: tzinfo, at: Instant) -> date:
    """The local date on which an instant falls; beyond the calendar, its nearest."""
    try:
        return to_datetime(at).astimezone(zone).date()
    except OverflowError:
        return date.min if at < 0 else date.max


def join(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The union of spans: sorted, and those that touch made one."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return tuple(out)


def add_weeks(weeks: Iterable[Weekly]) -> Weekly:
    """Day by day the union of several weeks."""
    return tuple(
        days[0] if len(days) == 1 else join(span for day in days for span in day)
        for days in zip(*weeks, strict=True)
    )


def span_text(span: Span) -> str:
    """A span as the contract file writes it.

    >>> span_text((540, 1440))
    '09:00-24:00'
    """
    return "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in span)


def days_from(day: date) -> Iterator[date]:
    """Each day from `day` on, up to the last one of which the calendar has the end."""
    while day < date.max:
        yield day
        day += timedelta(days=1)


def add_months(day: date, months: int) -> date:
    """The same day of the month, `months` later (`domain.md` 1).

    The first of the next month where that day is missing: 12 months after
    2024-02-29 is 2025-03-01. Raises `OverflowError` beyond the year 9999.
    """
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        return date(years, month + 1, day.day)
    except ValueError:
        pass
    years, month = divmod(day.year * 12 + day.month + months, 12)
    try:
        return date(years, month + 1, 1)
    except ValueError:
        raise OverflowError(f"{months} months after {day} no calendar goes") from None


def _wall_of(zone: tzinfo, at: Instant) -> datetime:
    return to_datetime(at).astimezone(zone).replace(tzinfo=None)


def _offset(zone: tzinfo, at: Instant) -> timedelta | None:
    return to_datetime(at).astimezone(zone).utcoffset()
