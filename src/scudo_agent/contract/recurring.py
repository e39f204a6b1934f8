"""Windows that recur: every first Saturday 22:00-02:00, until a day (pure).

Wall times are those of a time zone: on the two days a year when its clock is put
forward or back, an occurrence is shorter, longer, or not there, and says so.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from scudo_agent.contract.hours import wall
from scudo_agent.errors import InputError
from scudo_agent.instant import MINUTE, Instant

SPAN_LIMIT_DAYS = 731
"""A series is announced for two years at most."""

EXAMPLES = (
    "'first saturday 22:00-02:00', 'every sunday 01:00-05:00', "
    "'day 15 22:00-24:00' or 'last day 22:00-02:00'"
)

_WEEKDAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_PLACES = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_DAY_MINUTES = 24 * 60
_EARLIEST, _LATEST = date(1971, 1, 1), date(9000, 12, 31)
_HOURS = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """On which days, and when: minutes of the day in local wall time.

    With `weekday` (Monday 0) alone every week; with `place` 1 to 4 or -1 (the last)
    that one of the month; with `day` 1 to 28 or -1 (the last) that day of the month.
    `end` at or before `start` is on the next day; 1440 is midnight.
    """

    weekday: int | None = None
    place: int | None = None
    day: int | None = None
    start: int
    end: int

    def __str__(self) -> str:
        """As `parse_rule` reads it."""
        if self.weekday is None:
            when = "last day" if self.day == -1 else f"day {self.day}"
        else:
            names = {number: name for name, number in _PLACES.items()}
            place = "every" if self.place is None else names[self.place]
            when = f"{place} {_WEEKDAYS[self.weekday]}"
        return f"{when} {_clock(self.start)}-{_clock(self.end)}"


class Shift(StrEnum):
    """What a change of the clock does to an occurrence."""

    NONE = "none"
    SHORTER = "shorter"
    LONGER = "longer"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One occurrence: the local day on which it starts, and its instants.

    `shift` tells what a change of the clock makes of its length; one that is `gone`
    lies in the hour that is left out: it has no length and is no window.
    """

    day: date
    start: Instant
    end: Instant
    shift: Shift = Shift.NONE


def parse_rule(text: str) -> Rule:
    """Read `first saturday 22:00-02:00`; `InputError` says what is understood."""
    words = text.lower().split()
    if words and words[0] == "every" and len(words) > 3:
        words = words[1:]
    if len(words) == 3 and (hours := _hours(words[2])) is not None:
        start, end = hours
        first, second = words[:2]
        if second in _WEEKDAYS and first in ("every", *_PLACES):
            return Rule(
                weekday=_WEEKDAYS.index(second),
                place=_PLACES.get(first),
                start=start,
                end=end,
            )
        if (first, second) == ("last", "day"):
            return Rule(day=-1, start=start, end=end)
        if first == "day" and re.fullmatch(r"\d{1,2}", second) and int(second) > 0:
            if int(second) > 28:
                raise InputError(
                    f"'{text[:60]}': not every month has a day {second}; "
                    "take 1 to 28, or 'last day'"
                )
            return Rule(day=int(second), start=start, end=end)
    raise InputError(f"'{text[:60]}' is no recurrence such as {EXAMPLES}")


def occurrences(
    rule: Rule, zone: str, *, first: date, last: date
) -> tuple[Occurrence, ...]:
    """All occurrences that start on a local day from `first` to `last`, in order.

    `InputError` for a zone that is none, days in the wrong order, more than two
    years (105 weeks), and when there is no occurrence.
    """
    try:
        where = ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise InputError(f"'{zone[:60]}' is no time zone") from None
    if first < _EARLIEST or last > _LATEST:
        raise InputError(f"a series lies between {_EARLIEST} and {_LATEST}")
    if last < first:
        raise InputError(f"the series ends on {last}, before it begins on {first}")
    if (last - first).days > SPAN_LIMIT_DAYS:
        raise InputError(
            f"the series lasts from {first} to {last}: announce two years at most"
        )
    found = [_occurrence(rule, where, day) for day in _days(rule, first, last)]
    if not found:
        raise InputError(f"'{rule}' has no day from {first} to {last}")
    return tuple(found)


def _occurrence(rule: Rule, zone: ZoneInfo, day: date) -> Occurrence:
    until = rule.end if rule.end > rule.start else rule.end + _DAY_MINUTES
    start, end = wall(zone, day, rule.start), wall(zone, day, until)
    usual = (until - rule.start) * MINUTE
    if end <= start:
        return Occurrence(day=day, start=start, end=start, shift=Shift.GONE)
    shift = Shift.NONE
    if end - start != usual:
        shift = Shift.SHORTER if end - start < usual else Shift.LONGER
    return Occurrence(day=day, start=start, end=end, shift=shift)


def _days(rule: Rule, first: date, last: date) -> Iterator[date]:
    """The local days on which an occurrence starts."""
    if rule.weekday is not None and rule.place is None:
        day = first + timedelta(days=(rule.weekday - first.weekday()) % 7)
        while day <= last:
            yield day
            day += timedelta(days=7)
        return
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        day = _in_month(rule, year, month)
        if first <= day <= last:
            yield day
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _in_month(rule: Rule, year: int, month: int) -> date:
    length = monthrange(year, month)[1]
    if rule.weekday is None:
        assert rule.day is not None
        return date(year, month, length if rule.day == -1 else rule.day)
    if rule.place == -1:
        end = date(year, month, length)
        return end - timedelta(days=(end.weekday() - rule.weekday) % 7)
    assert rule.place is not None
    begin = date(year, month, 1)
    ahead = (rule.weekday - begin.weekday()) % 7
    return begin + timedelta(days=ahead + 7 * (rule.place - 1))


def _hours(text: str) -> tuple[int, int] | None:
    """`22:00-02:00` in minutes of the day; None if it is not that."""
    found = _HOURS.fullmatch(text)
    if found is None:
        return None
    hour, minute, to_hour, to_minute = map(int, found.groups())
    start, end = hour * 60 + minute, to_hour * 60 + to_minute
    if start >= _DAY_MINUTES or end > _DAY_MINUTES or start == end:
        return None
    return start, end


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
