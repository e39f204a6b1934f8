"""Calendar jobs run in simulated time, and survive a clock that is set."""

import asyncio
from datetime import datetime, tzinfo
from typing import Any

import apscheduler.executors.base
import apscheduler.schedulers.base
import pytest

from scudo_agent.calendar_jobs import CalendarJob, CalendarJobs
from scudo_agent.instant import HOUR, SECOND, Instant, parse_instant, to_datetime
from support.sim import SimClock, simulate

START = parse_instant("2026-03-28T00:00:00+01:00")  # the night before DST begins

HALF_PAST_THREE = parse_instant("2026-03-28T03:30:00+01:00")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimClock:
    sim = SimClock(START)

    class Simulated(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return to_datetime(sim.wall()).astimezone(tz)

    for module in (apscheduler.schedulers.base, apscheduler.executors.base):
        monkeypatch.setattr(module, "datetime", Simulated)
    return sim


def nightly(clock: SimClock, ran: list[str]) -> CalendarJobs:
    async def keep_house() -> None:
        ran.append(to_datetime(clock.wall()).isoformat(timespec="minutes"))

    job = CalendarJob(name="keep-house", cron="10 3 * * *", action=keep_house)
    return CalendarJobs([job], timezone="Europe/Rome")


def test_a_nightly_job_runs_once_a_night_also_when_the_hours_change(
    clock: SimClock,
) -> None:
    ran: list[str] = []

    async def three_days() -> None:
        jobs = nightly(clock, ran)
        jobs.start()
        await asyncio.sleep(3 * 24 * 3600)
        jobs.close()

    simulate(clock, three_days())
    assert ran == [
        "2026-03-28T02:10+00:00",
        "2026-03-29T01:10+00:00",  # 03:10 CEST: the hour before does not exist
        "2026-03-30T01:10+00:00",
    ]


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_a_job_runs_at_its_wall_time_after_the_clock_was_set(
    clock: SimClock, step: int
) -> None:
    ran: list[str] = []

    async def a_night() -> None:
        jobs = nightly(clock, ran)
        jobs.start()
        await asyncio.sleep(1800)
        clock.step(step)
        jobs.rearm()
        await asyncio.sleep((HALF_PAST_THREE - clock.wall()) / SECOND)
        jobs.close()

    simulate(clock, a_night())
    assert ran == ["2026-03-28T02:10+00:00"]


def test_without_rearming_a_job_comes_late_by_the_step(clock: SimClock) -> None:
    """Why `rearm` exists: set forward, a job that is not re-armed comes late."""
    ran: list[str] = []

    async def a_night() -> None:
        jobs = nightly(clock, ran)
        jobs.start()
        await asyncio.sleep(1800)
        clock.step(HOUR // 2)
        await asyncio.sleep((HALF_PAST_THREE - clock.wall()) / SECOND)
        jobs.close()

    simulate(clock, a_night())
    assert ran != ["2026-03-28T02:10+00:00"]


def test_a_job_that_fails_is_logged_and_comes_again(
    clock: SimClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise OSError("no space")

    async def two_days() -> None:
        job = CalendarJob(name="broken", cron="0 4 * * *", action=broken)
        jobs = CalendarJobs([job], timezone="Europe/Rome")
        jobs.start()
        assert list(jobs.planned()) == ["broken"]
        await asyncio.sleep(2 * 24 * 3600)
        jobs.close()

    simulate(clock, two_days())
    failures = [r for r in caplog.records if "calendar job broken" in r.getMessage()]
    assert len(failures) == 2


def test_the_simulated_clock_tells_a_deadlock() -> None:
    async def for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="deadlock"):
        simulate(SimClock(Instant(0)), for_ever())
