"""The outbox: what the desk must still be told, and what it has acknowledged.

Each function works inside the transaction of the connection that it is given.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    delete,
    select,
    true,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from scudo_agent.instant import Instant
from scudo_agent.model import Kind
from scudo_agent.store import ledger, schema
from scudo_agent.store import outbox_statements as do
from scudo_agent.store.values import (
    LedgerRow,
    OutboxRow,
    OutboxStatus,
)
from scudo_agent.wire import canonical

ERROR_LENGTH = 500
"""Characters of an error that are kept; a desk's page of HTML is no error text."""

_FROZEN = "frozen"

_outbox = schema.outbox
_heads = schema.stream_head
_incident = schema.incident
_TABLES = {ledger.STREAM: schema.ledger_outbox}
"""Where a stream's rows are, when not in the outbox of incidents."""


def rows_of(connection: Connection, stream: str, limit: int) -> Sequence[LedgerRow]:
    """`pending` of any stream."""
    if stream == ledger.STREAM:
        return ledger.pending(connection, limit)
    return pending(connection, stream, limit)


def pending(connection: Connection, stream: str, limit: int) -> list[OutboxRow]:
    """Rows that the desk has not acknowledged, in order, the first `limit`.

    Quarantined rows are among them: in their place the desk is told of a gap.
    """
    rows = connection.execute(do.PENDING, {"of": stream, "most": limit})
    return [
        OutboxRow(
            stream=row.stream,
            seq=row.seq,
            epoch=row.epoch,
            incident_id=row.incident_id,
            rev=row.rev,
            kind=Kind(row.kind),
            body=row.body,
            sha256=row.sha256,
            created=Instant(row.created_us),
            acked=None if row.acked_us is None else Instant(row.acked_us),
            attempts=row.attempts,
            last_error=row.last_error,
            quarantined=_instant(row.quarantined_us),
        )
        for row in rows
    ]


def stages_of(
    connection: Connection, incidents: Iterable[str]
) -> dict[str, list[tuple[bytes, Instant | None]]]:
    """What was written of these incidents, in order, and when the desk had it.

    Stages that the desk had 35 days ago are gone.
    """
    rows = connection.execute(
        select(_outbox.c.incident_id, _outbox.c.body, _outbox.c.acked_us)
        .where(_outbox.c.incident_id.in_(list(incidents)))
        .order_by(_outbox.c.incident_id, _outbox.c.rev)
    )
    out: dict[str, list[tuple[bytes, Instant | None]]] = {}
    for row in rows:
        kept = out.setdefault(row.incident_id, [])
        kept.append((row.body, _instant(row.acked_us)))
    return out


def head(connection: Connection, stream: str) -> tuple[int, int]:
    """The last number written and the last one acknowledged."""
    row = connection.execute(do.HEAD, {"of": stream}).one()
    return row.head_seq, row.acked_seq


def status(connection: Connection, stream: str) -> OutboxStatus:
    """How the delivery of a stream stands."""
    last, acked = head(connection, stream)
    oldest = None
    if last > acked:
        found = connection.execute(do.OLDEST, {"of": stream, "after": acked})
        oldest = _instant(found.scalar_one_or_none())
    return OutboxStatus(
        epoch=epoch_of(connection),
        head_seq=last,
        acked_seq=acked,
        oldest=oldest,
        quarantined=connection.execute(do.ASIDE).scalar_one(),
        frozen=frozen(connection),
    )


def acknowledge(
    connection: Connection,
    stream: str,
    ack_seq: int,
    *,
    tickets: Mapping[int, str],
    at: Instant,
) -> None:
    """All up to `ack_seq` is durable at the desk; `tickets` by `seq`."""
    upto = {"of": stream, "upto": ack_seq}
    taken = {**upto, "at_us": at}
    if stream in _TABLES:
        connection.execute(do.TAKEN_OF_LEDGER, taken)
        connection.execute(do.ACKED, upto)
        return
    _, before = head(connection, stream)
    connection.execute(do.TAKEN, taken)
    connection.execute(do.ACKED, upto)
    if tickets:
        told = [
            {"of": stream, "number": seq, "ticket": ticket}
            for seq, ticket in tickets.items()
        ]
        connection.execute(do.TICKET, told)
    if before < ack_seq:
        for settle in do.SETTLE_TAKEN:
            connection.execute(settle, upto | {"after": before})


def rewind(connection: Connection, stream: str, seq: int) -> None:
    """The desk has all up to `seq` and no more: the rest is to be sent again."""
    connection.execute(
        update(_heads)
        .where(_heads.c.stream == stream, _heads.c.acked_seq > seq)
        .values(acked_seq=seq)
    )
    later = _in(stream) & (_rows(stream).c.seq > seq)
    again_us = {"acked_us": None, "epoch": None}
    connection.execute(update(_rows(stream)).where(later).values(again_us))
    if stream in _TABLES:
        return
    again = select(_outbox.c.incident_id).where(later)
    for settle in do.settling(_incident.c.incident_id.in_(again)):
        connection.execute(settle)


def quarantine(
    connection: Connection, stream: str, seq: int, *, reason: str, at: Instant
) -> None:
    """Set aside an event that the desk refuses for good; it is kept."""
    connection.execute(
        update(_rows(stream))
        .where(_in(stream), _rows(stream).c.seq == seq)
        .values(quarantined_us=at, last_error=reason[:ERROR_LENGTH])
    )


def note_attempt(
    connection: Connection, stream: str, first: int, last: int, *, error: str
) -> None:
    """Count one more attempt that failed for the rows `first` to `last`."""
    table = _rows(stream)
    connection.execute(
        update(table)
        .where(_in(stream), table.c.seq.between(first, last))
        .values(attempts=table.c.attempts + 1, last_error=error[:ERROR_LENGTH])
    )


def grant(connection: Connection, stream: str, epoch: int) -> bool:
    """Number on in `epoch`; true if the stream had to be numbered anew.

    That is when the desk knew this store under another epoch, or not at all (its
    own store was lost): every row that is still here is told again, from 1.
    """
    had = epoch_of(connection)
    if had == epoch:
        return False
    _note(connection, do.EPOCH, str(epoch))
    if frozen(connection) == epoch:
        return False
    thaw = delete(schema.meta).where(schema.meta.c.key == _FROZEN)
    if connection.execute(thaw).rowcount == 0 and had is None:
        return False
    rows = connection.execute(
        select(_outbox.c.seq, _outbox.c.body)
        .where(_outbox.c.stream == stream)
        .order_by(_outbox.c.seq)
    ).all()
    for seq, row in enumerate(rows, start=1):
        body = canonical({**json.loads(row.body), "seq": seq})
        connection.execute(
            update(_outbox)
            .where(_outbox.c.stream == stream, _outbox.c.seq == row.seq)
            .values(seq=seq, body=body, sha256=hashlib.sha256(body).hexdigest())
        )
    connection.execute(
        update(_heads)
        .where(_heads.c.stream == stream)
        .values(acked_seq=0, head_seq=len(rows))
    )
    rewind(connection, stream, 0)
    ledger.renumber(connection)
    rewind(connection, ledger.STREAM, 0)
    return True


def epoch_of(connection: Connection) -> int | None:
    """The epoch that the desk granted; None before the first hello."""
    return _number(connection, do.EPOCH)


def freeze(connection: Connection, epoch: int) -> None:
    """Deliver nothing more in `epoch`: the desk has numbers that are not ours."""
    _note(connection, _FROZEN, str(epoch))


def frozen(connection: Connection) -> int | None:
    """The epoch in which nothing more is delivered; None: there is none."""
    return _number(connection, _FROZEN)


def renew(connection: Connection, store_id: str) -> None:
    """Be another store to the desk, which grants it an epoch of its own.

    Everything that is kept is then numbered anew and told again; the desk knows
    each stage by its incident and `rev`, so none is doubled.
    """
    _note(connection, "store_id", store_id)
    # No epoch is 0: a desk that lost its own store may grant the same number again.
    _note(connection, _FROZEN, "0")
    connection.execute(delete(schema.meta).where(schema.meta.c.key == do.EPOCH))


def _rows(stream: str) -> Table:
    return _TABLES.get(stream, _outbox)


def _in(stream: str) -> ColumnElement[bool]:
    return true() if stream in _TABLES else _outbox.c.stream == stream


def _note(connection: Connection, key: str, value: str) -> None:
    connection.execute(
        insert(schema.meta)
        .values(key=key, value=value)
        .on_conflict_do_update(index_elements=["key"], set_={"value": value})
    )


def _number(connection: Connection, key: str) -> int | None:
    value = connection.execute(do.NUMBER, {"of": key}).scalar_one_or_none()
    return None if value is None else int(value)


def _instant(value: int | None) -> Instant | None:
    return None if value is None else Instant(value)
