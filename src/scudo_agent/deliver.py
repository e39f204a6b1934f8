"""From the outbox to the desk: in order, the same bytes, until it has them.

The replies and what the agent does about each are the table of `reliability.md`
1.3. One request is under way at a time; timers are the loop's, and begin anew
with the process, since what must not be forgotten is in the store.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from scudo_agent import __version__
from scudo_agent.clock import Clock
from scudo_agent.errors import StoreError
from scudo_agent.instant import SECOND, format_instant
from scudo_agent.retry import Backoff
from scudo_agent.store.agent_store import AgentStore, wait
from scudo_agent.store.apply import STREAM
from scudo_agent.store.values import OutboxRow, OutboxStatus
from scudo_agent.text import T, Text
from scudo_agent.ticketing.port import (
    BATCH_LIMIT,
    Conflict,
    DeskError,
    NoAnswer,
    Parcel,
    Refused,
    Rejected,
    TicketSystem,
)
from scudo_agent.ticketing.progress import (
    DeliveryEvent,
    DeliveryKind,
    DeliveryState,
    strange,
    words,
)
from scudo_agent.wire import BatchReply, Gap, Hello, HelloReply

__all__ = ["Delivery", "DeliveryEvent", "DeliveryKind", "DeliveryState"]

HELLO_S = 30.0

R = TypeVar("R")
_log = logging.getLogger(__name__)


class Delivery:
    """The task that drains stream I to one desk; `run` it until it is cancelled."""

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
    ) -> None:
        self._store = store
        self._desk = desk
        self._clock = clock
        self._rng = rng
        self._on_event = on_event
        self._on_hello = on_hello
        self._adopt = adopt
        self._config_hash = config_hash
        self._backoff = Backoff()
        self._state = DeliveryState()
        self._wake = asyncio.Event()
        self._hello_at = self._send_at = float("-inf")
        self._hello_failures = self._send_failures = 0
        self._limit = BATCH_LIMIT
        self._desk_has = 0
        self._suspect = 0
        self._renewed = False

    @property
    def state(self) -> DeliveryState:
        """How delivery stands now."""
        return self._state

    def wake(self) -> None:
        """Something was committed: send it now, unless the desk asked for peace."""
        self._wake.set()

    def greet_now(self) -> None:
        """Ask at once whether the desk answers."""
        self._hello_at = float("-inf")
        self._wake.set()

    async def run(self) -> None:
        """Greet and drain for ever."""
        while True:
            try:
                await self._turn()
            except StoreError as exc:
                # Nothing that the desk said is lost: it is asked again.
                self._fail(T("the store failed: {reason}", reason=str(exc)))
                self._hold_back()
            except Exception as exc:  # noqa: BLE001 - without it no ticket is opened
                _log.exception("the delivery stumbled")
                reason = f"{type(exc).__name__}: {exc}"
                self._fail(T("the delivery failed: {reason}", reason=reason))
                self._hold_back()

    async def _turn(self) -> None:
        now = asyncio.get_running_loop().time()
        may_send = self._state.connected and not self._state.frozen
        if now >= self._hello_at:
            await self._greet()
        elif not may_send:
            self._wake.clear()
            await self._idle(self._hello_at - now)
        elif now < self._send_at:
            await asyncio.sleep(min(self._send_at, self._hello_at) - now)
        else:
            self._wake.clear()
            if not await self._drain():
                self._nothing_waits()
                await self._idle(self._hello_at - now)

    def _nothing_waits(self) -> None:
        """What held us back is over when nothing is left to send."""
        if self._send_failures:
            self._send_failures = 0
            self._state = replace(self._state, error=None, failures=0)

    async def _idle(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _greet(self) -> None:
        store = self._store
        marks = await _off(store.reader.outbox)
        now = store.timeline.now()
        age_us = 0 if marks.oldest is None else max(0, now - marks.oldest)
        hello = Hello(
            epoch=marks.epoch,
            store_id=store.store_id,
            head_seq={STREAM: marks.head_seq},
            acked_seq={STREAM: marks.acked_seq},
            wall=format_instant(self._clock.wall()),
            mono_us=self._clock.monotonic_us(),
            boot_id=self._clock.boot_id,
            oldest_unacked_age_s=age_us / SECOND,
            config_hash=self._config_hash,
            version=__version__,
        )
        try:
            reply = await self._desk.hello(hello)
            if self._adopt is not None and reply.epoch != marks.epoch:
                await self._adopt(reply)
        except DeskError as exc:
            self._lose(exc)
            return
        if self._hello_failures:
            self._send_at = float("-inf")
        self._hello_failures = 0
        self._hello_at = asyncio.get_running_loop().time() + HELLO_S
        await self._agree(reply, marks)
        self._on_hello(reply)

    async def _agree(self, reply: HelloReply, marks: OutboxStatus) -> None:
        """Bring both sides to one mark; the desk's counts.

        `marks` are from before the greeting: nobody else moves any but the head.
        """
        if reply.epoch != marks.epoch:
            if await wait(self._store.grant(reply.epoch)):
                text = T("the desk has a new store: every event is told again")
                self._tell(DeliveryKind.REWOUND, text)
            marks = await _off(self._store.reader.outbox)
        was = self._state
        frozen = marks.frozen == reply.epoch
        error = was.error if self._send_failures else None
        self._state = replace(
            was,
            connected=True,
            last_answer=self._store.timeline.now(),
            epoch=reply.epoch,
            agent_id=reply.agent_id,
            mode=reply.mode,
            frozen=frozen,
            error=strange() if frozen else error,
            failures=self._send_failures,
        )
        if not was.connected:
            self._tell(DeliveryKind.ANSWERED, T("the desk answers"))
        if not frozen:
            await self._align(reply.last_contiguous_seq.get(STREAM, 0), marks)

    async def _align(self, last: int, marks: OutboxStatus | None = None) -> None:
        """The desk has all up to `last`.

        More than our mark is a reply that was lost: sending the same again brings
        it, with the tickets' numbers.
        """
        self._desk_has = last
        if marks is None or last > marks.head_seq:
            marks = await _off(self._store.reader.outbox)
        if last > marks.head_seq:
            await self._freeze()
        elif last < marks.acked_seq:
            await wait(self._store.rewind(STREAM, last))
            text = T("the desk has events up to {seq} only: sending again", seq=last)
            self._tell(DeliveryKind.REWOUND, text)

    async def _drain(self) -> bool:
        """One request; false when nothing waits."""
        rows = await _off(lambda: self._store.pending(STREAM, self._limit))
        if not rows:
            return False
        if rows[0].quarantined is None:
            stop = next(
                (place for place, row in enumerate(rows) if row.quarantined), len(rows)
            )
            rows = rows[:stop]
        else:
            rows = rows[:1]
        try:
            reply = await self._say(rows)
        except Rejected as exc:
            await self._narrow(rows, exc)
        except Conflict as exc:
            await self._disagree(rows, exc)
        except DeskError as exc:
            await self._postpone(rows, exc)
        else:
            await self._accept(rows, reply)
        return True

    async def _say(self, rows: list[OutboxRow]) -> BatchReply:
        first = rows[0]
        epoch = self._state.epoch or 1
        if first.quarantined is None:
            return await self._desk.send(
                Parcel(
                    stream=STREAM,
                    epoch=epoch,
                    first_seq=first.seq,
                    bodies=[row.body for row in rows],
                )
            )
        return await self._desk.gap(
            STREAM,
            Gap(
                epoch=epoch,
                seq=first.seq,
                incident_id=first.incident_id,
                rev=first.rev,
                sha256=first.sha256,
                reason=first.last_error or "",
            ),
        )

    async def _accept(self, rows: list[OutboxRow], reply: BatchReply) -> None:
        first, last = rows[0].seq, rows[-1].seq
        if reply.ack_seq < first:
            await self._postpone(rows, NoAnswer(f"it took nothing from {first} on"))
            return
        ack = min(reply.ack_seq, last)
        tickets = {
            result.seq: result.ticket
            for result in reply.results
            if first <= result.seq <= ack
        }
        await wait(self._store.acknowledge(STREAM, ack, tickets))
        self._send_failures = 0
        self._limit = min(BATCH_LIMIT, self._limit * 2)
        now = self._store.timeline.now()
        self._state = replace(self._state, last_answer=now, error=None, failures=0)
        by_incident = {
            row.incident_id: tickets[row.seq] for row in rows if row.seq in tickets
        }
        text = T("the desk has events {first} to {last}", first=first, last=ack)
        self._tell(DeliveryKind.ACKNOWLEDGED, text, by_incident)

    async def _narrow(self, rows: list[OutboxRow], exc: Rejected) -> None:
        """Find the one event that the desk will never take, and set it aside."""
        first = rows[0]
        self._heard()
        if first.quarantined is not None:
            await self._postpone(rows, exc)
        elif len(rows) == 1 and first.seq != self._suspect:
            # Before it is set aside: does the desk have this number already?
            self._suspect = first.seq
            self._hello_at = float("-inf")
        elif len(rows) == 1 and first.seq <= self._desk_has:
            await self._freeze()
        elif len(rows) == 1:
            await wait(self._store.quarantine(STREAM, first.seq, str(exc)))
            text = T(
                "the desk refuses event {seq} for good, it is kept aside: {reason}",
                seq=first.seq,
                reason=str(exc),
            )
            _log.error("event %d of %s: %s", first.seq, first.incident_id, exc)
            self._tell(DeliveryKind.QUARANTINED, text)
        elif exc.seq is not None and first.seq <= exc.seq <= rows[-1].seq:
            self._limit = max(1, exc.seq - first.seq)
        else:
            self._limit = len(rows) // 2

    async def _disagree(self, rows: list[OutboxRow], exc: Conflict) -> None:
        """The desk expects another number than we sent."""
        self._heard()
        if exc.expected_seq is None:
            # Busy with the same, or it does not know our epoch: greeting tells.
            await self._postpone(rows, exc)
            self._hello_at = min(self._hello_at, self._send_at)
            return
        last = exc.expected_seq - 1
        head, _ = await _off(self._store.head)
        if rows[0].seq <= last <= head:
            # It has them, and does not want to hear them again.
            await wait(self._store.acknowledge(STREAM, last, {}))
        else:
            await self._align(last)
        self._send_failures += 1
        self._send_at = self._after(self._send_failures)

    async def _postpone(self, rows: list[OutboxRow], exc: DeskError) -> None:
        """Keep the rows, and try the same again later."""
        if isinstance(exc, Refused):
            self._lose(exc)
        else:
            self._send_failures += 1
            self._send_at = self._after(self._send_failures, exc)
            self._fail(words(exc))
        span = (rows[0].seq, rows[-1].seq)
        await wait(self._store.note_attempt(STREAM, span, str(exc)))

    def _lose(self, exc: DeskError) -> None:
        """The desk is not there for us; a greeting will tell when it is."""
        was = self._state.connected
        first = was or self._state.error is None
        self._hello_failures += 1
        self._hello_at = self._after(self._hello_failures, exc)
        if not isinstance(exc, NoAnswer):
            self._heard()
        self._fail(words(exc))
        self._state = replace(self._state, connected=False)
        if first:
            kinds = (DeliveryKind.LOST, DeliveryKind.REFUSED)
            self._tell(kinds[isinstance(exc, Refused)], words(exc))

    async def _freeze(self) -> None:
        """The desk has events under our numbers that we never wrote.

        Nothing more is delivered in this epoch, over restarts too: once we had
        written as many, the numbers would fit again and the events would not. A
        new epoch is asked for, once in a process.
        """
        await wait(self._store.freeze(self._state.epoch or 0))
        text = strange()
        _log.error("%s", text.id)
        self._state = replace(self._state, frozen=True, error=text)
        self._tell(DeliveryKind.FROZEN, text)
        if not self._renewed:
            self._renewed = True
            await self._store.renew()
            self._hello_at = float("-inf")

    def _hold_back(self) -> None:
        self._send_failures += 1
        self._send_at = self._after(self._send_failures)
        self._hello_at = max(self._hello_at, self._send_at)

    def _after(self, attempt: int, exc: DeskError | None = None) -> float:
        asked = exc.retry_after_s if isinstance(exc, NoAnswer) else None
        delay = self._backoff.delay_s(attempt, self._rng, retry_after_s=asked)
        return asyncio.get_running_loop().time() + delay

    def _heard(self) -> None:
        self._state = replace(self._state, last_answer=self._store.timeline.now())

    def _fail(self, error: Text) -> None:
        failures = self._state.failures + 1
        self._state = replace(self._state, error=error, failures=failures)

    def _tell(
        self, kind: DeliveryKind, text: Text, tickets: Mapping[str, str] | None = None
    ) -> None:
        _log.debug("delivery %s", kind.value)
        self._on_event(DeliveryEvent(kind=kind, text=text, tickets=tickets or {}))


async def _off(read: Callable[[], R]) -> R:
    """Read the store without holding up the loop."""
    return await asyncio.get_running_loop().run_in_executor(None, read)
