"""CPU of a firing at 10,000 checks a minute, beside APScheduler, a job a check.

    python benchmarks/schedule.py [SECONDS]

Both run in turn in each round, as processes of their own, in real time: the
agent's schedule on its 100 ms turns, and APScheduler's asyncio scheduler with an
interval job for each check, staggered alike. Every run ends at once. The figure
is CPU time (user and system) for each firing once all is set up, the loop's turns
included, and how late the runs began. What bare turns cost, with nothing to do in
them, is measured beside it: on an idle machine they are most of the figure.
"""

import asyncio
import json
import logging
import platform
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

CHECKS = 10_000
INTERVAL_S = 60
GOAL_US = 20
ROUNDS = 3
PATHS = [f"t{n}/ping" for n in range(CHECKS)]


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _print(used: float, late: list[float]) -> None:
    late.sort()
    print(json.dumps({
        "us": used / len(late) * 1e6,
        "p50_ms": late[len(late) // 2] * 1e3,
        "p99_ms": late[len(late) * 99 // 100] * 1e3,
        "fired": len(late),
    }))  # fmt: skip


async def _schedule(seconds: int) -> None:
    from scudo_agent.instant import SECOND
    from scudo_agent.schedule import TICK_US, Schedule

    def now_us() -> int:
        return time.monotonic_ns() // 1000

    # As if it had run for a while: the first runs, closer together, are over.
    began = now_us() - 2 * INTERVAL_S * SECOND
    schedule = Schedule(dict.fromkeys(PATHS, INTERVAL_S * SECOND), now_us=began)
    for firing in schedule.due(now_us()):
        schedule.done(firing.check, now_us())
    late: list[float] = []
    loop, before = asyncio.get_running_loop(), _cpu_s()
    end, tick_s = loop.time() + seconds, TICK_US / SECOND
    while loop.time() < end:
        for firing in schedule.due(now_us()):
            late.append(firing.late_us / SECOND)
            schedule.done(firing.check, now_us())
        schedule.next_due_us()
        await asyncio.sleep((loop.time() // tick_s + 1) * tick_s - loop.time())
    _print(_cpu_s() - before, late)


async def _turns(seconds: int) -> None:
    loop, before = asyncio.get_running_loop(), _cpu_s()
    end = loop.time() + seconds
    while loop.time() < end:  # noqa: ASYNC110 - turns are what is measured
        await asyncio.sleep((loop.time() // 0.1 + 1) * 0.1 - loop.time())
    _print(_cpu_s() - before, [0.0] * (CHECKS * seconds // INTERVAL_S))


async def _apscheduler(seconds: int) -> None:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.interval import IntervalTrigger

    logging.disable()
    late: list[float] = []
    scheduler = AsyncIOScheduler(timezone=UTC)
    # Time for adding the jobs: APScheduler takes some milliseconds for each.
    began = datetime.now(UTC) + timedelta(seconds=30)

    async def run(number: int) -> None:
        due = number * INTERVAL_S / CHECKS
        late.append((time.time() - began.timestamp() - due) % INTERVAL_S)

    for number, path in enumerate(PATHS):
        first = began + timedelta(seconds=number * INTERVAL_S / CHECKS)
        trigger = IntervalTrigger(seconds=INTERVAL_S, start_date=first, timezone=UTC)
        scheduler.add_job(run, trigger, args=[number], id=path, misfire_grace_time=None)
    scheduler.start()
    await asyncio.sleep(max(began.timestamp() - time.time(), 0))
    late.clear()
    before = _cpu_s()
    await asyncio.sleep(seconds)
    _print(_cpu_s() - before, late)
    scheduler.shutdown(wait=False)


def _child(way: str, seconds: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, way, str(seconds)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _median(rounds: list[dict[str, float]], name: str) -> float:
    return statistics.median(one[name] for one in rounds)


def main(seconds: int) -> None:
    """Print the medians of three rounds and their ratio."""
    print(f"Python {platform.python_version()}, {CHECKS} checks every {INTERVAL_S} s")
    rounds = [
        (
            _child("--schedule", seconds),
            _child("--turns", seconds),
            _child("--apscheduler", seconds),
        )
        for _ in range(ROUNDS)
    ]
    own, turns, peer = (list(column) for column in zip(*rounds, strict=True))
    for name, ways in (("scudo-agent", own), ("APScheduler", peer)):
        us, p50, p99 = (_median(ways, key) for key in ("us", "p50_ms", "p99_ms"))
        print(f"{name}  {us:7.1f} µs a firing, late p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    ours, theirs = _median(own, "us"), _median(peer, "us")
    print(f"of which bare turns of 100 ms {_median(turns, 'us'):.1f} µs")
    print(f"ratio 1/{theirs / ours:.0f}, goal {GOAL_US} µs a firing")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--schedule"]:
        asyncio.run(_schedule(int(sys.argv[2])))
    elif sys.argv[1:2] == ["--turns"]:
        asyncio.run(_turns(int(sys.argv[2])))
    elif sys.argv[1:2] == ["--apscheduler"]:
        asyncio.run(_apscheduler(int(sys.argv[2])))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 20)
