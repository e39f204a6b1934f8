"""One stream of the outbox to the desk: in order, the same bytes, until it has them.

What the agent does about each reply is the table of `reliability.md` 1.3. One
request of a stream is under way at a time; timers are the loop's, and begin anew
with the process, since what must not be forgotten is in the store.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import ValidationError

from scudo_agent.link import Link, again_and_again
from scudo_agent.model import SPAN_LIMIT
from scudo_agent.store import ledger
from scudo_agent.store.agent_store import wait
from scudo_agent.store.values import (
    LedgerRow,
    LedgerStatus,
    OutboxRow,
    OutboxStatus,
)
from scudo_agent.text import T, Text
from scudo_agent.ticketing.port import (
    BATCH_LIMIT,
    Conflict,
    DeskError,
    NoAnswer,
    Parcel,
    Refused,
    Rejected,
)
from scudo_agent.ticketing.progress import (
    DeliveryKind,
    words,
)
from scudo_agent.wire import GENESIS, BatchReply, Gap, LedgerGap

R = TypeVar("R")
DROPPED = "acknowledged more than 35 days ago, and no longer kept"
"""Why an event that the desk wants again never comes."""

_log = logging.getLogger(__name__)


class Drainer:
    """The task that drains one stream; `run` it until it is cancelled.

    `after` is a stream that goes first: while it has something to send and may,
    this one waits for its turn.
    """

    def __init__(
        self, link: Link, stream: str, *, after: "Drainer | None" = None
    ) -> None:
        self.stream = stream
        self.lock = asyncio.Lock()
        """Held while a request of this stream is under way."""
        self.failures = 0
        self.error: Text | None = None
        self._link = link
        self._store = link.store
        self._after = after
        self._wake = asyncio.Event()
        self._calm = asyncio.Event()
        self._calm.set()
        self._send_at = float("-inf")
        self._limit = BATCH_LIMIT
        self._desk_has = 0
        self._suspect = 0
        self._plain = False
        self._asked = False

    def wake(self) -> None:
        """Something was committed: send it now, unless the desk asked for peace."""
        self._wake.set()

    def agreed(self, *, again: bool) -> None:
        """The desk was greeted, and both sides have one mark.

        `again`: it had been away, so that what held us back is over.
        """
        self._asked = False
        if again:
            self._send_at = float("-inf")
        self._wake.set()

    async def run(self) -> None:
        """Drain for ever."""
        await again_and_again(self._turn, self._hold_back)

    async def _turn(self) -> None:
        self._wake.clear()
        held_s = self._held_s()
        if held_s != 0:
            self._calm.set()
            await self._idle(held_s)
            return
        if self._after is not None:
            await self._after._calm.wait()
        self._calm.clear()
        async with self.lock:
            if not self._link.open:
                return
            sent = await self._drain()
        if not sent:
            self._nothing_waits()
            self._calm.set()
            await self._idle(None)

    def _held_s(self) -> float | None:
        """How long not to send: 0 not at all, None until somebody calls."""
        if self._asked or not self._link.open:
            return None
        return max(0, self._send_at - asyncio.get_running_loop().time())

    def _nothing_waits(self) -> None:
        """What held us back is over when nothing is left to send."""
        self.failures = 0
        self.error = None

    async def _idle(self, limit_s: float | None) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def align(self, last: int, marks: OutboxStatus | LedgerStatus) -> None:
        """The desk has all up to `last`, as it said when greeted with `marks`.

        More than our mark is a reply that was lost: sending the same again brings
        it, with the tickets' numbers.
        """
        if last > marks.head_seq or last < marks.acked_seq:
            async with self.lock:
                await self._align(last, acked_seq=marks.acked_seq)
        self._desk_has = last

    async def _align(self, last: int, *, acked_seq: int) -> None:
        self._desk_has = last
        head_seq, _ = await off(lambda: self._store.head(self.stream))
        if last > head_seq:
            await self._link.freeze()
        elif last < acked_seq:
            await wait(self._store.rewind(self.stream, last))
            text = T("the desk has events up to {seq} only: sending again", seq=last)
            self._link.tell(DeliveryKind.REWOUND, text)

    async def _drain(self) -> bool:
        """One request; false when nothing waits."""
        (head, acked), rows = await off(self._waiting)
        if acked < (rows[0].seq - 1 if rows else head):
            await self._tell_gone(rows, acked + 1, head)
            return True
        if not rows:
            return False
        rows = _sendable(rows)
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

    def _waiting(self) -> tuple[tuple[int, int], Sequence[LedgerRow]]:
        """How far the stream is, and its next rows; the marks first.

        What is written in between then looks like no row that is gone.
        """
        marks = self._store.head(self.stream)
        return marks, self._store.rows(self.stream, self._limit)

    async def _tell_gone(
        self, rows: Sequence[LedgerRow], first: int, head: int
    ) -> None:
        """The desk wants what was dropped 35 days after it had it: it never comes."""
        last = rows[0].seq - 1 if rows else head
        until = min(last, first + SPAN_LIMIT - 1)
        sha = GENESIS
        if self.stream == ledger.STREAM and rows and until == last:
            sha = json.loads(rows[0].body)["prev"]  # what follows builds on it
        epoch = self._link.state.epoch or 1
        gone = _gone(self.stream, epoch, (first, until), sha)
        try:
            reply = await self._link.desk.gap(self.stream, gone)
        except Conflict as exc:
            await self._disagree(rows, exc)
        except DeskError as exc:
            await self._postpone(rows, exc)
        else:
            if reply.ack_seq < first:
                none = NoAnswer(f"it took nothing from {first} on")
                await self._postpone(rows, none)
                return
            await self._gave_up(first, min(reply.ack_seq, until))

    async def _gave_up(self, first: int, last: int) -> None:
        """The desk knows that these never come."""
        text = T(
            "events {first} to {last} are no more, and the desk was told so",
            first=first,
            last=last,
        )
        _log.error("stream %s: %d to %d are no more", self.stream, first, last)
        await wait(self._store.acknowledge(self.stream, last, {}))
        self._nothing_waits()
        self._link.tell(DeliveryKind.REWOUND, text)

    async def _say(self, rows: Sequence[LedgerRow]) -> BatchReply:
        first = rows[0]
        epoch = self._link.state.epoch or 1
        if first.quarantined is None:
            return await self._link.desk.send(
                Parcel(
                    stream=self.stream,
                    epoch=epoch,
                    first_seq=first.seq,
                    bodies=[row.body for row in rows],
                )
            )
        gap = _gap(first, epoch, named=not self._plain)
        return await self._link.desk.gap(self.stream, gap)

    async def _accept(self, rows: Sequence[LedgerRow], reply: BatchReply) -> None:
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
        await wait(self._store.acknowledge(self.stream, ack, tickets))
        self._nothing_waits()
        self._limit = min(BATCH_LIMIT, self._limit * 2)
        self._link.heard()
        by_incident = {
            row.incident_id: tickets[row.seq]
            for row in rows
            if isinstance(row, OutboxRow) and row.seq in tickets
        }
        text = T("the desk has events {first} to {last}", first=first, last=ack)
        self._link.tell(DeliveryKind.ACKNOWLEDGED, text, by_incident)

    async def _narrow(self, rows: Sequence[LedgerRow], exc: Rejected) -> None:
        """Find the one event that the desk will never take, and set it aside."""
        first = rows[0]
        self._link.heard()
        if first.quarantined is not None:
            # An earlier desk does not know what a gap can say more.
            self._plain = not self._plain
            await self._postpone(rows, exc)
        elif len(rows) == 1 and first.seq != self._suspect:
            # Before it is set aside: does the desk have this number already?
            self._suspect = first.seq
            self._ask(float("-inf"))
        elif len(rows) == 1 and first.seq <= self._desk_has:
            await self._link.freeze()
        elif len(rows) == 1:
            await wait(self._store.quarantine(self.stream, first.seq, str(exc)))
            text = T(
                "the desk refuses event {seq} for good, it is kept aside: {reason}",
                seq=first.seq,
                reason=str(exc),
            )
            _log.error("event %d of stream %s: %s", first.seq, self.stream, exc)
            self._link.tell(DeliveryKind.QUARANTINED, text)
        elif exc.seq is not None and first.seq <= exc.seq <= rows[-1].seq:
            self._limit = max(1, exc.seq - first.seq)
        else:
            self._limit = len(rows) // 2

    async def _disagree(self, rows: Sequence[LedgerRow], exc: Conflict) -> None:
        """The desk expects another number than we sent."""
        self._link.heard()
        if exc.expected_seq is None:
            # Busy with the same, or it does not know our epoch: greeting tells.
            await self._postpone(rows, exc)
            self._ask(self._send_at)
            return
        last = exc.expected_seq - 1
        head, acked = await off(lambda: self._store.head(self.stream))
        if (rows[0].seq if rows else acked + 1) <= last <= head:
            # It has them, and does not want to hear them again.
            await wait(self._store.acknowledge(self.stream, last, {}))
        elif last < acked:
            # It was put back from a copy, and must know so before it hears again, as
            # if it were news, what it has told its customers: a greeting says it.
            self._ask(float("-inf"))
        else:
            await self._align(last, acked_seq=acked)
        self.failures += 1
        self._send_at = self._link.after(self.failures)

    async def _postpone(self, rows: Sequence[LedgerRow], exc: DeskError) -> None:
        """Keep the rows, and try the same again later."""
        if isinstance(exc, Refused):
            self._link.lose(exc)
        else:
            self.failures += 1
            self.error = words(exc)
            self._send_at = self._link.after(self.failures, exc)
        if not rows:  # only what is gone was to be told
            return
        span = (rows[0].seq, rows[-1].seq)
        await wait(self._store.note_attempt(self.stream, span, str(exc)))

    def _ask(self, when: float) -> None:
        """Send nothing before the desk was greeted, which is to be at `when`."""
        self._asked = True
        self._link.greet_at(when)

    def _hold_back(self, error: Text) -> None:
        self.error = error
        self.failures += 1
        self._send_at = self._link.after(self.failures)


def _sendable(rows: Sequence[LedgerRow]) -> Sequence[LedgerRow]:
    """The first rows that go in one request: a run, or one that is set aside."""
    if rows[0].quarantined is not None:
        return rows[:1]
    whole = 0
    for place, row in enumerate(rows):
        if row.quarantined is not None or row.seq != rows[0].seq + place:
            break
        whole += 1
    return rows[:whole]


def _gone(stream: str, epoch: int, span: tuple[int, int], sha: str) -> Gap | LedgerGap:
    first, until = span
    if stream == ledger.STREAM:
        return LedgerGap(
            epoch=epoch, seq=first, until=until, sha256=sha, reason=DROPPED
        )
    return Gap(
        epoch=epoch,
        seq=first,
        until=until,
        incident_id="",
        rev=1,
        sha256=sha,
        reason=DROPPED,
    )


def _gap(row: LedgerRow, epoch: int, *, named: bool) -> Gap | LedgerGap:
    reason = row.last_error or ""
    if isinstance(row, OutboxRow):
        return Gap(
            epoch=epoch,
            seq=row.seq,
            incident_id=row.incident_id,
            rev=row.rev,
            sha256=row.sha256,
            reason=reason,
        )
    gap = LedgerGap(epoch=epoch, seq=row.seq, sha256=row.sha256, reason=reason)
    if not named:
        return gap
    says = json.loads(row.body)
    about = {"service": says.get("service"), "since": says.get("since")}
    try:
        return LedgerGap.model_validate(gap.model_dump() | about)
    except ValidationError:
        return gap  # it was refused for what it says of them


async def off(read: Callable[[], R]) -> R:
    """Read the store without holding up the loop."""
    return await asyncio.get_running_loop().run_in_executor(None, read)
