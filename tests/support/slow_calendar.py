"""A second, slow calendar: it asks of each second whether it is in service.

It shares no code with the product, works on a contract file's data, and is made to
be read: a day is a set of minutes, a wall time is found by walking.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@cache
def easter_sunday(year: int) -> date:
    """As the library of holidays names it."""
    italian = holidays.country_holidays("IT", years=year, language="en_US")
    return next(day for day, name in italian.items() if "Easter Sunday" in name)


def same_day(text: str, day: date) -> bool:
    """Whether a date of a contract file is this day."""
    if text.startswith("easter"):
        moved = int(text.removeprefix("easter") or "0")
        return any(
            easter_sunday(year) + timedelta(days=moved) == day
            for year in (day.year - 1, day.year, day.year + 1)
        )
    return day.isoformat().endswith(text)


def minutes_of(spans: list[str]) -> set[int]:
    """Each minute of a day that the hours of a file name."""
    found = set()
    for span in spans:
        ends = [int(t[:2]) * 60 + int(t[3:]) for t in span.split("-")]
        found |= {minute for minute in range(1440) if ends[0] <= minute < ends[1]}
    return found


def weekday_minutes(weekly: dict[str, list[str]], weekday: int) -> set[int]:
    """Each minute of service that a week gives on one of its days."""
    found: set[int] = set()
    for key, spans in weekly.items():
        for part in key.split(","):
            first, _, last = part.partition("-")
            if DAYS.index(first) <= weekday <= DAYS.index(last or first):
                found |= minutes_of(spans)
    return found


class SlowCalendar:
    """Answers by looking at each minute or second in turn."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.zone = ZoneInfo(data.get("timezone", "Europe/Rome"))
        self.hours = data["service_hours"]
        self.days: dict[tuple[date, int | None], list[tuple[int, int]]] = {}
        self.names: dict[int, dict[date, str]] = {}
        self.known: dict[date, bool] = {}

    def is_holiday(self, day: date) -> bool:
        """Library, patron saint, `add`, and last `remove`."""
        if day not in self.known:
            self.known[day] = self._is_holiday(day)
        return self.known[day]

    def _is_holiday(self, day: date) -> bool:
        rules = self.data.get("holidays", {})
        country = rules.get("country", "IT")
        if any(same_day(text, day) for text in rules.get("remove", [])):
            return False
        if any(same_day(text, day) for text in rules.get("add", [])):
            return True
        if country is None:
            return False
        if day.year not in self.names:
            self.names[day.year] = dict(
                holidays.country_holidays(
                    country, subdiv=rules.get("province"), years=day.year
                )
            )
        return day in self.names[day.year]

    def is_half(self, day: date) -> bool:
        """Whether the file names the day."""
        dates = self.hours.get("half_days", {}).get("dates", [])
        return any(same_day(text, day) for text in dates)

    def minutes(
        self, day: date, severity: int | None = None, *, carenza: bool = True
    ) -> set[int]:
        """The minutes of the wall clock on which there is service."""
        if carenza and day.isoformat() in self.data.get("carenza", {}).get("days", []):
            return set()
        found = weekday_minutes(self.hours["weekly"], day.weekday())
        for extra in self.hours.get("extra", []):
            if severity in extra["when"].get("severity", [severity]):
                found |= weekday_minutes(extra["weekly"], day.weekday())
        if not found:
            return set()
        if self.is_half(day):
            return minutes_of(self.hours["half_days"]["hours"])
        return set() if self.is_holiday(day) else found

    def wall(self, day: date, minute: int) -> int:
        """The first second of UTC at which the wall clock shows this or is beyond."""
        midnight = datetime.fromordinal(day.toordinal())
        wanted = midnight + timedelta(minutes=minute)
        second = int(wanted.replace(tzinfo=UTC).timestamp()) - 16 * 3600
        while self.shown(second) < wanted:
            second += 60
        return second

    def shown(self, second: int) -> datetime:
        """What the wall clock shows at a second of UTC."""
        return datetime.fromtimestamp(second, self.zone).replace(tzinfo=None)

    def spans(self, day: date, severity: int | None) -> list[tuple[int, int]]:
        """Runs of minutes in service as seconds of UTC."""
        if (day, severity) not in self.days:
            minutes = self.minutes(day, severity)
            starts = sorted(m for m in minutes if m - 1 not in minutes)
            ends = sorted(m + 1 for m in minutes if m + 1 not in minutes)
            self.days[day, severity] = [
                (self.wall(day, a), self.wall(day, b))
                for a, b in zip(starts, ends, strict=True)
            ]
        return self.days[day, severity]

    def serves(self, second: int, severity: int | None) -> bool:
        """Whether a second is in the service hours of its day, or a neighbour's."""
        today = self.shown(second).date()
        return any(
            start <= second < end
            for shift in (-1, 0, 1)
            for start, end in self.spans(today + timedelta(days=shift), severity)
        )

    def served(self, start: int, end: int, severity: int | None, step: int) -> int:
        """Seconds of service in a span, looking every `step` seconds."""
        looks = range(start, end, step)
        return step * sum(self.serves(second, severity) for second in looks)

    def due_hours(self, start: int, hours: int, severity: int | None, step: int) -> int:
        """The first second at which so many hours of service are over."""
        left, second = hours * 3600, start
        while True:
            if self.serves(second, severity):
                left -= step
            second += step
            if left <= 0:
                return second

    def due_days(self, start: int, days: int, severity: int | None) -> int:
        """The end of service on the n-th day with any after that of the start."""
        day = self.shown(start).date()
        while days:
            day += timedelta(days=1)
            days -= bool(self.minutes(day, severity))
        return self.wall(day, max(self.minutes(day, severity)) + 1)

    def working_days(self, first: date, last: date, *, carenza: bool = True) -> int:
        """Days with any service from `first` to `last`, both included."""
        count = 0
        while first <= last:
            count += bool(self.minutes(first, carenza=carenza))
            first += timedelta(days=1)
        return count

    def permitted(self, second: int) -> bool:
        """Whether an occasional interruption may fall on a second of UTC."""
        uptime = self.data.get("uptime", {}).get("exclusions", {})
        rule = uptime.get("occasional", {})
        if rule is None:
            return False
        sign, hours = rule.get("offset", "+01:00")[0], rule.get("offset", "+01:00")[1:]
        shift = int(hours[:2]) * 3600 + int(hours[3:]) * 60
        there = second + (shift if sign == "+" else -shift)
        local = datetime.fromtimestamp(there, UTC)
        day = local.date()
        festive = (
            day.weekday() == 6
            or self.is_holiday(day)
            or (day.weekday() == 5 and rule.get("saturday") == "holiday")
        )
        if festive and rule.get("holidays", True):
            return True
        first, _, last = rule.get("night", "00:00-06:00").partition("-")
        now = f"{local.hour:02d}:{local.minute:02d}"
        return bool(first <= now < last)
