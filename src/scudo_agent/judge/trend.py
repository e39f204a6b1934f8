"""When does a value run into its limit? From hourly means to instants.

Slopes are those between hours a whole day apart, or a whole week (Theil and Sen,
by season as Hirsch and others do): what a day or a week repeats is no trend. The
quarters of the slopes bound it. `docs/decisions/forecast.md` says why all this.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from operator import sub

from scudo_agent.instant import DAY, HOUR, Instant
from scudo_agent.model import Limit

KEPT_HOURS = 8 * 7 * 24
"""Eight weeks; what is older says nothing any more."""

LEAST = 12
"""Hours, and pairs of hours, without which nothing is foreseen."""

AHEAD = 0.5
"""How far it looks ahead, by how far it can look back."""

BEYOND = 1.25
"""How far a forecast may recede before it is none any more (hysteresis)."""

_DAY_H, _WEEK_H = 24, 7 * 24
_WINDOWS_H = (2 * _DAY_H, 4 * _DAY_H, 8 * _DAY_H, 16 * _DAY_H, 32 * _DAY_H, KEPT_HOURS)
_WEEKLY = 3
"""From this window on hours are compared with those of other weeks."""
_QUARTER = 2
"""So many windows shorter is the one that tells whether a trend goes on."""
_PAIRS, _STRIDES = 400, (1, 5, 7, 11, 13)
"""Of more pairs every fifth or further hour will do: with strides that have no
divisor in common with 24 all hours of a day take part."""
_AT_ONCE, _TIMES = 6, 3
"""A rise must be three times what came within any six hours."""

_HIGH = 0.9
_CLEANED = 0.05
_NOISE = 3 * 1.4826
_BEFORE, _AFTER = 6, 3


class Hours:
    """Hourly means in order of time: number of the hour, mean instant, mean."""

    __slots__ = ("at", "hour", "mean")

    def __init__(self) -> None:
        self.hour, self.at, self.mean = array("q"), array("q"), array("d")

    def add(self, hour_us: int, at: int, mean: float) -> None:
        """The next hour; those of more than eight weeks ago are dropped."""
        hour = hour_us // HOUR
        self.hour.append(hour)
        self.at.append(at)
        self.mean.append(mean)
        while self.hour[0] <= hour - KEPT_HOURS:
            for column in (self.hour, self.at, self.mean):
                del column[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """When a value reaches a limit: likely, and between early and late.

    `late` is None when it may as well never come. `firm` says that it is sure
    enough to tell someone; else it only keeps alive what has been told. `pace`
    is what a day adds (less than 0: takes), `level` what the value comes up to now.
    """

    limit: Limit
    early: Instant
    likely: Instant
    late: Instant | None
    pace: float
    level: float
    firm: bool


@dataclass(frozen=True, slots=True)
class _Slope:
    """By µs, towards the limit: the median and the quarters beside it."""

    low: float
    middle: float
    high: float


class _View:
    """The hours as the limit sees them: what is higher is nearer."""

    def __init__(self, hours: Hours, limit: Limit) -> None:
        self.limit, self.sign = limit, 1 if limit.above else -1
        self.hour, self.at = hours.hour.tolist(), hours.at.tolist()
        self.level = [self.sign * mean for mean in hours.mean]
        self.place = {hour: place for place, hour in enumerate(hours.hour)}
        self.bound = self.sign * limit.bound
        self.end = hours.at[-1]

    def slope(self, first: int, cycle: int) -> _Slope | None:
        """Of the hours from place `first` on; None if they are too few."""
        start, last = self.hour[first], self.hour[-1]
        lags = range(cycle, last - start + 1, cycle)
        pairs = sum(last - start + 1 - lag for lag in lags)
        stride = next((one for one in _STRIDES if pairs <= one * _PAIRS), _STRIDES[-1])
        at, level, find = self.at, self.level, self.place.get
        some = [(i, self.hour[i]) for i in range(first, len(level), stride)]
        slopes = [
            (level[j] - level[i]) / (at[j] - at[i])
            for lag in lags
            for i, hour in some
            if (j := find(hour + lag)) is not None
        ]
        if len(slopes) < LEAST:
            return None
        slopes.sort()
        return _Slope(*(_of(slopes, share) for share in (0.25, 0.5, 0.75)))

    def first(self, since: int, window: int) -> int:
        """The first place, not before `since`, in a window of so many hours."""
        return max(since, bisect_left(self.hour, self.hour[-1] - window + 1))

    def crossing(
        self, first: int, cycle: int, slope: _Slope, *, goes_on: bool
    ) -> Crossing | None:
        """When the slope leads to the limit, if that is near enough to be told."""
        if slope.middle <= 0:
            return None
        tail = self.first(first, cycle)
        levels = sorted(
            self.level[i] + slope.middle * (self.end - self.at[i])
            for i in range(tail, len(self.level))
        )
        level = _of(levels, _HIGH)
        ahead = max(self.bound - level, 0.0)
        looked_back = self.end - self.at[first]
        goes_on = goes_on and self._spread(first, slope.middle * looked_back)
        if ahead / slope.middle > BEYOND * AHEAD * looked_back:
            return None
        return Crossing(
            limit=self.limit,
            early=self._after(ahead / slope.high),
            likely=self._after(ahead / slope.middle),
            late=self._after(ahead / slope.low) if slope.low > 0 else None,
            pace=self.sign * slope.middle * DAY,
            level=self.sign * level,
            firm=goes_on and ahead / slope.middle <= AHEAD * looked_back,
        )

    def _spread(self, first: int, rise: float) -> bool:
        """Whether the rise took its time: what came at once need not come again."""
        level = self.level[first:]
        at_once = max(map(sub, level[_AT_ONCE:], level), default=0.0)
        return rise >= _TIMES * at_once

    def _after(self, us: float) -> Instant:
        return Instant(self.end + round(min(us, 100 * 366 * DAY)))


def crossings(hours: Hours, limit: Limit) -> list[Crossing]:
    """Where each look back leads, the longest first; empty: nowhere near."""
    if len(hours.hour) < LEAST or not isfinite(limit.bound):
        return []
    view = _View(hours, limit)
    drops = _drops(view)
    since = drops[-1] if drops else 0
    found = list(_looks(view, since, weekly=False))
    if len(drops) < 2:
        return found
    # It is cleaned now and then: what comes after the next time is not foreseen,
    # but for what the weeks show as a whole.
    starts = [0, *drops]
    longest = max(view.at[b] - view.at[a] for a, b in pairwise(starts))
    due = view.at[since] + BEYOND * longest
    if view.end <= due:
        found = [one for one in found if one.likely <= due]
    return found or list(_looks(view, 0, weekly=True))


def _looks(view: _View, since: int, *, weekly: bool) -> Iterator[Crossing]:
    """The looks back, to place `since` at the most, the longest first."""
    span = view.hour[-1] - view.hour[since] + 1
    slopes: list[tuple[int, int, _Slope | None]] = []
    for number, window in enumerate(_WINDOWS_H):
        shorter = _WINDOWS_H[number - 1] if number else 0
        if span <= shorter:
            break
        cycle = _WEEK_H if number >= _WEEKLY else _DAY_H
        first = view.first(since, window)
        skipped = weekly and number < _WEEKLY
        slopes.append((first, cycle, None if skipped else view.slope(first, cycle)))
    for number in reversed(range(len(slopes))):
        first, cycle, slope = slopes[number]
        if slope is None:
            continue
        recent = slopes[number - _QUARTER][2] if number >= _QUARTER else None
        if recent is not None and recent.high < slope.middle / 4:
            continue
        goes_on = recent is None or recent.middle >= slope.middle / 4
        found = view.crossing(first, cycle, slope, goes_on=goes_on)
        if found is not None:
            yield found


def _drops(view: _View) -> list[int]:
    """Places at which the value fell for good: someone made room.

    A day is then wholly below the day before it, by more than the noise and by
    more than a twentieth of the room that was left.
    """
    level = view.level
    steps = sorted(abs(after - before) for before, after in pairwise(level))
    noise = _NOISE * _of(steps, 0.5)
    found: list[int] = []
    for place in range(_BEFORE, len(level) - _AFTER + 1):
        if level[place - 1] - level[place] <= noise:
            continue
        before = sorted(level[max(place - _DAY_H, 0) : place])
        after = sorted(level[place : place + _DAY_H])
        low = _of(before, 1 - _HIGH)
        margin = max(noise, _CLEANED * (view.bound - low))
        if _of(after, _HIGH) < low - margin:
            if found and view.hour[place] - view.hour[found[-1]] < _DAY_H:
                found.pop()  # it took its time
            found.append(place)
    return found


def _of(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of the ordered ones lies."""
    return ordered[round(share * (len(ordered) - 1))]
