"""A slow second reading of recurring windows: it walks through days and minutes.

It shares no code with `contract.recurring`; it may ask zoneinfo what time it is.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = [
    *("monday", "tuesday", "wednesday", "thursday"),
    *("friday", "saturday", "sunday"),
]


def matches(words: str, day: date) -> bool:
    """Whether an occurrence starts on that day, said in the rule's own words."""
    first, second = words.split()
    same = WEEKDAYS[day.weekday()] == second
    if first == "every":
        return same
    if second == "day":
        return (day + timedelta(days=1)).month != day.month
    if first == "day":
        return day.day == int(second)
    if not same:
        return False
    if first == "last":
        return (day + timedelta(days=7)).month != day.month
    # Count the weekday from the first of the month.
    count, one = 0, day.replace(day=1)
    while one <= day:
        count += one.weekday() == day.weekday()
        one += timedelta(days=1)
    return count == ["first", "second", "third", "fourth"].index(first) + 1


def instant(day: date, hhmm: str, zone: ZoneInfo) -> datetime:
    """The first minute at which a clock on the wall shows that time or, in the hour
    that is left out, a later one.
    """
    hour, minute = map(int, hhmm.split(":"))
    wanted = (day, hour, minute)
    if hour == 24:
        wanted = (day + timedelta(days=1), 0, minute)
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while True:
        there = at.astimezone(zone)
        if (there.date(), there.hour, there.minute) >= wanted:
            return at
        at += timedelta(minutes=1)


def slow(
    words: str, start: str, end: str, zone: str, first: date, last: date
) -> list[tuple[datetime, datetime]]:
    """Every occurrence that has a length."""
    where = ZoneInfo(zone)
    found = []
    day = first
    while day <= last:
        if matches(words, day):
            following = day + timedelta(days=1)
            begun = instant(day, start, where)
            ended = instant(day if end > start else following, end, where)
            if ended > begun:
                found.append((begun, ended))
        day += timedelta(days=1)
    return found
