"""Paused checks: nothing is planned for them, and what runs says nothing."""

import asyncio
from pathlib import Path

from scudo_agent import config
from scudo_agent.agent.probing import Probing
from scudo_agent.instant import SECOND, Instant
from scudo_agent.model import Outcome
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.schedule import FIRST_RUNS_US, Schedule
from support.script import GOOD, ScriptEngine
from support.sim import SimClock, simulate
from support.sites import write_site

TEN = 10 * SECOND


def runs(schedule: Schedule, since: int, until: int) -> dict[str, int]:
    """How often each check ran in a span, asked ten times a second."""
    count = dict.fromkeys(("a/x", "b/x"), 0)
    for now in range(since, until, SECOND // 10):
        for firing in schedule.due(now):
            count[firing.check] += 1
            schedule.done(firing.check, now)
    return count


def test_a_paused_check_is_not_planned_and_misses_nothing() -> None:
    schedule = Schedule({"a/x": TEN, "b/x": TEN}, now_us=0)
    runs(schedule, 0, 60 * SECOND)

    schedule.pause({"a/x"}, 60 * SECOND)
    paused = runs(schedule, 60 * SECOND, 360 * SECOND)

    assert (paused["a/x"], schedule.counts.missed["a/x"]) == (0, 0)
    assert paused["b/x"] in (29, 30, 31)
    schedule.pause((), 360 * SECOND)
    due = schedule.next_due_us()
    assert due is not None
    assert due <= 360 * SECOND + FIRST_RUNS_US
    assert runs(schedule, 360 * SECOND, 480 * SECOND)["a/x"] in (12, 13)


def test_haste_and_pace_do_not_wake_a_paused_check() -> None:
    schedule = Schedule({"a/x": TEN}, now_us=0)
    schedule.pause({"a/x"}, 0)
    assert schedule.next_due_us() is None

    schedule.hasten(["a/x"], SECOND)
    schedule.pace("a/x", SECOND, SECOND)

    assert schedule.due(100 * SECOND) == []
    assert schedule.next_due_us() is None


def test_a_run_under_way_ends_and_asks_for_no_other() -> None:
    schedule = Schedule({"a/x": TEN}, now_us=0)
    [firing] = schedule.due(FIRST_RUNS_US)
    schedule.hasten(["a/x"], FIRST_RUNS_US)
    schedule.pause({"a/x"}, FIRST_RUNS_US)
    schedule.hasten(["a/x"], FIRST_RUNS_US)
    schedule.done(firing.check, FIRST_RUNS_US + SECOND)
    assert schedule.due(100 * SECOND) == []


def test_pausing_the_same_twice_changes_nothing() -> None:
    schedule = Schedule({"a/x": TEN, "b/x": TEN}, now_us=0)
    schedule.pause({"a/x"}, 0)
    before = schedule.next_due_us()
    schedule.pause({"a/x"}, SECOND)
    assert schedule.next_due_us() == before


def test_what_a_run_over_the_pause_says_is_dropped(tmp_path: Path) -> None:
    clock = SimClock(Instant(0))
    told: list[str] = []
    engines: list[ScriptEngine] = []

    def engine(_kind: str) -> ScriptEngine:
        engines.append(ScriptEngine(lambda _check: GOOD, took_s=2))
        return engines[-1]

    def report(path: str, _outcome: Outcome) -> None:
        told.append(path)

    async def play() -> None:
        site = config.load(write_site(tmp_path), SETTINGS)
        probing = Probing(site, clock, engines=engine, report=report)
        await probing.start()
        while "erp/web" not in probing.running:
            probing.fire()
            await asyncio.sleep(0.1)
        probing.pause(frozenset({"erp/web"}))
        await asyncio.sleep(1)
        probing.pause(frozenset())
        await asyncio.sleep(2)
        assert "erp/web" not in told, "it began before the pause"
        for _ in range(100):
            probing.fire()
            await asyncio.sleep(0.1)
        assert told.count("erp/web") == 1
        await probing.close()

    simulate(clock, play())
