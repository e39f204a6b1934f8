"""What people closed and is still bad: the desk re-opens it, once (1.5)."""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from scudo_agent.desk.life import turn
from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.store.clocking import clocked
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.post import STILL_BAD, Post, Posting
from scudo_agent.desk.store.row_statements import COUNTS
from scudo_agent.desk.store.tables import incident, ticket, ticket_event
from scudo_agent.instant import HOUR, Instant
from scudo_agent.model import Kind
from scudo_agent.wire import Stage

INSIST_US = 4 * HOUR
"""What a person closed and is still bad after so long is re-opened once."""

INSISTED = "insisted"


def insist_due(
    database: Database, now: Instant, posting: Posting
) -> tuple[int, Instant | None]:
    """Re-open what people closed and is still bad 4 h later.

    Returns how many were re-opened, and when the next one is due.
    """
    query = select(ticket).where(
        ticket.c.status == Status.CLOSED.value,
        ticket.c.condition == Condition.BAD.value,
        ticket.c.closed_by.is_not(None),
        ticket.c.insisted_us.is_(None),
    )
    with database.read() as db:
        closed = [row.closed_us for row in db.execute(query)]
    later = [at for at in closed if at + INSIST_US > now]
    done = 0
    if len(later) < len(closed):
        with database.write() as db:
            for row in db.execute(query).all():
                if row.closed_us + INSIST_US <= now:
                    _insist(db, row, now, posting)
                    done += 1
    return done, Instant(min(later) + INSIST_US) if later else None


def _insist(db: Connection, row: Any, now: Instant, posting: Posting) -> None:
    values = {
        "status": Status.REOPENED.value,
        "closed_us": None,
        "closed_by": None,
        "insisted_us": now,
    }
    db.execute(update(ticket).where(ticket.c.ticket_id == row.ticket_id).values(values))
    entry = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "kind": INSISTED,
        "at_us": now,
        "stored_us": now,
        "actor": "desk",
        "data": {
            "closed_us": row.closed_us,
            "closed_by": row.closed_by,
            "status": turn(Status.CLOSED, Status.REOPENED),
        },
    }
    query = insert(ticket_event).values(entry).returning(ticket_event.c.event_id)
    event_id = int(db.execute(query).scalar_one())
    clocked(db, row.ticket_id, now=now)
    if (last := _last_bad(db, row)) is not None:
        post = Post(db, row.tenant_id, now=now, posting=posting)
        post.turned(last, row.ticket_id, event_id=event_id, kind=STILL_BAD)


def _last_bad(db: Connection, row: Any) -> Stage | None:
    """The last stage of the ticket's first incident that is bad."""
    first = (
        select(incident.c.incident_id)
        .where(
            incident.c.tenant_id == row.tenant_id,
            incident.c.ticket_id == row.ticket_id,
            incident.c.condition == Condition.BAD.value,
            COUNTS,
        )
        .order_by(incident.c.opened_us, incident.c.incident_id)
        .limit(1)
        .scalar_subquery()
    )
    data = db.execute(
        select(ticket_event.c.data)
        .where(
            ticket_event.c.tenant_id == row.tenant_id,
            ticket_event.c.incident_id == first,
            ticket_event.c.kind.in_([kind.value for kind in Kind]),
        )
        .order_by(ticket_event.c.rev.desc())
        .limit(1)
    ).scalar()
    return None if data is None else Stage.model_validate(data["stage"])
