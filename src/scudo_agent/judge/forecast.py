"""Forecasts: will a value run into its limit before long? (rule S5)

Each value of a check that has a forecast is taken into its running hour; once an
hour the finished ones are looked at anew (`judge.trend`), so that an observation
costs a comparison. Pure: what is to be stored is handed out, what was stored is
handed in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scudo_agent.instant import DAY, HOUR, Instant
from scudo_agent.judge.trend import BEYOND, Crossing, Hours, crossings
from scudo_agent.model import Shape, Trend
from scudo_agent.text import TN, T, Text, Value

_LARGEST = 1e100
"""A value beyond is none that is meant, and sums of them would be infinite."""


@dataclass(slots=True, kw_only=True)
class Hour:
    """The values of one check in one hour; `offset_us` is the sum of their
    distances from its start, with which their mean instant is exact."""

    start: Instant
    n: int
    offset_us: int
    sum: float
    min: float
    max: float
    last: float

    def add(self, value: float, at: Instant) -> None:
        """One more value."""
        self.n += 1
        self.offset_us += at - self.start
        self.sum += value
        self.min = min(self.min, value)
        self.max = max(self.max, value)
        self.last = value


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOf:
    """An hour with its check and the measure that it is of."""

    check: str
    measure: str
    hour: Hour


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is foreseen of a check just now, and what its value is."""

    crossing: Crossing
    now: float
    shape: Shape


class _Series:
    """One check's hours and where they lead."""

    __slots__ = ("found", "hours", "now", "running", "stale", "trend")

    def __init__(self, trend: Trend) -> None:
        self.trend = trend
        self.hours = Hours()
        self.running: Hour | None = None
        self.found: list[Crossing] = []
        self.stale = True
        self.now: float | None = None

    def finish(self, hour: Hour) -> None:
        mean_at = hour.start + round(hour.offset_us / hour.n)
        self.hours.add(hour.start, mean_at, hour.sum / hour.n)
        self.stale = True

    def look(self) -> list[Crossing]:
        if self.stale:
            found = [crossings(self.hours, limit) for limit in self.trend.limits]
            self.found = [one for each in found for one in each]
            self.stale = False
        return self.found

    def known(self, value: float, at: Instant) -> list[Crossing]:
        """Where a pace leads that is known beforehand: no history is needed."""
        pace = self.trend.pace
        assert pace is not None
        self.found = [
            Crossing(
                limit=limit,
                early=when,
                likely=when,
                late=when,
                pace=pace,
                level=value,
                firm=True,
            )
            for limit in self.trend.limits
            for when in [Instant(at + round((limit.bound - value) / pace * DAY))]
        ]
        return self.found


class Forecaster:
    """The series of all checks that have a forecast."""

    def __init__(self, trends: Mapping[str, Trend]) -> None:
        self._series = {path: _Series(trend) for path, trend in trends.items()}
        self._finished: list[HourOf] = []

    def use(self, trends: Mapping[str, Trend]) -> list[str]:
        """Go by another version of the site file; checks whose hours are to be
        restored: what is foreseen of them is new, or is foreseen otherwise.
        """
        known, self._series = self._series, {}
        for path, trend in trends.items():
            series = known.get(path)
            same = series is not None and series.trend == trend
            self._series[path] = series if series and same else _Series(trend)
        return [
            path for path, one in self._series.items() if one is not known.get(path)
        ]

    def observe(
        self, check: str, values: Mapping[str, float], at: Instant
    ) -> bool | None:
        """Take a check's values; whether a limit will be crossed before long.

        None: it cannot be told, or lies between yes and no (a crossing within
        the horizon opens; one that recedes by a quarter of it recovers). A limit
        that is crossed already is no forecast's affair.
        """
        series = self._series.get(check)
        if series is None:
            return None
        trend = series.trend
        value = values.get(trend.limits[0].value)
        if value is None or not abs(value) < _LARGEST:
            return None
        series.now = value
        if trend.pace is not None:
            found = series.known(value, at)
        else:
            self._take(check, series, value, at)
            found = series.look()
        if any(limit.crossed(values) for limit in trend.limits):
            return None
        return _verdict(found, at, trend.within_us)

    def _take(self, check: str, series: _Series, value: float, at: Instant) -> None:
        start = Instant(at - at % HOUR)
        running = series.running
        if running is not None and running.start == start:
            running.add(value, at)
            return
        if running is not None:
            series.finish(running)
            self._finished.append(self._of(check, running))
        series.running = Hour(
            start=start,
            n=1,
            offset_us=at - start,
            sum=value,
            min=value,
            max=value,
            last=value,
        )

    def forecast(self, check: str, at: Instant) -> Forecast | None:
        """What is foreseen of a check as of `at`, within its horizon and a quarter."""
        series = self._series.get(check)
        if series is None or series.now is None:
            return None
        found = series.found if series.trend.pace is not None else series.look()
        within = series.trend.within_us
        near = [one for one in found if one.likely <= at + BEYOND * within]
        if not near:
            return None
        firm = [one for one in near if _firm(one, at, within)]
        return Forecast((firm or near)[0], series.now, series.trend.shape)

    # What outlives a restart

    def finished(self) -> list[HourOf]:
        """The hours that ended since this was last asked."""
        finished, self._finished = self._finished, []
        return finished

    def running(self) -> list[HourOf]:
        """The hours that are not over: a clean stop keeps them too."""
        return [
            self._of(check, series.running)
            for check, series in self._series.items()
            if series.running is not None
        ]

    def restore(self, check: str, hours: Iterable[Hour]) -> None:
        """A check's stored hours in order; the last one may still run."""
        series = self._series[check]
        for hour in hours:
            if series.running is not None:
                series.finish(series.running)
            series.running = hour
            series.now = hour.last

    def measures(self) -> dict[str, str]:
        """What the hours of each check are of, where hours are kept."""
        return {
            check: series.trend.measure
            for check, series in self._series.items()
            if series.trend.pace is None
        }

    def _of(self, check: str, hour: Hour) -> HourOf:
        measure = self._series[check].trend.measure
        return HourOf(check=check, measure=measure, hour=hour)


def _firm(one: Crossing, at: Instant, within_us: int) -> bool:
    return one.firm and one.late is not None and one.late <= at + within_us


def _verdict(found: list[Crossing], at: Instant, within_us: int) -> bool | None:
    if any(_firm(one, at, within_us) for one in found):
        return True
    if any(one.likely <= at + BEYOND * within_us for one in found):
        return None
    return False


def words(forecast: Forecast) -> Text:
    """`61 % now, rising by 1.2 % a day: at this pace it reaches 95 % on …`."""
    crossing, shape = forecast.crossing, forecast.shape
    limit, likely = crossing.limit.bound, {"day": crossing.likely}
    if shape is Shape.DAYS:
        return TN(
            "from {day} on the certificate has less than {n} day left",
            "from {day} on the certificate has less than {n} days left",
            n=round(limit),
            day=likely,
        )
    values: dict[str, Value] = {
        "now": shape.shown(forecast.now),
        "pace": {"text": _pace(forecast).to_json()},
        "limit": shape.shown(limit),
        "likely": likely,
        "early": {"short_day": crossing.early},
    }
    if crossing.late is None:
        return T(
            "{now} now, {pace}: at this pace {limit} is reached "
            "on {likely}, on {early} at the earliest",
            **values,
        )
    if crossing.late - crossing.early < DAY:
        return T(
            "{now} now, {pace}: at this pace {limit} is reached on {likely}", **values
        )
    return T(
        "{now} now, {pace}: at this pace {limit} is reached "
        "on {likely}, between {early} and {late}",
        late={"short_day": crossing.late},
        **values,
    )


def _pace(forecast: Forecast) -> Text:
    amount = forecast.shape.shown(abs(forecast.crossing.pace))
    if forecast.crossing.pace < 0:
        return T("{amount} less a day", amount=amount)
    return T("{amount} more a day", amount=amount)
