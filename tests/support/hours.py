"""Weeks of hourly values, made by a function of the hour."""

from collections.abc import Callable

from scudo_agent.instant import DAY, HOUR, SECOND, Instant
from scudo_agent.judge.trend import Crossing, Hours, crossings
from scudo_agent.model import Limit

BEGIN = Instant(1_772_359_200 * SECOND)
"""2026-03-01T10:00:00Z, a whole hour."""

FULL = Limit(value="used", bound=0.95)

Value = Callable[[float], float | None]
"""A value by the hours since `BEGIN`; None: not measured."""


def hours_of(value: Value, count: int, *, start: int = 0) -> Hours:
    """Hours from `start` up to `count`, each with its value in the middle."""
    hours = Hours()
    extend(hours, value, start, count)
    return hours


def extend(hours: Hours, value: Value, start: int, count: int) -> None:
    """More hours of the same."""
    for hour in range(start, count):
        mean = value(hour + 0.5)
        if mean is not None:
            hours.add(BEGIN + hour * HOUR, BEGIN + hour * HOUR + HOUR // 2, mean)


def told(hours: Hours, within_us: int = 14 * DAY, limit: Limit = FULL) -> bool:
    """Whether the crossing is foreseen so surely that someone is told."""
    return bool(firm(hours, within_us, limit))


def firm(hours: Hours, within_us: int, limit: Limit = FULL) -> list[Crossing]:
    """The crossings that someone is told of."""
    end = hours.at[-1]
    return [
        one
        for one in crossings(hours, limit)
        if one.firm and one.late is not None and one.late <= end + within_us
    ]


def openings(value: Value, count: int, *, every: int = 6) -> list[tuple[str, int]]:
    """What a forecast of 14 days would do, hour by hour: `open` and `recover`."""
    hours, out, opened = Hours(), [], False
    for hour in range(count):
        extend(hours, value, hour, hour + 1)
        if hour % every or not len(hours.at):
            continue
        found = crossings(hours, FULL)
        near = [one for one in found if one.likely <= hours.at[-1] + 14 * DAY * 1.25]
        if told(hours) and not opened:
            opened = True
            out.append(("open", hour))
        elif opened and not near:
            opened = False
            out.append(("recover", hour))
    return out
