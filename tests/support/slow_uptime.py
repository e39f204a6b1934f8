"""A second, slow account: it asks of each second (or minute) what it was.

It shares no code with the product and works on the data of files. `unit` is the
step in seconds; every instant of a case must be a whole number of them.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from support.slow_calendar import SlowCalendar

STATES = ["up", "degraded", "down", "unknown"]
RANKS = ["ordinary", "extraordinary", "upgrade", "occasional"]
DEFAULTS: dict[str, dict[str, Any]] = {
    "ordinary": {"notice_days": 2},
    "extraordinary": {},
    "occasional": {
        "offset": "+01:00",
        "night": "00:00-06:00",
        "holidays": True,
        "saturday": "working",
    },
    "upgrade": {"max_minutes": 60},
}


def moment(text: str) -> datetime:
    """An instant of a file."""
    return datetime.fromisoformat(text).astimezone(UTC)


class SlowUptime:
    """Answers for one case by looking at each unit of its year."""

    def __init__(self, case: dict[str, Any], unit: int = 1) -> None:
        self.case, self.unit = case, unit
        self.data = case["contract"]
        self.promise = self.data.get("uptime", {})
        self.zone = ZoneInfo(self.data.get("timezone", "Europe/Rome"))
        self.calendar = SlowCalendar(self.data)
        self.festivi: dict[date, bool] = {}
        self.at = moment(case["at"])
        self.begin, self.end = self.year()

    def anniversary(self, year: int) -> date:
        """The contract's day in a year."""
        start = date.fromisoformat(self.data["year_start"])
        if (start.month, start.day) == (2, 29):
            leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
            return date(year, 2, 29) if leap else date(year, 3, 1)
        return date(year, start.month, start.day)

    def year(self) -> tuple[datetime, datetime]:
        """From local midnight to local midnight."""
        first = self.case.get("year")
        if first is None:
            today = self.at.astimezone(self.zone).date()
            first = (
                today.year
                if today >= self.anniversary(today.year)
                else (today.year - 1)
            )
        ends = []
        for year in (first, first + 1):
            day = self.anniversary(year)
            local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
            ends.append(local.astimezone(UTC))
        return ends[0], ends[1]

    def index(self, at: datetime) -> int:
        """Which unit of the year begins at an instant."""
        return (at - self.begin) // timedelta(seconds=self.unit)

    def states(self) -> bytearray:
        """The state of each unit of the year, by its number in `STATES`."""
        size = self.index(self.end)
        found = bytearray([3]) * size
        lines = [
            (moment(line["t"]), STATES.index(line["state"]))
            for line in self.case["history"]
            if line["service"] == self.case["service"]
        ]
        for at, state in sorted(lines):
            if at <= self.at:
                place = max(self.index(at), 0)
                found[place:] = bytearray([state]) * max(size - place, 0)
        relabel = {"exclude": 3, "up": 0, "down": 2}
        label = relabel[self.promise.get("unknown", "exclude")]
        return found.replace(b"\x03", bytes([label]))

    def clause(self, kind: str) -> dict[str, Any] | None:
        """The contract's rules for a kind, with the defaults; None excludes nothing."""
        exclusions = self.promise.get("exclusions", {kind: {} for kind in DEFAULTS})
        rules = exclusions.get(kind)
        return None if rules is None else {**DEFAULTS[kind], **rules}

    def permitted(self, rules: dict[str, Any], t: datetime) -> bool:
        """Whether an occasional interruption may be at an instant."""
        sign = -1 if rules["offset"][0] == "-" else 1
        hours, minutes = int(rules["offset"][1:3]), int(rules["offset"][4:6])
        there = t.astimezone(timezone(sign * timedelta(hours=hours, minutes=minutes)))
        day = there.date()
        if day not in self.festivi:
            saturday = rules["saturday"] == "holiday" and day.weekday() == 5
            sunday = day.weekday() == 6
            self.festivi[day] = saturday or sunday or self.calendar.is_holiday(day)
        if rules["holidays"] and self.festivi[day]:
            return True
        first, last = rules["night"].split("-")
        return bool(first <= f"{there:%H:%M}" < last)

    def excludes(self, window: dict[str, Any], t: datetime) -> bool:
        """Whether a window excludes an instant, by the rules one after the other."""
        told = [
            one
            for one in window["announcements"]
            if moment(one["announced"]) <= self.at
        ]
        told.sort(key=lambda one: moment(one["announced"]))
        rules = self.clause(window["kind"])
        if not told or rules is None:
            return False
        start, end = moment(told[-1]["start"]), moment(told[-1]["end"])
        if not start <= t < end:
            return False
        cancelled = window.get("cancelled") and moment(window["cancelled"])
        if cancelled and cancelled <= self.at and t >= cancelled:
            return False
        if window["kind"] == "upgrade":
            peak = window.get("peak_notice") and moment(window["peak_notice"])
            if not peak or peak > self.at or peak > start:
                return False
            if t >= start + timedelta(minutes=rules["max_minutes"]):
                return False
        if window["kind"] == "occasional" and not self.permitted(rules, t):
            return False
        return any(self.entitles(window["kind"], rules, one, t) for one in told)

    def entitles(
        self, kind: str, rules: dict[str, Any], one: dict[str, str], t: datetime
    ) -> bool:
        """Whether one announcement entitles to an instant."""
        announced, start = moment(one["announced"]), moment(one["start"])
        if not start <= t < moment(one["end"]):
            return False
        if kind != "ordinary":
            return t >= announced
        days = (
            start.astimezone(self.zone).date() - announced.astimezone(self.zone).date()
        )
        return bool(days.days >= rules["notice_days"])

    def excluded(self) -> dict[int, int]:
        """The excluded units of the year, each with the rank that has the credit."""
        found: dict[int, int] = {}
        for window in self.case["windows"]:
            if not {"*", self.case["service"]} & set(window["services"]):
                continue
            rank = RANKS.index(window["kind"])
            for one in window["announcements"]:
                t = max(moment(one["start"]), self.begin)
                while t < min(moment(one["end"]), self.end):
                    place = self.index(t)
                    if found.get(place, 9) > rank and self.excludes(window, t):
                        found[place] = rank
                    t += timedelta(seconds=self.unit)
        return found

    def answer(self) -> dict[str, Any]:
        """The figures, in seconds and fractions."""
        states, excluded = self.states(), self.excluded()
        elapsed = self.index(min(self.at, self.end))
        raw = [states.count(code, 0, elapsed) for code in range(4)]
        kinds, lost = [0] * 4, [0] * 4
        for place, rank in excluded.items():
            if place < elapsed:
                kinds[rank] += 1
                lost[states[place]] += 1
        return self.figures(len(states), elapsed, raw, kinds, lost, len(excluded))

    def figures(
        self,
        size: int,
        elapsed: int,
        raw: list[int],
        kinds: list[int],
        lost: list[int],
        all_excluded: int,
    ) -> dict[str, Any]:
        """The table of figures from what was counted."""
        used, unseen = raw[2] - lost[2], raw[3] - lost[3]
        agreed = self.promise.get("basis", "agreed") == "agreed"
        whole = elapsed - sum(kinds) if agreed else elapsed
        year = size - all_excluded if agreed else size
        counted = whole - unseen
        target = Fraction(str(self.promise.get("target", 99))) / 100
        allowed = (1 - target) * year * self.unit
        burn: Fraction | None = Fraction(0)
        if used:
            burn = Fraction(used, whole) / (1 - target) if target < 1 else None
        availability = Fraction(counted - used, counted) if counted else None
        return {
            "seconds": {
                "elapsed": elapsed * self.unit,
                **{n: c * self.unit for n, c in zip(STATES, raw, strict=True)},
                "counted": counted * self.unit,
                "excluded": {
                    **{n: c * self.unit for n, c in zip(RANKS, kinds, strict=True)},
                    "total": sum(kinds) * self.unit,
                },
                "down_excluded": lost[2] * self.unit,
                "down_counted": used * self.unit,
            },
            "availability": availability,
            "worst_case": Fraction(whole - unseen - used, whole) if whole else None,
            "best_case": Fraction(whole - used, whole) if whole else None,
            "coverage": 1 - Fraction(unseen, whole) if whole else Fraction(1),
            "allowed": allowed,
            "used": used * self.unit,
            "burn_rate": burn,
            "met": None if availability is None else availability >= target,
            "breached": used * self.unit > allowed,
        }
