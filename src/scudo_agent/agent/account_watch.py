"""Keeps the accounts of a running agent: for the metrics, the status and notices.

A scrape brings them up to date in its own thread. Between scrapes that is done every
half a minute, in a thread as well, so that the status and a recovery's notice have
them where nobody scrapes.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from scudo_agent.agent.accounts import Accounts
from scudo_agent.agent.runtime import Runtime
from scudo_agent.errors import StoreError
from scudo_agent.telemetry.snapshot import SlaSnapshot, Snapshot

EVERY_S = 30.0

_log = logging.getLogger(__name__)


class AccountWatch:
    """The accounts of one agent."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._trouble = ""
        self.accounts = Accounts(
            runtime.store.reader,
            site=lambda: runtime.site,
            windows=lambda: runtime.windows.windows,
        )
        runtime.pipeline.listeners.append(
            lambda done: self.accounts.committed(done.batch.changes)
        )
        runtime.pipeline.writer.cost = self.accounts.cost

    def latest(self) -> Mapping[str, SlaSnapshot]:
        """The accounts as of the last look, by service."""
        return self.accounts.latest

    def freshen(self) -> None:
        """Bring them up to now if that takes no reading; for a thread of its own."""
        self.accounts.freshen(self._runtime.timeline.now())

    def with_accounts(self, read: Callable[[], Snapshot]) -> Callable[[], Snapshot]:
        """Snapshots with the accounts in them; for the thread of a scrape."""

        def snapshot() -> Snapshot:
            found = read()
            return replace(found, accounts=tuple(self._look().values()))

        return snapshot

    def begin(self, stack: AsyncExitStack) -> None:
        """Look every half a minute, the first time at once."""
        looking = asyncio.create_task(self._go_on(), name="accounts")

        async def stop() -> None:
            looking.cancel()
            await asyncio.wait([looking])

        stack.push_async_callback(stop)

    async def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(None, self._look)
            await asyncio.sleep(EVERY_S)

    def _look(self) -> Mapping[str, SlaSnapshot]:
        try:
            found = self.accounts.look(self._runtime.timeline.now())
        except StoreError as exc:
            if str(exc) != self._trouble:
                self._trouble = str(exc)
                _log.warning("the accounts cannot be made just now: %s", exc)
            return {}
        self._trouble = ""
        return found
