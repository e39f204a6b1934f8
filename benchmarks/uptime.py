"""The account of a year beside `portion`: 10,000 outages, 900 windows.

    python benchmarks/uptime.py [ROUNDS]

In turn in each round: the seconds that count, from merged whole numbers, by the
agent's core and by `portion`'s intervals (which are built beforehand); then the
whole figures of a year from state changes and windows, and 10,000 services of 50
outages with one calendar. Every answer is compared with the other's. The ratio is
the goal and decides the exit code; milliseconds are those of this machine.
"""

import gc
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.contract.account import AccountYear
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.exact import dumps
from scudo_agent.contract.figures import figures
from scudo_agent.contract.model import Announcement, Window, WindowKind
from scudo_agent.contract.spans import NOTHING, Spans, counted, merge
from scudo_agent.instant import DAY, HOUR, MINUTE, SECOND, Instant, parse_instant
from scudo_agent.model import State

portion: Any = import_module("portion")
"""For this script alone: `pip install portion`. It has no type marker."""

OUTAGES, WINDOWS = 10_000, 900
SERVICES, FEW = 10_000, 50
GOAL_RATIO, GOAL_MS, GOAL_FIGURES_MS, GOAL_SERVICES_S = 50, 1.5, 15.0, 1.0
AT = "2027-01-01T00:00:00+01:00"
CONTRACT = {
    "id": "bench",
    "title": "Bench",
    "year_start": "2026-01-01",
    "service_hours": {"weekly": {"mon-fri": ["09:00-18:00"]}},
}


def _outages(rng: random.Random, count: int, start: int, end: int) -> Spans:
    """So many outages, apart from each other, spread over the year."""
    step = (end - start) // count
    found = []
    for number in range(count):
        first = start + number * step + rng.randrange(step // 2) // SECOND * SECOND
        found.append((first, first + rng.randrange(1, step // 2 // SECOND) * SECOND))
    return merge(found)


def _windows(rng: random.Random, start: int, end: int) -> list[Window]:
    kinds = list(WindowKind)
    found = []
    step = (end - start) // WINDOWS
    for number in range(WINDOWS):
        first = Instant(start + number * step + rng.randrange(HOUR))
        last = Instant(first + rng.randrange(1, 8) * HOUR)
        ahead = rng.choice([5 * MINUTE, DAY, 3 * DAY])
        told = Announcement(announced=Instant(first - ahead), start=first, end=last)
        found.append(
            Window(
                id=f"w{number}",
                kind=rng.choice(kinds),
                services=("*",),
                announcements=(told,),
                peak_notice=Instant(first - 9 * DAY),
            )
        )
    return found


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    before = time.process_time()
    answer = work()
    return (time.process_time() - before) * 1e3, answer


def _portion(spans: Spans) -> Any:
    """The same set as `portion` keeps it."""
    return portion.Interval(*(portion.closedopen(s, e) for s, e in spans))


def _portion_counted(down: Any, excluded: Any, period: Any) -> tuple[int, int]:
    lost = down - excluded
    counts = period - excluded
    return _length(counts), _length(lost)


def _length(kept: Any) -> int:
    return sum(one.upper - one.lower for one in kept if not one.empty)


def _history(spans: Spans) -> list[tuple[State, Instant]]:
    edges = [(State.DOWN, start) for start, _ in spans]
    edges += [(State.UP, end) for _, end in spans]
    return sorted(edges, key=lambda edge: edge[1])


def main(rounds: int) -> int:
    """Print the medians and the ratio; 1 if the ratio is missed."""
    rng = random.Random(1001)
    contract = contract_of_data(CONTRACT, name="bench")
    calendar = Calendar(contract)
    at = parse_instant(AT)
    year = AccountYear(contract, (), at=at, year=2026, calendar=calendar)
    start, end = year.period
    down = _outages(rng, OUTAGES, start, end)
    windows = _windows(rng, start, end)
    history = [(State.UP, start), *_history(down)]
    excluded = merge(
        (one.announcements[0].start, one.announcements[0].end) for one in windows
    ).within(year.period)
    theirs = _portion(down), _portion(excluded), portion.closedopen(start, end)
    services = [_outages(rng, FEW, start, end) for _ in range(SERVICES)]

    def whole() -> str:
        known = AccountYear(contract, windows, at=at, year=2026, calendar=calendar)
        return dumps(figures(known.account("erp", history), AT))

    def many() -> int:
        return sum(counted(one, NOTHING, excluded, year.period)[1] for one in services)

    whole()  # the holidays of the year are worked out once
    gc.collect()
    gc.freeze()  # what was set up is no work of what is measured
    times: dict[str, list[float]] = {
        name: [] for name in ("own", "peer", "all", "many")
    }
    for _ in range(rounds):
        own, answer = _timed(lambda: counted(down, NOTHING, excluded, year.period))
        peer, wanted = _timed(lambda: _portion_counted(*theirs))
        if answer != wanted:
            print(f"the answers differ: {answer}, portion {wanted}")
            return 1
        for name, took in (
            ("own", own), ("peer", peer), ("all", _timed(whole)[0]),
            ("many", _timed(many)[0]),
        ):  # fmt: skip
            times[name].append(took)
    medians = {name: statistics.median(one) for name, one in times.items()}
    ratio = medians["peer"] / medians["own"]
    print(
        f"Python {platform.python_version()}, {platform.machine()}, "
        f"median of {rounds}; {len(down)} outages, {len(excluded)} windows"
    )
    print(f"counted seconds  {medians['own']:9.2f} ms, goal {GOAL_MS} ms")
    print(f"portion          {medians['peer']:9.2f} ms")
    print(f"ratio            {ratio:9.0f}, goal {GOAL_RATIO}")
    print(f"all figures      {medians['all']:9.2f} ms, goal {GOAL_FIGURES_MS} ms")
    print(
        f"{SERVICES} services {medians['many'] / 1e3:9.2f} s, goal {GOAL_SERVICES_S} s"
    )
    return 0 if ratio >= GOAL_RATIO else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 5))
