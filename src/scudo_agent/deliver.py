"""The desk is greeted, and each stream of the outbox drained to it.

The greeter brings both sides to one mark; a drainer for each stream (`drain`)
sends what waits. Each goes its own way: a backlog in one stream does not delay
another (`reliability.md` 1.1).
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from scudo_agent import __version__
from scudo_agent.clock import Clock
from scudo_agent.drain import Drainer, off
from scudo_agent.instant import SECOND, format_instant, parse_instant
from scudo_agent.link import Link, again_and_again
from scudo_agent.store import damage, ledger
from scudo_agent.store.agent_store import AgentStore, wait
from scudo_agent.store.apply import STREAM
from scudo_agent.store.values import LedgerStatus, OutboxStatus
from scudo_agent.text import T, Text
from scudo_agent.ticketing.port import DeskError, TicketSystem
from scudo_agent.ticketing.progress import (
    DeliveryEvent,
    DeliveryKind,
    DeliveryState,
    doubled,
    strange,
)
from scudo_agent.wire import Hello, HelloReply

__all__ = ["Delivery", "DeliveryEvent", "DeliveryKind", "DeliveryState"]

HELLO_S = 30.0

_log = logging.getLogger(__name__)


class Delivery:
    """The task that brings what was committed to one desk; `run` it until cancelled."""

    def __init__(
        self,
        store: AgentStore,
        desk: TicketSystem,
        clock: Clock,
        *,
        rng: random.Random,
        on_event: Callable[[DeliveryEvent], None] = lambda event: None,
        on_hello: Callable[[HelloReply], None] = lambda reply: None,
        adopt: Callable[[HelloReply], Awaitable[None]] | None = None,
        config_hash: str = "",
        unstored: Callable[[], Text | None] = lambda: None,
    ) -> None:
        self._store = store
        self._desk = desk
        self._clock = clock
        self._on_hello = on_hello
        self._adopt = adopt
        self._run_id = uuid.uuid4().hex
        self.config_hash = config_hash
        self._unstored = unstored
        self._link = Link(store, desk, rng=rng, on_event=on_event)
        first = Drainer(self._link, STREAM)
        self._drainers = (first, Drainer(self._link, ledger.STREAM, after=first))

    @property
    def state(self) -> DeliveryState:
        """How delivery stands now."""
        state = self._link.state
        held = [one for one in self._drainers if one.error is not None]
        if state.error is not None or not held:
            return state
        return replace(state, error=held[0].error, failures=held[0].failures)

    def wake(self) -> None:
        """Something was committed: send it now, unless the desk asked for peace."""
        for drainer in self._drainers:
            drainer.wake()

    def greet_now(self) -> None:
        """Ask at once whether the desk answers."""
        self._link.greet_at(float("-inf"))

    async def run(self) -> None:
        """Greet and drain for ever."""
        async with asyncio.TaskGroup() as tasks:
            greeting = again_and_again(self._turn, self._hold_back)
            tasks.create_task(greeting, name="greeting")
            for drainer in self._drainers:
                tasks.create_task(drainer.run(), name=f"stream {drainer.stream}")

    async def _turn(self) -> None:
        link = self._link
        link.called.clear()
        wait_s = link.hello_at - asyncio.get_running_loop().time()
        if wait_s <= 0:
            await self._greet()
            return
        try:
            async with asyncio.timeout(wait_s):
                await link.called.wait()
        except TimeoutError:
            return

    def _hold_back(self, error: Text) -> None:
        self._link.fail(error)
        self._link.lost += 1
        self._link.hello_at = self._link.after(self._link.lost)

    async def _greet(self) -> None:
        store, link = self._store, self._link
        link.hello_at = asyncio.get_running_loop().time() + HELLO_S
        marks = await off(store.reader.outbox)
        told = await off(lambda: store.reader.read(ledger.status))
        now, unstored = store.timeline.now(), self._unstored()
        age_us = 0 if marks.oldest is None else max(0, now - marks.oldest)
        hello = Hello(
            epoch=marks.epoch,
            store_id=store.store_id,
            head_seq={STREAM: marks.head_seq, ledger.STREAM: told.head_seq},
            acked_seq={STREAM: marks.acked_seq, ledger.STREAM: told.acked_seq},
            anchors={seq: sha for seq, sha in told.hashes.items() if sha},
            wall=format_instant(self._clock.wall()),
            mono_us=self._clock.monotonic_us(),
            boot_id=self._clock.boot_id,
            oldest_unacked_age_s=age_us / SECOND,
            config_hash=self.config_hash,
            version=__version__,
            run_id=self._run_id,
            damaged=await off(lambda: store.reader.read(damage.last_told)),
            unstored=None if unstored is None else unstored.to_json(),
        )
        try:
            reply = await self._desk.hello(hello)
            anew = reply.epoch != marks.epoch and not reply.frozen
            if self._adopt is not None and anew:
                await self._adopt(reply)
        except DeskError as exc:
            link.lose(exc)
            return
        again = link.lost > 0
        link.lost = 0
        # What a drainer asked for while this was under way is done with it, too.
        link.hello_at = asyncio.get_running_loop().time() + HELLO_S
        await self._agree(reply, marks, told)
        for drainer in self._drainers:
            drainer.agreed(again=again)
        self._on_hello(reply)

    async def _agree(
        self, reply: HelloReply, marks: OutboxStatus, told: LedgerStatus
    ) -> None:
        """Bring both sides to one mark; the desk's counts.

        `marks` are from before the greeting: what the desk had then, it has.
        """
        if reply.epoch != marks.epoch and not reply.frozen:
            await self._grant(reply.epoch)
            marks = await off(self._store.reader.outbox)
            told = await off(lambda: self._store.reader.read(ledger.status))
        was = self._link.state
        frozen = reply.frozen or marks.frozen == reply.epoch
        why = doubled() if reply.frozen else strange()
        if reply.frozen and not was.frozen:
            _log.error("%s", why.id)
            self._link.tell(DeliveryKind.FROZEN, why)
        self._link.state = replace(
            was,
            connected=True,
            last_answer=self._store.timeline.now(),
            epoch=reply.epoch,
            agent_id=reply.agent_id,
            mode=reply.later_mode or reply.mode,
            key_since=parse_instant(reply.key_since) if reply.key_since else None,
            key_due=reply.renew_key,
            frozen=frozen,
            error=why if frozen else None,
            failures=0,
        )
        if reply.later_mode is not None and reply.later_mode != was.mode:
            _log.error(
                "the desk is in a mode that this version does not know, %r: taken for "
                "'normal'; bring the agent up to the desk's version",
                reply.later_mode,
            )
        if not was.connected:
            self._link.tell(DeliveryKind.ANSWERED, T("the desk answers"))
        if frozen:
            return
        both: tuple[OutboxStatus | LedgerStatus, ...] = (marks, told)
        for drainer, mark in zip(self._drainers, both, strict=True):
            last = reply.last_contiguous_seq.get(drainer.stream, 0)
            await drainer.align(last, mark)

    async def _grant(self, epoch: int) -> None:
        """Number on in another epoch, while no request of the old one is under way."""
        async with AsyncExitStack() as still:
            for drainer in self._drainers:
                await still.enter_async_context(drainer.lock)
            anew = await wait(self._store.grant(epoch))
            # What is sent from here on belongs to it.
            self._link.state = replace(self._link.state, epoch=epoch)
        if anew:
            text = T("the desk has a new store: every event is told again")
            self._link.tell(DeliveryKind.REWOUND, text)
