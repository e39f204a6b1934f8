"""What the outbox no longer needs, after the desk has had it for long enough.

Each function is to be called within a transaction of the connection that it is given.
"""

from sqlalchemy import Connection, ScalarSelect, exists, or_, select, update

from scudo_agent.instant import DAY, Instant
from scudo_agent.store import schema
from scudo_agent.store.values import IncidentState

KEPT_US = 35 * DAY
"""So long acknowledged rows stay: a desk restored from a backup can be refilled."""

_outbox = schema.outbox
_heads = schema.stream_head
_incident = schema.incident


def seal(connection: Connection, before: Instant) -> int:
    """Seal what recovered before `before`, is acknowledged and cannot re-open."""
    done = connection.execute(
        update(_incident)
        .where(
            _incident.c.state == IncidentState.RECOVERED_ACKED.value,
            _incident.c.recovered_us < before,
        )
        .values(state=IncidentState.SEALED.value)
    )
    return done.rowcount


def prune(connection: Connection, stream: str, now: Instant) -> int:
    """Drop the rows of incidents that the desk has had whole for 35 days.

    Never a row that is not acknowledged, nor one of an incident that is open or may
    re-open: a desk that lost it is told of it from its opening on, or not at all.
    """
    before = now - KEPT_US
    other = _outbox.alias()
    kept = exists().where(
        other.c.incident_id == _outbox.c.incident_id,
        or_(
            other.c.acked_us.is_(None),
            other.c.acked_us >= before,
            other.c.quarantined_us.is_not(None),
        ),
    )
    sealed = select(_incident.c.incident_id).where(
        _incident.c.state == IncidentState.SEALED.value
    )
    done = connection.execute(
        _outbox.delete().where(
            _outbox.c.stream == stream,
            _outbox.c.acked_us < before,
            _outbox.c.seq <= _acked(stream),
            _outbox.c.incident_id.in_(sealed),
            ~kept,
        )
    )
    return done.rowcount


def _acked(stream: str) -> ScalarSelect[int]:
    return select(_heads.c.acked_seq).where(_heads.c.stream == stream).scalar_subquery()
