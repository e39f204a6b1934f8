"""Several mails on their way at once, those of one ticket in their order.

One task asks the outbox: what became of mails is recorded, and the next ones are
leased, in one transaction. Each mail is then written and sent by a lane, in a thread
of the lanes' own: a mail server that keeps all of them waiting holds up nobody else.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sqlalchemy.exc import DBAPIError

from scudo_agent.desk.offload import offload
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.mailbox import Claim, Outcome
from scudo_agent.instant import SECOND, Instant

LANES = 4
"""So many mails are on their way at once."""

_AHEAD = 2 * LANES
"""So many more are leased, that no lane waits while reports hold the database."""

_IDLE_S = 30.0
_STORE_PAUSE_S = 5.0
_log = logging.getLogger(__name__)


class Lanes(ABC):
    """Takes from the outbox what is due and lets `deliver` send it."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store
        self._wake = asyncio.Event()
        self._busy: set[asyncio.Task[None]] = set()
        self._ready: deque[Claim] = deque()
        self._told: list[Outcome] = []
        self._stopping = self._abandoned = False

    @abstractmethod
    def deliver(self, claim: Claim) -> Outcome | None:
        """Write and send one mail; blocks, and raises nothing.

        None where `_abandoned` was set meanwhile: nobody records it any more.
        """

    @abstractmethod
    def rest(self) -> None:
        """Nothing is to be sent just now; blocks."""

    async def stop(self, running: "asyncio.Task[None]", *, patience_s: float) -> None:
        """End `run`, the mails under way included, in `patience_s` at most.

        A mail that a slow server has not taken by then stays in the outbox, and
        goes out again with the same Message-ID.
        """
        self._stopping = True
        self._wake.set()
        await asyncio.wait([running], timeout=patience_s)
        self._abandoned = True
        running.cancel()
        await asyncio.wait([running])
        await offload(self.rest)

    def wake(self) -> None:
        """There may be a new mail; call it after a commit, on the loop."""
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`."""
        pool = ThreadPoolExecutor(LANES, thread_name_prefix="desk-mail")
        try:
            while not self._stopping:
                self._wake.clear()
                pause = await self._round(pool)
                try:
                    async with asyncio.timeout(0 if self._stopping else pause):
                        await self._wake.wait()
                except TimeoutError:
                    continue
            while self._busy or self._told:
                if self._busy:
                    await asyncio.wait(self._busy, return_when=asyncio.FIRST_COMPLETED)
                await self._turn(0)
        except DBAPIError as exc:
            _log.error("what became of mails cannot be recorded: %s", exc.orig)
        finally:
            for lane in self._busy:
                lane.cancel()
            pool.shutdown(wait=False, cancel_futures=True)

    async def drain(self) -> int:
        """Send everything that is due, one by one; how many mails were tried."""
        tried = 0
        while not self._stopping:
            claims, _ = await self._turn(1)
            if not claims:
                break
            self._ended(await offload(self.deliver, claims[0]))
            tried += 1
        await offload(self.rest)
        return tried

    async def _round(self, pool: ThreadPoolExecutor) -> float:
        """Fill the lanes; return for how many seconds nothing else is to be done."""
        try:
            room = LANES + _AHEAD - len(self._busy) - len(self._ready)
            claims, due = await self._turn(room)
            self._ready += claims
            self._fill(pool)
            if not self._busy:
                await offload(self.rest)
            if due is None or len(claims) == room:
                return _IDLE_S  # a lane that gets free wakes
            return min(max((due - self._store.now()) / SECOND, 0.01), _IDLE_S)
        except DBAPIError as exc:
            _log.error("the mail outbox cannot be used just now: %s", exc.orig)
        except Exception:  # noqa: BLE001 - without its worker no mail ever leaves
            _log.exception("the mail worker stumbled")
        return _STORE_PAUSE_S

    def _fill(self, pool: ThreadPoolExecutor) -> None:
        """What a stop leaves here stays in the outbox; its leases end with the desk."""
        while self._ready and len(self._busy) < LANES and not self._stopping:
            claim = self._ready.popleft()
            lane = asyncio.create_task(self._lane(claim, pool), name="desk mail")
            self._busy.add(lane)
            lane.add_done_callback(partial(self._free, pool))

    async def _turn(self, most: int) -> tuple[tuple[Claim, ...], Instant | None]:
        """Record what became of mails, and get up to `most` others."""
        told, self._told = self._told, []
        try:
            turn = await offload(self._store.mail.turn, told, most)
        except BaseException:
            self._told = told + self._told
            raise
        for one in turn.lost:
            if one.sent is not None:
                name = one.claim.row.message_id
                _log.warning("mail %s was sent after its lease", name)
        return turn.claims, turn.due

    async def _lane(self, claim: Claim, pool: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        self._ended(await loop.run_in_executor(pool, self.deliver, claim))

    def _free(self, pool: ThreadPoolExecutor, lane: "asyncio.Task[None]") -> None:
        self._busy.discard(lane)
        self._fill(pool)
        self._wake.set()
        if not lane.cancelled() and (fault := lane.exception()) is not None:
            # Its mail is tried again when its lease is over.
            _log.error("a mail could not be dealt with", exc_info=fault)

    def _ended(self, outcome: Outcome | None) -> None:
        if outcome is not None:
            self._told.append(outcome)
