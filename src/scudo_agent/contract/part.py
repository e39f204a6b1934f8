"""The account of a part of the time elapsed: a month of it, or its service hours.

The formulas are those of the year (`domain.md` 3) with P cut to the part. There is
no budget in it: what may be lost is promised for the year.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from scudo_agent.contract.account import Account, chosen_year
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.hours import wall
from scudo_agent.contract.model import Basis, Contract, WindowKind
from scudo_agent.contract.spans import Spans, merge
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant
from scudo_agent.intervals import Interval
from scudo_agent.model import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The figures of a part; lengths in microseconds, ratios from 0 to 1."""

    time: Spans
    states: Mapping[State, int]
    excluded: Mapping[WindowKind, int]
    down_excluded: int
    down_counted: int
    counted: int
    availability: Fraction | None
    worst_case: Fraction | None
    best_case: Fraction | None
    coverage: Fraction

    @property
    def elapsed(self) -> int:
        """The length of the part."""
        return self.time.length()


def part(account: Account, time: Spans) -> Part:
    """What of an account lies in `time`; what has not elapsed is left out."""
    time = time.within(account.period)
    elapsed = time.length()
    outside = account.exclusion.total.common(time)
    unknown = account.states[State.UNKNOWN].common(time)
    down = account.states[State.DOWN].common(time)
    lost = down.length() - down.overlap(outside)
    unseen = unknown.length() - unknown.overlap(outside)
    whole = elapsed
    if account.contract.uptime.basis is Basis.AGREED:
        whole -= outside.length()
    base = whole - unseen
    states = {state: one.overlap(time) for state, one in account.states.items()}
    states[State.UP] = elapsed - sum(states.values())
    return Part(
        time=time,
        states=states,
        excluded={
            kind: one.overlap(time) for kind, one in account.exclusion.kinds.items()
        },
        down_excluded=down.length() - lost,
        down_counted=lost,
        counted=base,
        availability=Fraction(base - lost, base) if base else None,
        worst_case=Fraction(base - lost, whole) if whole else None,
        best_case=Fraction(whole - lost, whole) if whole else None,
        coverage=Fraction(base, whole) if whole else Fraction(1),
    )


def service_time(calendar: Calendar, period: Interval) -> Spans:
    """The service hours inside a period, of tickets of which nothing is said."""
    start, end = period
    if start >= end:
        return merge(())
    day, last = calendar.local_day(start), calendar.local_day(end)
    found: list[Interval] = []
    while day <= last:
        found += calendar.service(day)
        day += timedelta(days=1)
    return merge(found).within(period)


def month_span(contract: Contract, month: str) -> Interval:
    """A calendar month `2026-11`, local midnight to local midnight."""
    try:
        year, number = month.split("-")
        first = date(int(year), int(number), 1)
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        if month != f"{first:%Y-%m}":
            raise ValueError(month)
        zone = ZoneInfo(contract.timezone)
        return wall(zone, first, 0), wall(zone, after, 0)
    except (ValueError, OverflowError):
        raise InputError(f"'{month}' is no month: write 2026-11") from None


def year_of_month(calendar: Calendar, month: str, at: Instant) -> int:
    """The contract year that a month is shown of, by the year in which it starts.

    Where a contract year ends inside the month, the one of its last instant that is
    not after `at`. Raises `InputError` before the contract began.
    """
    start, end = month_span(calendar.contract, month)
    moment = Instant(max(start, min(at, end - 1)))
    return calendar.local_day(chosen_year(calendar, moment)[0]).year


def month_part(account: Account, month: str) -> tuple[Interval, Part]:
    """The part of a month that lies in the account's year, and its figures.

    Raises `InputError` for a month that has nothing in common with the year.
    """
    start, end = month_span(account.contract, month)
    span = max(start, account.year[0]), min(end, account.year[1])
    if span[0] >= span[1]:
        raise InputError(f"{month} lies outside the contract year that is shown")
    return span, part(account, merge([span]))
