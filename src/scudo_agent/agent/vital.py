"""Tasks without which an agent is none: when one ends, the agent ends, loudly."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from scudo_agent.errors import ScudoError, SuspectError
from scudo_agent.store.agent_store import AgentStore

_log = logging.getLogger(__name__)


class Vital:
    """Watches tasks that are to run as long as the agent does.

    A service manager starts an agent again that ended with an error; one that
    goes on without its desk or its delivery would look well and tell nobody.
    """

    def __init__(self) -> None:
        self._fault: ScudoError | None = None
        self._stop: Callable[[], None] | None = None

    def watch(self, task: asyncio.Task[Any]) -> Callable[[], None]:
        """Watch a task until the function that is returned is called."""
        task.add_done_callback(self._ended)
        return lambda: self._let_go(task)

    def on_fault(self, stop: Callable[[], None]) -> None:
        """Call `stop` when a task has ended, now if that was before."""
        self._stop = stop
        if self._fault is not None:
            stop()

    def check(self) -> None:
        """Raise what `fail` was told, or `ScudoError` if a task has ended."""
        if self._fault is not None:
            raise self._fault

    def fail(self, error: ScudoError) -> None:
        """Something is lost without which an agent is none; call it in the loop."""
        if self._fault is None:
            self._fault = error
        if self._stop is not None:
            self._stop()

    def _let_go(self, task: asyncio.Task[Any]) -> None:
        task.remove_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, SuspectError):
            self.fail(error)
            return
        why = f": {type(error).__name__}: {error}" if error else ""
        name = task.get_name()
        fault = ScudoError(f"the {name} ended unexpectedly{why}; the agent stops")
        _log.critical("%s", fault, exc_info=error)
        self.fail(fault)


def guard(store: AgentStore) -> Vital:
    """One that ends the agent when the store's disk did not take a sync."""
    vital, loop = Vital(), asyncio.get_running_loop()

    def tell(error: SuspectError) -> None:
        with suppress(RuntimeError):  # closed: whoever waits for the commit is told
            loop.call_soon_threadsafe(vital.fail, error)

    store.on_suspect(tell)
    return vital
