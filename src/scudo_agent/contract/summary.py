"""What a contract promises, in plain words and with the figures of one year.

For `contract check` and whoever else has to explain a contract: titled rows of
sentences, rendered by the reader's edge in the reader's language.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.hours import add_months, local_day, wall
from scudo_agent.contract.model import Contract
from scudo_agent.contract.summary_cover import cover_rows
from scudo_agent.contract.summary_rows import (
    Row,
    clock_rows,
    exclusion_rows,
    hours_rows,
    money_rows,
    request_rows,
    uptime_rows,
)
from scudo_agent.contract.summary_words import plain, spans
from scudo_agent.contract.year import allowed_us
from scudo_agent.instant import Instant
from scudo_agent.text import TN, T, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A title and what stands under it; a row's label may be empty."""

    title: Text
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feast:
    """A holiday or half-day; `hours` as text, empty without service."""

    day: date
    name: str | None
    half: bool
    hours: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A contract explained: `first` and `last` day of the contract year meant.

    `budget_us`: what may be lost in it when nothing is excluded; `carenza`: days
    without cover that were declared and that it may have.
    """

    contract: Contract
    first: date
    last: date
    working_days: int
    budget_us: int
    carenza: tuple[int, int]
    feasts: tuple[Feast, ...]
    sections: tuple[Section, ...]


def summary(contract: Contract, at: Instant) -> Summary:
    """The contract in the contract year that contains `at`, or else its first one.

    Holidays are those of the twelve months from `at` on.
    """
    calendar = Calendar(contract)
    today = local_day(calendar.zone, at)
    year = _year(calendar, max(today, contract.year_start))
    begin, end = calendar.contract_days(year)
    whole = wall(calendar.zone, begin, 0), wall(calendar.zone, end, 0)
    budget = allowed_us(contract.uptime.target, whole)
    declared = sum(begin <= day < end for day in contract.carenza.days)
    carenza = declared, calendar.carenza_allowed(year)
    last = date.fromordinal(end.toordinal() - 1)
    worked = sum(map(calendar.is_working_day, _days(begin, end)))
    return Summary(
        contract=contract,
        first=begin,
        last=last,
        working_days=worked,
        budget_us=budget,
        carenza=carenza,
        feasts=tuple(_feasts(calendar, today)),
        sections=(
            Section(
                title=T("Contract year"),
                rows=tuple(_year_rows(contract, begin, last, worked)),
            ),
            Section(
                title=T("Uptime"), rows=tuple(uptime_rows(contract.uptime, budget))
            ),
            Section(
                title=T("Maintenance that is excluded"),
                rows=tuple(exclusion_rows(contract.uptime.exclusions)),
            ),
            Section(
                title=T("Service hours"), rows=tuple(hours_rows(contract, carenza))
            ),
            Section(title=T("Clocks"), rows=tuple(clock_rows(contract))),
            Section(title=T("Requests"), rows=tuple(request_rows(contract))),
            Section(title=T("Cover"), rows=tuple(cover_rows(contract))),
            Section(title=T("Billing"), rows=tuple(money_rows(contract))),
        ),
    )


def _year(calendar: Calendar, day: date) -> int:
    """In which calendar year the contract year that contains `day` starts."""
    return day.year if day >= calendar.contract_days(day.year)[0] else day.year - 1


def _days(first: date, end: date) -> Iterator[date]:
    return map(date.fromordinal, range(first.toordinal(), end.toordinal()))


def _year_rows(
    contract: Contract, first: date, last: date, worked: int
) -> Iterator[Row]:
    days = (last - first).days + 1
    text = TN(
        "{first} to {last}: {n} day",
        "{first} to {last}: {n} days",
        n=days,
        first={"date": first.isoformat()},
        last={"date": last.isoformat()},
    )
    yield T("this one"), text
    yield T("working days"), plain(str(worked))
    yield T("time zone"), plain(contract.timezone)
    if contract.statement.monthly:
        yield T("statement"), T("by mail when a month is over")


def _feasts(calendar: Calendar, today: date) -> Iterator[Feast]:
    for day in _days(today, add_months(today, 12)):
        name, half = calendar.holiday(day), calendar.half_day(day)
        if name is not None or half:
            yield Feast(day=day, name=name, half=half, hours=spans(calendar.spans(day)))
