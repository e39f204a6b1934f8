"""What waits in the outbox, for people: listed, shown, and let go again."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from scudo_agent.instant import Instant
from scudo_agent.store import ledger, outbox, schema
from scudo_agent.store.apply import STREAM

_outbox, _incident = schema.outbox, schema.incident
_ledger = schema.ledger_outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One event that the desk has not taken; `ticket` once the desk told its number.

    `set_aside`: the desk refused it for good, and it is sent again only on demand.
    """

    seq: int
    ticket: str | None
    incident: str
    rev: int
    kind: str
    subject: str
    since: Instant
    attempts: int
    error: str | None
    set_aside: Instant | None
    body: bytes

    @property
    def stage(self) -> dict[str, Any]:
        """The event as it is sent."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def waiting(connection: Connection) -> list[Waiting]:
    """All that the desk has not taken, in order; what was set aside with it."""
    rows = connection.execute(
        select(
            _outbox, _incident.c.ticket_ref, _incident.c.subject_key.label("subject")
        )
        .join(_incident, _incident.c.incident_id == _outbox.c.incident_id)
        .where(
            _outbox.c.stream == STREAM,
            _outbox.c.acked_us.is_(None) | _outbox.c.quarantined_us.is_not(None),
        )
        .order_by(_outbox.c.seq)
    )
    return [
        Waiting(
            seq=row.seq,
            ticket=row.ticket_ref,
            incident=row.incident_id,
            rev=row.rev,
            kind=row.kind,
            subject=row.subject,
            since=Instant(row.created_us),
            attempts=row.attempts,
            error=row.last_error,
            set_aside=_instant(row.quarantined_us),
            body=row.body,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerWaiting:
    """One state of a service that the desk has not taken (stream L).

    `set_aside`: the desk refused it for good, and was told of a gap in its place.
    """

    seq: int
    service: str
    state: str
    since: Instant
    attempts: int
    error: str | None
    set_aside: Instant | None
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event as it is sent."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def ledger_waiting(connection: Connection) -> list[LedgerWaiting]:
    """All of the ledger that the desk has not taken, in order, what was set aside too.

    By the stream's mark: rows of before the desk got a new store wait again.
    """
    _, acked = ledger.head_of(connection)
    rows = connection.execute(
        select(_ledger)
        .where((_ledger.c.seq > acked) | _ledger.c.quarantined_us.is_not(None))
        .order_by(_ledger.c.seq)
    )
    return [
        LedgerWaiting(
            seq=row.seq,
            service=row.service,
            state=row.state,
            since=Instant(row.created_us),
            attempts=row.attempts,
            error=row.last_error,
            set_aside=_instant(row.quarantined_us),
            body=row.body,
        )
        for row in rows
    ]


def release(
    connection: Connection, seqs: Sequence[int], told: Sequence[int] = ()
) -> str | None:
    """Send events again that were set aside; `told` are the ledger's.

    Where the desk has been told of a gap in one's place, its number is spent: then
    the store becomes another one to the desk, and all that is kept is told again. The
    new identity is returned then, else None.
    """
    spent = False
    for table, which in (
        (_outbox, (_outbox.c.stream == STREAM) & _outbox.c.seq.in_(list(seqs))),
        (_ledger, _ledger.c.seq.in_(list(told))),
    ):
        acked = select(table.c.seq).where(which, table.c.acked_us.is_not(None))
        spent = spent or connection.execute(acked).first() is not None
        again = {"quarantined_us": None, "acked_us": None}
        connection.execute(update(table).where(which).values(again))
    if not spent:
        return None
    fresh = str(uuid.uuid4())
    outbox.renew(connection, fresh)
    return fresh


def _instant(value: int | None) -> Instant | None:
    return None if value is None else Instant(value)
