"""The desk's watch over its agents: who is silent, and who is heard again."""

import asyncio
import logging

from sqlalchemy.exc import DBAPIError

from scudo_agent.desk.offload import offload
from scudo_agent.desk.store.desk_store import DeskStore

LOOK_S = 10.0
_log = logging.getLogger(__name__)


class Watch:
    """Looks every ten seconds; what it finds follows from rows alone."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store
        self._ending = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on."""
        self._running = asyncio.create_task(self._run(), name="desk watch")

    async def stop(self, *, patience_s: float) -> None:
        """Look no more, in `patience_s` at most."""
        self._ending.set()
        if self._running is not None:
            await asyncio.wait([self._running], timeout=patience_s)
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        while not self._ending.is_set():
            await self._look()
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._ending.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        try:
            silent, heard = await offload(self._store.silence.look)
        except DBAPIError as exc:
            _log.error("silent agents cannot be looked for just now: %s", exc.orig)
            return
        except Exception:  # noqa: BLE001 - without it nobody watches the watchers
            _log.exception("the watch over the agents stumbled")
            return
        if silent:
            _log.error("%d sites fell silent: what they watch is not measured", silent)
        if heard:
            _log.warning("%d silent sites are heard again", heard)
