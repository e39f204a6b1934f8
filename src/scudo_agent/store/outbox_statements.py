"""The statements behind `outbox`, each made once.

Making a statement costs more than running it, and a storm runs thousands.
"""

from sqlalchemy import (
    ColumnElement,
    Table,
    Update,
    bindparam,
    exists,
    func,
    select,
    update,
)

from scudo_agent.store import schema
from scudo_agent.store.apply import PHASES
from scudo_agent.store.values import IncidentState

EPOCH = "epoch"
"""Key of the epoch that the desk granted."""

_outbox = schema.outbox
_heads = schema.stream_head
_incident = schema.incident

_unacked = select(_heads.c.acked_seq).where(_heads.c.stream == bindparam("of"))

HEAD = select(_heads.c.head_seq, _heads.c.acked_seq).where(
    _heads.c.stream == bindparam("of")
)
NUMBER = select(schema.meta.c.value).where(schema.meta.c.key == bindparam("of"))
PENDING = (
    select(_outbox)
    .where(
        _outbox.c.stream == bindparam("of"),
        _outbox.c.seq > _unacked.scalar_subquery(),
    )
    .order_by(_outbox.c.seq)
    .limit(bindparam("most"))
)
OLDEST = (
    select(_outbox.c.created_us)
    .where(
        _outbox.c.stream == bindparam("of"),
        _outbox.c.seq > bindparam("after"),
        _outbox.c.quarantined_us.is_(None),
    )
    .order_by(_outbox.c.seq)
    .limit(1)
)
ASIDE = (
    select(func.count())
    .select_from(_outbox)
    .where(_outbox.c.quarantined_us.is_not(None))
)
ACKED = (
    update(_heads)
    .where(_heads.c.stream == bindparam("of"), _heads.c.acked_seq < bindparam("upto"))
    .values(acked_seq=bindparam("upto"))
)
_epoch = select(schema.meta.c.value).where(schema.meta.c.key == EPOCH)


def _taken(table: Table) -> Update:
    """What is behind the mark and up to the one that the desk names."""
    return (
        update(table)
        .where(
            table.c.seq > _unacked.scalar_subquery(),
            table.c.seq <= bindparam("upto"),
            table.c.acked_us.is_(None),
        )
        .values(acked_us=bindparam("at_us"), epoch=_epoch.scalar_subquery())
    )


TAKEN = _taken(_outbox).where(_outbox.c.stream == bindparam("of"))
TAKEN_OF_LEDGER = _taken(schema.ledger_outbox)
TICKET = (
    update(_incident)
    .where(
        _incident.c.incident_id
        == select(_outbox.c.incident_id)
        .where(
            _outbox.c.stream == bindparam("of"), _outbox.c.seq == bindparam("number")
        )
        .scalar_subquery()
    )
    .values(ticket_ref=bindparam("ticket"))
)


def settling(which: ColumnElement[bool]) -> list[Update]:
    """Bring the incidents' states into line with what is acknowledged."""
    done = []
    waits = exists().where(
        _outbox.c.incident_id == _incident.c.incident_id,
        _outbox.c.acked_us.is_(None),
        _outbox.c.kind.in_([kind.value for kind in PHASES]),
    )
    for local, acked in (
        (IncidentState.OPEN_LOCAL, IncidentState.OPEN_ACKED),
        (IncidentState.RECOVERED_LOCAL, IncidentState.RECOVERED_ACKED),
    ):
        for old, new, rule in ((local, acked, ~waits), (acked, local, waits)):
            done.append(
                update(_incident)
                .where(which, _incident.c.state == old.value, rule)
                .values(state=new.value)
            )
    return done


# By their numbers in the stream: as values of one statement they may be too many.
SETTLE_TAKEN = settling(
    _incident.c.incident_id.in_(
        select(_outbox.c.incident_id).where(
            _outbox.c.stream == bindparam("of"),
            _outbox.c.seq > bindparam("after"),
            _outbox.c.seq <= bindparam("upto"),
        )
    )
)
