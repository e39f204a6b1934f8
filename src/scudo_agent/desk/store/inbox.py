"""Events of an agent's stream: in order, once, in one transaction (1.4)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from scudo_agent.desk.fact_words import REFUSED
from scudo_agent.desk.lifecycle import StageError
from scudo_agent.desk.store.apply import Applier
from scudo_agent.desk.store.clones import cloned
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.own_facts import refused, tell_fact
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.recovering import Recovery
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import (
    agent_epoch,
    inbox,
    security_event,
    stream_cursor,
)
from scudo_agent.instant import Instant
from scudo_agent.model import SPAN_LIMIT, Kind
from scudo_agent.wire import (
    Batch,
    BatchReply,
    Gap,
    LedgerGap,
    Stage,
    StageResult,
)

# Made once: making a statement costs more than running it.
_GRANTED = select(agent_epoch.c.epoch).where(
    agent_epoch.c.agent_id == bindparam("agent"),
    agent_epoch.c.epoch == bindparam("in_epoch"),
)
_mine = (
    stream_cursor.c.agent_id == bindparam("agent"),
    stream_cursor.c.epoch == bindparam("in_epoch"),
    stream_cursor.c.stream == bindparam("of"),
)
_LAST = select(stream_cursor.c.last_seq).where(*_mine)
_MOVE = (
    update(stream_cursor)
    .where(*_mine)
    .values(gaps=stream_cursor.c.gaps + bindparam("more_gaps"))
)
_BEGIN = insert(stream_cursor)
_HAD = select(inbox.c.sha256).where(
    inbox.c.agent_id == bindparam("agent"),
    inbox.c.epoch == bindparam("in_epoch"),
    inbox.c.stream == bindparam("of"),
    inbox.c.seq == bindparam("number"),
)
_TAKE = insert(inbox)


class OutOfOrderError(Exception):
    """The first event is not the next one: `expected_seq` is."""

    def __init__(self, expected_seq: int) -> None:
        super().__init__(f"seq {expected_seq} is next")
        self.expected_seq = expected_seq


class UnknownEpochError(Exception):
    """The desk never granted this epoch to the agent: it must say hello."""


class BadEventError(Exception):
    """One event cannot be taken; nothing of its batch was applied."""

    def __init__(self, index: int, seq: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.seq = seq
        self.reason = reason


class Inbox:
    """The door for stream I."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def apply(
        self, who: AgentIdentity, batch: Batch, *, stream: str, hashes: Sequence[str]
    ) -> BatchReply:
        """Apply a batch in one transaction; answer only what is committed.

        `hashes` are the SHA-256 of the events as they arrived: an event that
        comes again must be the same to the byte, else it is refused and noted
        as a security event. All or nothing: `BadEventError` names the culprit.
        """
        try:
            with self._database.write() as db:
                door = _Door(db, who, epoch=batch.epoch, stream=stream)
                now = self._now()
                applier = Applier(db, who, now=now, posting=self._posting)
                again = Recovery(db, who, now=now, posting=self._posting)
                applier.mutes = partial(again.mutes, batch.epoch)
                applier.over = _over(batch)
                applier.expect(batch.events)
                results = [
                    StageResult(
                        seq=stage.seq,
                        ticket=_take(door, applier, index, stage, hashes[index]),
                    )
                    for index, stage in enumerate(batch.events)
                ]
                applier.finish()
                door.move(now)
                again.moved(batch.epoch, door.last)
        except _ForgedError as exc:
            self._alarm(who, batch.epoch, stream, exc)
            raise BadEventError(exc.index, exc.seq, exc.reason) from None
        return BatchReply(ack_seq=door.last, results=results)

    def gap(self, who: AgentIdentity, gap: Gap, *, stream: str) -> BatchReply:
        """Put a tombstone where an event will never come, and move on.

        The agent keeps the event in quarantine; here the sequence stays whole
        and the provider finds the reason. The same gap twice is the same gap. Of a
        span that the agent keeps no longer each number gets one.
        """
        now = self._now()
        with self._database.write() as db:
            door = _Door(db, who, epoch=gap.epoch, stream=stream)
            if gap.seq > door.last + 1:
                raise OutOfOrderError(door.last + 1)
            if gap.seq == door.last + 1:
                door.bury(gap, last_of(gap), now)
                door.move(now)
                again = Recovery(db, who, now=now, posting=self._posting)
                again.moved(gap.epoch, door.last)
                note = refused(stream, gap.seq, gap.reason)
                tell_fact(db, who, REFUSED, note, now=now, posting=self._posting)
        return BatchReply(ack_seq=door.last, results=[])

    def _alarm(
        self, who: AgentIdentity, epoch: int, stream: str, exc: BadEventError
    ) -> None:
        """Keep what the refused transaction could not: that somebody tried."""
        data = {"epoch": epoch, "stream": stream, "seq": exc.seq, "why": exc.reason}
        row = {
            "tenant_id": who.tenant_id,
            "kind": "event_refused",
            "actor": who.actor,
            "at_us": self._now(),
            "data": data,
        }
        with self._database.write() as db:
            db.execute(insert(security_event).values(row))


def last_of(gap: Gap | LedgerGap) -> int:
    """The last number that a gap stands for; 10,000 at most: more comes in parts."""
    until = gap.seq if gap.until is None else gap.until
    return min(max(until, gap.seq), gap.seq + SPAN_LIMIT - 1)


class _ForgedError(BadEventError):
    """Not a mistake of a program that works as ours does."""


class _Door:
    """Cursor and inbox of one (agent, epoch, stream) within a transaction."""

    def __init__(
        self, db: Connection, who: AgentIdentity, *, epoch: int, stream: str
    ) -> None:
        self._db = db
        self._who = who
        self._epoch = epoch
        self._stream = stream
        self._mine = {"agent": who.agent_id, "in_epoch": epoch, "of": stream}
        self._taken: dict[int, dict[str, Any]] = {}
        self._gaps = 0
        if cloned(db, who.agent_id):
            raise UnknownEpochError("two agents speak with this identity: frozen")
        granted = {"agent": who.agent_id, "in_epoch": epoch}
        if db.execute(_GRANTED, granted).first() is None:
            raise UnknownEpochError(f"epoch {epoch} was not granted to this agent")
        last = db.execute(_LAST, self._mine).scalar()
        self._first = last is None
        self.last = int(last or 0)

    def had(self, seq: int) -> str | None:
        """SHA-256 of an event that arrived before, if it is still known."""
        if seq in self._taken:
            return str(self._taken[seq]["sha256"])
        return self._db.execute(_HAD, self._mine | {"number": seq}).scalar()

    def record(self, stage: Stage, sha: str, now: Instant) -> None:
        """Take the next event."""
        self._insert(
            {
                "seq": stage.seq,
                "sha256": sha,
                "incident_id": stage.incident_id,
                "rev": stage.rev,
                "stored_us": now,
            }
        )

    def bury(self, gap: Gap, until: int, now: Instant) -> None:
        """Take the tombstones of the next event and those behind it."""
        self._gaps += until + 1 - gap.seq
        self._insert(
            *(
                {
                    "seq": seq,
                    "sha256": gap.sha256,
                    "incident_id": gap.incident_id,
                    "rev": gap.rev,
                    "stored_us": now,
                    "gap_reason": gap.reason,
                }
                for seq in range(gap.seq, until + 1)
            )
        )

    def _insert(self, *values: dict[str, Any]) -> None:
        for one in values:
            self.last = int(one["seq"])
            self._taken[self.last] = self._identity() | one

    def move(self, now: Instant) -> None:
        """Write what was taken, and the cursor."""
        if self._taken:
            self._db.execute(_TAKE, list(self._taken.values()))
            self._taken.clear()
        values = {"last_seq": self.last, "moved_us": now}
        if self._first:
            row = self._identity() | values | {"gaps": self._gaps}
            self._db.execute(_BEGIN, row)
        else:
            self._db.execute(_MOVE, self._mine | values | {"more_gaps": self._gaps})

    def _identity(self) -> dict[str, Any]:
        return {
            "tenant_id": self._who.tenant_id,
            "agent_id": self._who.agent_id,
            "epoch": self._epoch,
            "stream": self._stream,
        }


def _over(batch: Batch) -> frozenset[str]:
    """The incidents of which the last stage in the batch is the end."""
    last = {stage.incident_id: stage.kind for stage in batch.events}
    ends = (Kind.RECOVER, Kind.RETIRE)
    return frozenset(name for name, kind in last.items() if kind in ends)


def _take(door: _Door, applier: Applier, index: int, stage: Stage, sha: str) -> str:
    """Apply one event, or find that it was applied; the number of its ticket."""
    if stage.seq <= door.last:
        if door.had(stage.seq) not in (None, sha):
            raise _ForgedError(index, stage.seq, "this seq came before, and differed")
        return applier.ref_of(stage.incident_id)
    if stage.seq != door.last + 1:
        raise OutOfOrderError(door.last + 1)
    door.record(stage, sha, applier.now)
    try:
        return applier.take(stage)
    except PermissionError as exc:
        raise _ForgedError(index, stage.seq, str(exc)) from None
    except StageError as exc:
        raise BadEventError(index, stage.seq, str(exc)) from None
