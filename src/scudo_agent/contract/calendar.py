"""Which days and hours a contract serves, and when it may be interrupted.

Holidays in force in their year, half-days, carenza and extra hours (`domain.md` 6),
the permitted hours of occasional interruptions (`domain.md` 4). Pure; the holidays
library is asked once a year and country, and imported when first asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from scudo_agent.contract.hours import (
    NO_FACTS,
    WHOLE_DAY,
    TicketFacts,
    add_months,
    add_weeks,
    fits,
    local_day,
    wall,
)
from scudo_agent.contract.model import Contract, DayRule, Span, Weekly
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, MINUTE, SECOND, Instant, to_datetime
from scudo_agent.intervals import Interval

_SATURDAY, _SUNDAY = 5, 6
_HOME = "IT"
_END = date.max.toordinal() + 1
_EPOCH = date(1970, 1, 1).toordinal()


class DayKind(StrEnum):
    """What a day is in `contract calendar`; the first that fits, in this order."""

    HALF = "half"
    CARENZA = "carenza"
    HOLIDAY = "holiday"
    WEEKEND = "weekend"
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class _Year:
    holidays: Mapping[date, str]
    half_days: frozenset[date]


class Calendar:
    """The days of one contract; a year is worked out once and kept."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.zone = ZoneInfo(contract.timezone)
        self._carenza = frozenset(contract.carenza.days)
        self._years: dict[int, _Year] = {}
        self._weeks: dict[tuple[bool, ...], Weekly] = {}
        self._service: dict[tuple[date, tuple[bool, ...]], list[Interval]] = {}

    def holiday(self, day: date) -> str | None:
        """Its name, in Italian where the library has it; None if it is no holiday.

        A day that only the contract adds, and that is none of Italy's, has the name
        that stands in the file.
        """
        return self._year(day.year).holidays.get(day)

    def festivo(self, day: date) -> bool:
        """A holiday or a Sunday; a Saturday where the occasional rule says so."""
        if day.weekday() == _SATURDAY:
            rule = self.contract.uptime.exclusions.occasional
            if rule is not None and rule.saturday_is_holiday:
                return True
        return day.weekday() == _SUNDAY or self.holiday(day) is not None

    def half_day(self, day: date) -> bool:
        """Whether the contract names it a half-day, whatever hours it then gives."""
        return day in self._year(day.year).half_days

    def spans(self, day: date, ticket: TicketFacts = NO_FACTS) -> tuple[Span, ...]:
        """The service hours of a day, in minutes of its wall clock.

        Carenza has none; half-days win over holidays and have their own, but none
        on a weekday without hours; extra hours are for tickets that fit.
        """
        return self._spans(day, self._week(self._extras(ticket)))

    def service(self, day: date, ticket: TicketFacts = NO_FACTS) -> list[Interval]:
        """The service hours of a day as instants; an hour that the clocks skip is none.

        Raises `OverflowError` on the last day of the year 9999.
        """
        extras = self._extras(ticket)
        found = self._service.get((day, extras))
        if found is None:
            ends = (
                (wall(self.zone, day, start), wall(self.zone, day, end))
                for start, end in self._spans(day, self._week(extras))
            )
            found = [(start, end) for start, end in ends if start < end]
            self._service[day, extras] = found
        return found

    def is_working_day(self, day: date, ticket: TicketFacts = NO_FACTS) -> bool:
        """A day with any service hours."""
        return bool(self.spans(day, ticket))

    def working_days(self, year: int) -> int:
        """How many working days a calendar year has."""
        days = _days(_first(year), _first(year + 1))
        return sum(map(self.is_working_day, days))

    def working_days_between(self, one: date, other: date) -> int:
        """Working days strictly between two days; 0 if `other` is not after `one`."""
        days = _days(one.toordinal() + 1, other.toordinal())
        return sum(map(self.is_working_day, days))

    def day_kind(self, day: date) -> DayKind:
        """What a day is for tickets without extra hours."""
        if self.half_day(day) and self.spans(day):
            return DayKind.HALF
        if day in self._carenza:
            return DayKind.CARENZA
        if self.holiday(day) is not None:
            return DayKind.HOLIDAY
        return DayKind.WORKING if self.spans(day) else DayKind.WEEKEND

    def carenza_allowed(self, year: int) -> int:
        """Carenza days that the contract year which starts in `year` may have.

        The percentage of its working days, carenza days included, rounded down
        (5 % of 254 are 12).
        """
        start, end = self.contract_days(year)
        days = _days(start.toordinal(), end.toordinal())
        count = sum(map(self.works_without_carenza, days))
        share = Fraction(self.contract.carenza.percent) / 100 * count
        return share.numerator // share.denominator

    def works_without_carenza(self, day: date) -> bool:
        """Whether it would be a working day if it were no carenza day."""
        return bool(self._hours(day, self.contract.service_hours.weekly))

    def contract_days(self, year: int) -> tuple[date, date]:
        """First day of the contract year that starts in `year`, and of the next one."""
        start = self.contract.year_start
        first = add_months(start, 12 * (year - start.year))
        return first, add_months(start, 12 * (year + 1 - start.year))

    def permitted(self, day: date) -> tuple[Span, ...]:
        """The hours of occasional interruptions, on a civil day of the clause's offset.

        The whole day on a festivo, else the night; none without the clause.
        """
        rule = self.contract.uptime.exclusions.occasional
        if rule is None:
            return ()
        return (WHOLE_DAY,) if rule.holidays and self.festivo(day) else (rule.night,)

    def permitted_spans(self, start: Instant, end: Instant) -> list[Interval]:
        """The permitted hours inside `[start, end)`: sorted, those that touch made one.

        The offset is fixed, summer included.
        """
        rule = self.contract.uptime.exclusions.occasional
        if rule is None or start >= end:
            return []
        zone = timezone(timedelta(microseconds=rule.offset_us))
        first, last = local_day(zone, start), local_day(zone, Instant(end - 1))
        out: list[Interval] = []
        for day in _days(first.toordinal(), last.toordinal() + 1):
            # No clock is put on or back in a fixed offset.
            midnight = (day.toordinal() - _EPOCH) * DAY - rule.offset_us
            for span in self.permitted(day):
                begin, stop = (midnight + minute * MINUTE for minute in span)
                begin, stop = max(begin, start), min(stop, end)
                if begin >= stop:
                    continue
                if out and out[-1][1] == begin:
                    begin = out.pop()[0]
                out.append((Instant(begin), Instant(stop)))
        return out

    def local_day(self, at: Instant) -> date:
        """The date of an instant in the contract's time zone."""
        return local_day(self.zone, at)

    def text(self, at: Instant) -> str:
        """An instant in RFC 3339, in the contract's time zone."""
        local = to_datetime(at).astimezone(self.zone)
        said = local.isoformat(timespec="seconds")
        rest = at % SECOND
        fraction = f".{rest:06d}".rstrip("0") if rest else ""
        return f"{said[:19]}{fraction}{said[19:]}"

    def day_time(self, at: Instant) -> str:
        """For people: `Tue 2026-04-07 11:30`, to the second where there are any."""
        local = to_datetime(at).astimezone(self.zone)
        clock = "%H:%M:%S" if at % MINUTE else "%H:%M"
        return f"{local:%a %Y-%m-%d {clock}}"

    def _spans(self, day: date, week: Weekly) -> tuple[Span, ...]:
        return () if day in self._carenza else self._hours(day, week)

    def _hours(self, day: date, week: Weekly) -> tuple[Span, ...]:
        """The hours of a day that is no carenza day."""
        hours = week[day.weekday()]
        if not hours:
            return ()
        if self.half_day(day):
            return self.contract.service_hours.half_hours
        return () if self.holiday(day) is not None else hours

    def _extras(self, ticket: TicketFacts) -> tuple[bool, ...]:
        """Which of the extra hours are for a ticket."""
        return tuple(fits(e.when, ticket) for e in self.contract.service_hours.extra)

    def _week(self, extras: tuple[bool, ...]) -> Weekly:
        found = self._weeks.get(extras)
        if found is None:
            hours = self.contract.service_hours
            added = [e.weekly for e, on in zip(hours.extra, extras, strict=True) if on]
            found = self._weeks[extras] = add_weeks([hours.weekly, *added])
        return found

    def _year(self, year: int) -> _Year:
        found = self._years.get(year)
        if found is None:
            found = self._years[year] = self._work_out(year)
        return found

    def _work_out(self, year: int) -> _Year:
        rules = self.contract.holidays
        days: dict[date, str] = {}
        if rules.country is not None:
            days.update(_library(rules.country, rules.province, year))
        for rule in rules.add:
            for day in days_of(rule, year):
                days.setdefault(day, _name_of(day, rules.country) or rule.text)
        for rule in rules.remove:
            for day in days_of(rule, year):
                days.pop(day, None)
        halves = self.contract.service_hours.half_days
        half_days = frozenset(day for rule in halves for day in days_of(rule, year))
        return _Year(days, half_days)


def days_of(rule: DayRule, year: int) -> Iterator[date]:
    """The days of a calendar year that a rule of the contract names: none or one.

    `easter+N` may lead into the next year; `02-29` is in leap years only.
    """
    if rule.easter is not None:
        for near in (year - 1, year, year + 1):
            if date.min.year <= near <= date.max.year:
                number = easter(near).toordinal() + rule.easter
                if _first(year) <= number < _first(year + 1):
                    yield date.fromordinal(number)
        return
    if rule.year in (None, year):
        try:
            yield date(year, rule.month, rule.day)
        except ValueError:
            return  # the 29 February of a year that has none


def easter(year: int) -> date:
    """Easter Sunday in the Gregorian calendar (the anonymous rule of 1876)."""
    golden, (century, of_century) = year % 19, divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    drift = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - leap_centuries - drift + 15) % 30
    leaps, rest = divmod(of_century, 4)
    sunday = (32 + 2 * century_rest + 2 * leaps - moon - rest) % 7
    late = (golden + 11 * moon + 22 * sunday) // 451
    month, day = divmod(moon + sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _name_of(day: date, country: str | None) -> str | None:
    """What Italians call a day that a contract of theirs adds: `Capodanno`."""
    if country not in (None, _HOME):
        return None
    try:
        return _library(_HOME, None, day.year).get(day)
    except InputError:
        return None  # only the name is not known


def _first(year: int) -> int:
    """The ordinal of a year's first day; of the year 10000 the one after the last."""
    return date(year, 1, 1).toordinal() if year <= date.max.year else _END


@lru_cache(maxsize=1024)
def _library(country: str, province: str | None, year: int) -> Mapping[date, str]:
    """The national holidays in force in a year, and the province's patron saint.

    Several contracts ask for the same years. The library builds them from rules, so
    that the 4 October is there from 2026 on. Raises `InputError` for a country or a
    year that it does not know: a year without holidays would be a wrong answer.
    """
    import holidays

    try:
        found = holidays.country_holidays(
            country, subdiv=province, years=year, language="it_IT"
        )
    except NotImplementedError as exc:
        raise InputError(f"holidays of '{country}': {exc}") from None
    first, last = found.start_year, found.end_year
    if not first <= year <= last:
        raise InputError(
            f"holidays of '{country}' are known from {first} to {last}, not in {year}"
        )
    return {day: name for day, name in found.items() if day.year == year}


def _days(first: int, end: int) -> Iterator[date]:
    """Each day of a half-open range of ordinals."""
    return map(date.fromordinal, range(first, end))
