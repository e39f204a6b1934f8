"""CPU that a forecast adds to an observation, beside judging that observation.

    python benchmarks/forecast.py [CHECKS]

Each check has eight weeks of hours behind it and is observed once a minute; a day is
lived through in a row, looks at the trend (one an hour a check) included. Beside it
the judge takes good observations of as many checks that are up, which is the least
that an observation costs. Both in this process, each check's minutes in turn.
"""

import platform
import random
import sys
import time

from scudo_agent.incident import incident_id
from scudo_agent.instant import DAY, HOUR, MINUTE, SECOND, Instant
from scudo_agent.judge.engine import AgentStart, Judge
from scudo_agent.judge.forecast import Forecaster, Hour
from scudo_agent.judge.site import CheckRule, JudgeSite
from scudo_agent.judge.trend import KEPT_HOURS, Hours, crossings
from scudo_agent.model import Limit, Observation, Result, Shape, Trend

BEGIN = Instant(1_772_359_200 * SECOND)
NOW = Instant(BEGIN + KEPT_HOURS * HOUR)
TREND = Trend(
    limits=(Limit(value="used", bound=0.95),),
    within_us=14 * DAY,
    measure="host disk /",
    shape=Shape.RATIO,
)


def _value(rng: random.Random, at: int) -> float:
    return 0.5 + 0.004 * (at - BEGIN) / DAY + rng.gauss(0, 0.005)


def _past(rng: random.Random) -> list[Hour]:
    hours = []
    for number in range(KEPT_HOURS):
        start = Instant(BEGIN + number * HOUR)
        mean = _value(rng, start + HOUR // 2)
        hours.append(
            Hour(
                start=start,
                n=60,
                offset_us=30 * HOUR,
                sum=60 * mean,
                min=mean,
                max=mean,
                last=mean,
            )
        )
    return hours


def forecasts(paths: list[str]) -> float:
    """Microseconds an observation, the looks at the trend included."""
    rng = random.Random(1)
    forecaster = Forecaster(dict.fromkeys(paths, TREND))
    for path in paths:
        forecaster.restore(path, _past(rng))
    seen = [
        (path, {"used": _value(rng, at)}, Instant(at))
        for at in range(NOW, NOW + DAY, MINUTE)
        for path in paths
    ]
    began = time.process_time()
    for path, values, at in seen:
        forecaster.observe(path, values, at)
    return (time.process_time() - began) / len(seen) * 1e6


def look() -> float:
    """Milliseconds of one look at eight weeks."""
    rng = random.Random(1)
    hours = Hours()
    for hour in _past(rng):
        hours.add(hour.start, hour.start + HOUR // 2, hour.last)
    began = time.process_time()
    for _ in range(50):
        crossings(hours, TREND.limits[0])
    return (time.process_time() - began) / 50 * 1e3


def judging(paths: list[str]) -> float:
    """Microseconds for a good observation of a check that is up."""
    rules = {
        path: CheckRule(path=path, target="t", interval_us=MINUTE) for path in paths
    }
    numbers = iter(range(1_000_000))
    judge = Judge(
        JudgeSite(checks=rules), new_id=lambda at: incident_id(at, next(numbers))
    )
    judge.feed([AgentStart(NOW)])
    seen = [
        Observation(check=path, at=Instant(at + 1 + place), result=Result.GOOD)
        for at in range(NOW, NOW + DAY, MINUTE)
        for place, path in enumerate(paths)
    ]
    began = time.process_time()
    for one in seen:
        judge.feed([one])
    return (time.process_time() - began) / len(seen) * 1e6


def main() -> None:
    """Run both and print the ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    paths = [f"here/disk{number}" for number in range(count)]
    ours, base, one = forecasts(paths), judging(paths), look()
    print(f"Python {platform.python_version()}, {count} checks, a day a minute apart")
    print(
        f"forecast  {ours:6.1f} µs an observation (a look at eight weeks: {one:.2f} ms)"
    )
    print(f"judging   {base:6.1f} µs a good observation")
    print(f"ratio     {ours / base:6.2f}")


if __name__ == "__main__":
    main()
