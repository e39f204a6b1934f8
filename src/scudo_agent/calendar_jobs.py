"""What belongs to the calendar: APScheduler, re-armed after a clock step.

APScheduler plans in wall time and sleeps on the monotonic clock: set back by an
hour, what it planned comes an hour late and nothing comes meanwhile. The agent
compares both clocks each tick, and `rearm` plans every job anew from the wall
clock as it now is.
"""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

_log = logging.getLogger(__name__)

_LATE_S = 3600
"""A job that could not start on time still runs within an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarJob:
    """Something to do at a time of the site's calendar.

    `cron` has five fields (minute hour day month weekday), in the site's zone.
    """

    name: str
    cron: str
    action: Callable[[], Coroutine[Any, Any, None]]


class CalendarJobs:
    """The jobs of one agent; each runs at most once at a time."""

    def __init__(self, jobs: list[CalendarJob], *, timezone: str) -> None:
        self._jobs = jobs
        self._zone = timezone
        self._scheduler = AsyncIOScheduler(timezone=timezone)
        self._scheduler.add_listener(_failed, EVENT_JOB_ERROR)

    def start(self) -> None:
        """Plan every job; call it in the running loop."""
        for job in self._jobs:
            self._scheduler.add_job(
                job.action,
                self._trigger(job),
                id=job.name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=_LATE_S,
            )
        self._scheduler.start()

    def _trigger(self, job: CalendarJob) -> CronTrigger:
        return CronTrigger.from_crontab(job.cron, timezone=self._zone)

    def rearm(self) -> None:
        """The wall clock stepped: plan every job anew."""
        for job in self._jobs:
            self._scheduler.reschedule_job(job.name, trigger=self._trigger(job))
        self._scheduler.wakeup()

    def planned(self) -> dict[str, str]:
        """When each job comes next, as RFC 3339 text in the site's zone."""
        return {
            job.id: job.next_run_time.isoformat()
            for job in self._scheduler.get_jobs()
            if job.next_run_time is not None
        }

    def close(self) -> None:
        """Plan nothing more; what runs is left to end."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


def _failed(event: JobExecutionEvent) -> None:
    _log.error("calendar job %s failed: %s", event.job_id, event.exception)
