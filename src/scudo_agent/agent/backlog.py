"""How delivery stands, read off the loop whenever it may have changed."""

import asyncio

from scudo_agent.errors import StoreError
from scudo_agent.store import ledger
from scudo_agent.store.read import StoreReader
from scudo_agent.store.values import LedgerStatus, OutboxStatus


class Backlog:
    """Both streams' marks as last read; reading them never holds up the loop."""

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._reading: asyncio.Task[None] | None = None
        self._stale = False
        self.status: OutboxStatus = reader.outbox()
        self.ledger: LedgerStatus = reader.read(ledger.status)

    def changed(self) -> None:
        """Something was committed or acknowledged: read it again, once."""
        self._stale = True
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while self._stale:
            self._stale = False
            try:
                self.status = await loop.run_in_executor(None, self._reader.outbox)
                self.ledger = await loop.run_in_executor(None, self._told)
            except StoreError:
                return  # the next commit says what is wrong with the store

    def _told(self) -> LedgerStatus:
        return self._reader.read(ledger.status)

    async def close(self) -> None:
        """Read nothing any more."""
        self._stale = False
        if self._reading is not None:
            await asyncio.wait([self._reading])
