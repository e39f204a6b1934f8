"""The desk's work in the background: what happens to tickets, told to webhooks."""

import asyncio
import logging
import random
from typing import Any

from sqlalchemy.exc import DBAPIError

from scudo_agent.desk.offload import offload
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.webhook_outbox import Parcel
from scudo_agent.desk.webhook_sending import Message, Outcome, Sender
from scudo_agent.instant import DAY, SECOND
from scudo_agent.retry import Backoff
from scudo_agent.wire import canonical

GIVE_UP_US = 3 * DAY
"""A webhook that has not taken a message for so long is told nothing more: from its
first attempt on, since a desk that was off meanwhile has not tried."""

AT_ONCE = 8
"""Receivers that are spoken with at once; each hears one message after the other."""

_BACKOFF = Backoff(first_s=5.0, limit_s=30 * 60.0)
_IDLE_S = 5.0
_HELD_S = 1.0
"""What is due waits for one before it, with which another desk is under way."""

_log = logging.getLogger(__name__)


class WebhookWorker:
    """Sends what is due, each webhook's in its order, until it is taken."""

    def __init__(self, store: DeskStore, sender: Sender, *, rng: random.Random) -> None:
        self._store = store
        self._outbox = store.webhook_outbox
        self._sender = sender
        self._rng = rng
        self._wake = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """There may be something to tell; call it after a commit, on the loop."""
        self._wake.set()

    async def stop(self, running: "asyncio.Task[None]", *, patience_s: float) -> None:
        """End `run`, in `patience_s` at most; what is under way is sent again later."""
        self._stopping = True
        self._wake.set()
        await asyncio.wait([running], timeout=patience_s)
        running.cancel()
        await asyncio.wait([running])

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping:
            self._wake.clear()
            try:
                pause = await self._pause_s()
                if not pause and not await self.drain():
                    pause = _HELD_S
            except DBAPIError as exc:
                _log.error("webhooks cannot be looked after just now: %s", exc.orig)
                pause = _IDLE_S
            except Exception:  # noqa: BLE001 - without its worker no webhook is told
                _log.exception("the webhook worker stumbled")
                pause = _IDLE_S
            if self._stopping or not pause:
                continue
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def drain(self) -> int:
        """Send everything that is due; return how many messages were tried.

        A receiver that answers late keeps its place and its own messages, nobody
        else's: whatever is due meanwhile leaves beside it.
        """
        tried = 0
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._wake.clear()
                parcels = await offload(self._claimed, AT_ONCE - len(under_way))
                tried += len(parcels)
                under_way |= {asyncio.create_task(self._tell(one)) for one in parcels}
                if not under_way:
                    return tried
                under_way = await self._some_ended(under_way)
        finally:
            for one in under_way:
                one.cancel()
            if under_way:
                await asyncio.wait(under_way)

    def _claimed(self, most: int) -> list[Parcel]:
        """One message each of some webhooks: a lease keeps its webhook's rest back."""
        found: list[Parcel] = []
        while (
            len(found) < most
            and not self._stopping
            and (one := self._outbox.claim()) is not None
        ):
            found.append(one)
        return found

    async def _some_ended(
        self, under_way: set[asyncio.Task[None]]
    ) -> set[asyncio.Task[None]]:
        """Those still under way, once one ended or there may be more to claim."""
        others: set[asyncio.Task[Any]] = set()
        if len(under_way) < AT_ONCE and not self._stopping:
            others.add(asyncio.create_task(self._wake.wait()))
        try:
            done, rest = await asyncio.wait(
                under_way | others,
                timeout=_HELD_S if others else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for one in others:
                one.cancel()
        for one in done - others:
            await one  # has its fault raised here
        return rest - others

    async def _tell(self, parcel: Parcel) -> None:
        message = Message(
            url=parcel.url,
            secret=parcel.secret,
            message_id=parcel.message_id,
            body=canonical(parcel.body),
        )
        outcome = await self._sender.send(message, self._store.now())
        if not outcome.error:
            if not await offload(self._outbox.sent, parcel):
                _log.warning("webhook %d was told after its lease", parcel.webhook_id)
            return
        await offload(self._failed, parcel, outcome)

    def _failed(self, parcel: Parcel, outcome: Outcome) -> None:
        now, which = self._store.now(), parcel.webhook_id
        if outcome.gone or now - parcel.first_tried > GIVE_UP_US:
            _log.error("webhook %d is told nothing more: %s", which, outcome.error)
            self._outbox.give_up(parcel, outcome.error)
            return
        wait = _BACKOFF.delay_s(
            parcel.attempts, self._rng, retry_after_s=outcome.retry_after_s
        )
        _log.warning("webhook %d: %s; again in %.0f s", which, outcome.error, wait)
        self._outbox.later(parcel, outcome.error, next_us=now + round(wait * SECOND))

    async def _pause_s(self) -> float:
        """How long there is nothing to do; 0: something is due."""
        due = await offload(self._outbox.next_due)
        if due is None:
            return _IDLE_S
        return min(max((due - self._store.now()) / SECOND, 0), _IDLE_S)
