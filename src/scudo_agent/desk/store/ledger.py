"""The door for stream L, and what the desk holds of each agent's ledger.

Rows come in order, once, each with the hash of the one before (`reliability.md`
1.1, threat 9): an agent's machine may lie in the present, not rewrite the past.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from scudo_agent.desk.fact_words import ALTERED, REFUSED
from scudo_agent.desk.ledger import Timeline, Witness, together, witnessed
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.inbox import (
    BadEventError,
    OutOfOrderError,
    UnknownEpochError,
    last_of,
)
from scudo_agent.desk.store.ledger_tables import ledger, ledger_mark
from scudo_agent.desk.store.own import OwnIncidents
from scudo_agent.desk.store.own_facts import refused, tell_fact
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import (
    agent,
    agent_epoch,
    security_event,
    stream_cursor,
)
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.model import State
from scudo_agent.text import T
from scudo_agent.wire import GENESIS, BatchReply, Hello, LedgerBatch, LedgerGap

STREAM = "L"
BROKEN = "ledger_chain_broken"
"""Kind of the security event: the ledger is not what was told before."""

_log = logging.getLogger(__name__)

# Made once: making a statement costs more than running it.
_GRANTED = select(agent_epoch.c.epoch).where(
    agent_epoch.c.agent_id == bindparam("who"),
    agent_epoch.c.epoch == bindparam("in_epoch"),
)
_of_cursor = (
    stream_cursor.c.agent_id == bindparam("who"),
    stream_cursor.c.epoch == bindparam("in_epoch"),
    stream_cursor.c.stream == STREAM,
)
_LAST = select(stream_cursor.c.last_seq).where(*_of_cursor)
_MOVE = (
    update(stream_cursor)
    .where(*_of_cursor)
    .values(gaps=stream_cursor.c.gaps + bindparam("more_gaps"))
)
_BEGIN = insert(stream_cursor)
_TAKE = insert(ledger)
_HASH = select(ledger.c.sha256).where(
    ledger.c.agent_id == bindparam("who"),
    ledger.c.epoch == bindparam("in_epoch"),
    ledger.c.seq == bindparam("number"),
)
_of_mark = (
    ledger_mark.c.agent_id == bindparam("who"),
    ledger_mark.c.epoch == bindparam("in_epoch"),
)
_MARK = update(ledger_mark).where(*_of_mark)
_NEW_MARK = insert(ledger_mark)
_REACHED = (
    update(ledger_mark)
    .where(*_of_mark, ledger_mark.c.head_seq <= bindparam("reached"))
    .values(whole_us=ledger_mark.c.said_us)
)


class LedgerBook:
    """The ledgers of all agents; each method is one transaction."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def apply(
        self, who: AgentIdentity, batch: LedgerBatch, *, hashes: Sequence[str]
    ) -> BatchReply:
        """Store a run of events; all or nothing, as the door for stream I does."""
        try:
            with self._database.write() as db:
                door = _Door(db, who, batch.epoch, self._now())
                for index, (event, sha) in enumerate(
                    zip(batch.events, hashes, strict=True)
                ):
                    if not door.is_next(event.seq, sha, index):
                        continue
                    door.follows(event.seq, event.prev, index)
                    door.take(
                        event.seq,
                        sha256=sha,
                        service=event.service,
                        state=event.state.value,
                        since_us=parse_instant(event.since),
                        decided_us=parse_instant(event.decided),
                    )
                door.leave()
        except _ForgedError as exc:
            self._alarm(who, batch.epoch, exc)
            raise BadEventError(exc.index, exc.seq, exc.reason) from None
        return BatchReply(ack_seq=door.last, results=[])

    def gap(self, who: AgentIdentity, gap: LedgerGap) -> BatchReply:
        """Put a tombstone where an event will never come, and move on."""
        with self._database.write() as db:
            door = _Door(db, who, gap.epoch, self._now())
            if gap.seq > door.last + 1:
                raise OutOfOrderError(door.last + 1)
            if gap.seq == door.last + 1:
                for seq in range(gap.seq, last_of(gap) + 1):
                    door.take(
                        seq,
                        sha256=gap.sha256,
                        gap_reason=gap.reason,
                        service=gap.service,
                        since_us=gap.since and parse_instant(gap.since),
                    )
                door.leave()
                self._refused(db, who, gap)
        return BatchReply(ack_seq=door.last, results=[])

    def timelines(self, tenant_id: str, site_id: str) -> dict[str, Timeline]:
        """Each service of a site as all its agents saw it, unknown beyond that."""
        with self._database.read() as db:
            return timelines(db, tenant_id, site_id)

    def whole(self, tenant_id: str, site_id: str) -> Instant | None:
        """Up to when the ledgers of the site's agents are complete."""
        with self._database.read() as db:
            return whole(db, tenant_id, site_id)

    def _refused(self, db: Connection, who: AgentIdentity, gap: LedgerGap) -> None:
        """The provider is told; of what was altered the ticket about that says so."""
        now, posting = self._now(), self._posting
        where = (who.tenant_id, who.site_id)
        own = OwnIncidents(db, where, now=now, posting=posting)
        about = REFUSED if own.standing(ALTERED) is None else ALTERED
        note = refused(STREAM, gap.seq, gap.reason)
        tell_fact(db, who, about, note, now=now, posting=posting)

    def _alarm(self, who: AgentIdentity, epoch: int, exc: BadEventError) -> None:
        with self._database.write() as db:
            data = {"epoch": epoch, "seq": exc.seq, "why": exc.reason}
            _alarm(db, who, data, now=self._now(), posting=self._posting)


def greeted(
    db: Connection,
    who: AgentIdentity,
    hello: Hello,
    epoch: int,
    *,
    now: Instant,
    posting: Posting,
) -> None:
    """Hold a greeting's anchors against what was told, and note how far it is.

    Within the transaction of the greeting. What differs is a security event, once.
    """
    mine = _mine(who, epoch)
    last = int(db.execute(_LAST, mine).scalar() or 0)
    if hello.epoch != epoch:
        return  # its numbers are of another epoch, and are about to be counted anew
    head = hello.head_seq.get(STREAM, 0)
    if head < last:
        why = f"the agent has written {head} events, and told {last} before"
        data = {"epoch": epoch, "seq": head, "why": why}
        _alarm(db, who, data, now=now, posting=posting)
        return
    for seq, sha in sorted(hello.anchors.items()):
        told = db.execute(_HASH, mine | {"number": seq}).scalar()
        if told is not None and told != sha:
            why = f"event {seq} is another one than the one that was told"
            data = {"epoch": epoch, "seq": seq, "why": why}
            _alarm(db, who, data, now=now, posting=posting)
            return
    said = min(parse_instant(hello.wall), now)
    _mark(db, who, epoch, head_seq=head, said=said, last=last)


def timelines(db: Connection, tenant_id: str, site_id: str) -> dict[str, Timeline]:
    """`LedgerBook.timelines` within a transaction."""
    until = {
        (row.agent_id, row.epoch): row.whole_us
        for row in db.execute(
            select(ledger_mark).where(
                ledger_mark.c.tenant_id == tenant_id, ledger_mark.c.site_id == site_id
            )
        )
    }
    rows = db.execute(
        select(ledger)
        .where(
            ledger.c.tenant_id == tenant_id,
            ledger.c.site_id == site_id,
        )
        .order_by(ledger.c.agent_id, ledger.c.epoch, ledger.c.seq)
    )
    told: dict[tuple[str, int], Witness] = {}
    for row in rows:
        witness = told.setdefault((row.agent_id, row.epoch), Witness())
        if row.gap_reason is not None:
            witness.lose(row.service, _instant(row.since_us))
            continue
        since, decided = Instant(row.since_us), Instant(row.decided_us)
        witness.take(row.service, State(row.state), since=since, decided=decided)
    seen: dict[str, list[Timeline]] = {}
    for key, witness in told.items():
        witness.end()
        for service, entries in witness.entries.items():
            one = witnessed(entries, _instant(until.get(key)))
            seen.setdefault(service, []).append(one)
    return {service: together(lines) for service, lines in seen.items()}


def whole(db: Connection, tenant_id: str, site_id: str) -> Instant | None:
    """The instant up to which the newest store of each agent has told everything."""
    newest = (
        select(ledger_mark.c.agent_id, func.max(ledger_mark.c.epoch).label("epoch"))
        .join(agent, agent.c.agent_id == ledger_mark.c.agent_id)
        .where(
            ledger_mark.c.tenant_id == tenant_id,
            ledger_mark.c.site_id == site_id,
            # Who was revoked will tell no more.
            agent.c.revoked_us.is_(None),
        )
        .group_by(ledger_mark.c.agent_id)
        .subquery()
    )
    marks = db.execute(
        select(ledger_mark.c.whole_us).join(
            newest,
            (newest.c.agent_id == ledger_mark.c.agent_id)
            & (newest.c.epoch == ledger_mark.c.epoch),
        )
    ).scalars()
    found = list(marks)
    return None if not found or None in found else Instant(min(found))


class _ForgedError(BadEventError):
    """Not a mistake of a program that works as ours does."""


class _Door:
    """Cursor and rows of one agent's epoch within a transaction."""

    def __init__(
        self, db: Connection, who: AgentIdentity, epoch: int, now: Instant
    ) -> None:
        self._db = db
        self._who = who
        self._epoch = epoch
        self._now = now
        self._mine = _mine(who, epoch)
        self._taken: dict[int, dict[str, Any]] = {}
        self._gaps = 0
        if db.execute(_GRANTED, self._mine).first() is None:
            raise UnknownEpochError(f"epoch {epoch} was not granted to this agent")
        last = db.execute(_LAST, self._mine).scalar()
        self._first = last is None
        self.last = int(last or 0)
        self._prev = GENESIS if not self.last else self._hash(self.last)

    def is_next(self, seq: int, sha: str, index: int) -> bool:
        """Whether the event is the next one; false for one that is had already."""
        if seq > self.last + 1:
            raise OutOfOrderError(self.last + 1)
        if seq <= self.last and self._hash(seq) not in (None, sha):
            raise _ForgedError(index, seq, "this seq came before, and differed")
        return seq == self.last + 1

    def follows(self, seq: int, prev: str, index: int) -> None:
        """The event builds on the one before it."""
        if prev != self._prev:
            reason = f"the ledger was altered: event {seq} follows other events"
            raise _ForgedError(index, seq, reason)

    def take(self, seq: int, *, sha256: str, **values: Any) -> None:
        """Store the next event."""
        row = _identity(self._who, self._epoch) | {
            "seq": seq,
            "sha256": sha256,
            "stored_us": self._now,
        }
        self._taken[seq] = row | values
        self._gaps += "gap_reason" in values
        self.last, self._prev = seq, sha256

    def leave(self) -> None:
        """Write what was taken, the cursor, and how far the ledger is whole."""
        if self._taken:
            self._db.execute(_TAKE, list(self._taken.values()))
            self._taken.clear()
        values = {"last_seq": self.last, "moved_us": self._now}
        if self._first:
            row = {
                "tenant_id": self._who.tenant_id,
                "agent_id": self._who.agent_id,
                "epoch": self._epoch,
                "stream": STREAM,
            }
            self._db.execute(_BEGIN, row | values | {"gaps": self._gaps})
        else:
            self._db.execute(_MOVE, self._mine | values | {"more_gaps": self._gaps})
        self._db.execute(_REACHED, self._mine | {"reached": self.last})

    def _hash(self, seq: int) -> str | None:
        if seq in self._taken:
            return str(self._taken[seq]["sha256"])
        return self._db.execute(_HASH, self._mine | {"number": seq}).scalar()


def _mark(
    db: Connection,
    who: AgentIdentity,
    epoch: int,
    *,
    head_seq: int,
    said: Instant,
    last: int,
) -> None:
    values: dict[str, object] = {"head_seq": head_seq, "said_us": said}
    if last >= head_seq:
        values["whole_us"] = said
    if db.execute(_MARK, _mine(who, epoch) | values).rowcount == 0:
        db.execute(_NEW_MARK, _identity(who, epoch) | values)


def _alarm(
    db: Connection,
    who: AgentIdentity,
    data: Mapping[str, Any],
    *,
    now: Instant,
    posting: Posting,
) -> None:
    """Keep that somebody tried, once for the same thing; log and provider are told."""
    known = db.execute(
        select(security_event.c.data).where(
            security_event.c.tenant_id == who.tenant_id,
            security_event.c.kind == BROKEN,
            security_event.c.actor == who.actor,
        )
    ).scalars()
    if any(one == dict(data) for one in known):
        return
    _log.error("%s: its ledger does not hold: %s", who.actor, data["why"])
    row = {
        "tenant_id": who.tenant_id,
        "kind": BROKEN,
        "actor": who.actor,
        "at_us": now,
        "data": dict(data),
    }
    db.execute(insert(security_event).values(row))
    note = T("Event {seq} in epoch {epoch}: {why}.", **data)
    tell_fact(db, who, ALTERED, note, now=now, posting=posting)


def _identity(who: AgentIdentity, epoch: int) -> dict[str, Any]:
    return {
        "tenant_id": who.tenant_id,
        "site_id": who.site_id,
        "agent_id": who.agent_id,
        "epoch": epoch,
    }


def _mine(who: AgentIdentity, epoch: int) -> dict[str, Any]:
    return {"who": who.agent_id, "in_epoch": epoch}


def _instant(value: int | None) -> Instant | None:
    return None if value is None else Instant(value)
