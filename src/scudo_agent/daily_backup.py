"""Daily backups of agent and desk: taken while they run, verified, seven kept."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from scudo_agent.calendar_jobs import CalendarJob
from scudo_agent.dbfile import backup
from scudo_agent.dbfile.backup import What
from scudo_agent.errors import ScudoError
from scudo_agent.instant import DAY, Instant

CRON = "40 2 * * *"
LATE_US = DAY + DAY // 12
"""A backup that is older was missed: the machine was off at its time."""
SOON_S = 60.0

_log = logging.getLogger(__name__)


class DailyBackup:
    """Takes one database's backup each night, and soon after a start that missed it."""

    def __init__(self, folder: Path, what: What, now: Callable[[], Instant]) -> None:
        self._folder = folder
        self._what = what
        self._now = now
        self._soon: asyncio.TimerHandle | None = None
        self._taking: asyncio.Task[None] | None = None

    def job(self) -> CalendarJob:
        """For the calendar."""
        return CalendarJob(
            name=f"back-up-{self._what.name}", cron=CRON, action=self.take
        )

    def begin(self) -> None:
        """See whether one was missed; call it in the loop."""
        last = backup.last_taken(self._folder, self._what)
        if last is None or self._now() - last > LATE_US:
            loop = asyncio.get_running_loop()
            self._soon = loop.call_later(SOON_S, self._start)

    def _start(self) -> None:
        self._taking = asyncio.create_task(self._try(), name="backup")

    async def _try(self) -> None:
        try:
            await self.take()
        except (ScudoError, OSError, sqlite3.Error) as exc:
            _log.error("the backup failed: %s", exc)
        except Exception:  # noqa: BLE001 - a task's own end: nobody else hears of it
            _log.exception("the backup stumbled")

    async def take(self) -> None:
        """Take one now, and drop the eighth."""
        await asyncio.get_running_loop().run_in_executor(None, self._take)

    def _take(self) -> None:
        at = self._now()
        target = backup.default_place(self._folder, self._what, at)
        backup.take(self._folder / self._what.file, target, self._what, at=at)
        backup.prune(self._folder, self._what)
        _log.info("backup taken: %s", target)

    def close(self) -> None:
        """Take none any more; one that is under way is left to end."""
        if self._soon is not None:
            self._soon.cancel()
