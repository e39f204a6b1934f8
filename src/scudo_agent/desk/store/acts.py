"""What people do with a ticket, and what the desk does about it later (1.5).

A person may close what is still bad: the ticket stays closed while agents go on
reporting, and after four hours the desk re-opens it, once. A severity that a person
sets holds until an agent reports worse than any did before.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, insert, select, update

from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.post import STILL_BAD, Post, Posting
from scudo_agent.desk.store.row_statements import COUNTS
from scudo_agent.desk.store.scope import Scope, within
from scudo_agent.desk.store.tables import incident, ticket, ticket_event
from scudo_agent.errors import ScudoError
from scudo_agent.instant import HOUR, Instant
from scudo_agent.model import Kind
from scudo_agent.wire import Stage

INSIST_US = 4 * HOUR
"""What a person closed and is still bad after so long is re-opened once."""

WORDS_LIMIT = 2000
"""Signs of a reason or a note."""

CLOSED, SEVERITY, REMARK, INSISTED = "closed", "severity_set", "remark", "insisted"


class ActError(ScudoError):
    """What was asked cannot be done to this ticket as it is."""


class Acts:
    """The acts of people on tickets of their scope, each in one transaction."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def close(self, scope: Scope, ref: str, *, actor: str, reason: str) -> bool:
        """Close a ticket; False if there is none, `ActError` if it is closed."""
        with self._database.write() as db:
            found = _found(db, scope, ref)
            if found is None:
                return False
            if found.status == Status.CLOSED.value:
                raise ActError("the ticket is closed already")
            now = self._now()
            _put(db, found, status=Status.CLOSED.value, closed_us=now, closed_by=actor)
            data = {"reason": "person", "words": reason, "condition": found.condition}
            _enter(db, found, CLOSED, now, actor=actor, data=data)
        return True

    def set_severity(
        self, scope: Scope, ref: str, severity: int, *, actor: str, reason: str
    ) -> bool:
        """Set the severity code, up or down; False if there is no such ticket."""
        with self._database.write() as db:
            found = _found(db, scope, ref)
            if found is None:
                return False
            if found.severity == severity:
                raise ActError("the ticket has this severity already")
            now = self._now()
            # The rule told why the agents' code held; now a person's reason does.
            _put(db, found, severity=severity, rule=None, edited=True)
            data = {"from": found.severity, "to": severity, "words": reason}
            _enter(db, found, SEVERITY, now, actor=actor, data=data)
        return True

    def remark(self, scope: Scope, ref: str, *, actor: str, words: str) -> bool:
        """Write a note into the history; False if there is no such ticket."""
        with self._database.write() as db:
            found = _found(db, scope, ref)
            if found is None:
                return False
            data = {"words": words}
            _enter(db, found, REMARK, self._now(), actor=actor, data=data)
        return True

    def insist_due(self) -> tuple[int, Instant | None]:
        """Re-open what people closed and is still bad 4 h later.

        Returns how many were re-opened, and when the next one is due.
        """
        query = select(ticket).where(
            ticket.c.status == Status.CLOSED.value,
            ticket.c.condition == Condition.BAD.value,
            ticket.c.closed_by.is_not(None),
            ticket.c.insisted_us.is_(None),
        )
        with self._database.read() as db:
            closed = [row.closed_us for row in db.execute(query)]
        now = self._now()
        later = [at for at in closed if at + INSIST_US > now]
        done = 0
        if len(later) < len(closed):
            with self._database.write() as db:
                for row in db.execute(query).all():
                    if row.closed_us + INSIST_US <= now:
                        self._insist(db, row, now)
                        done += 1
        return done, Instant(min(later) + INSIST_US) if later else None

    def _insist(self, db: Connection, row: Any, now: Instant) -> None:
        _put(
            db,
            row,
            status=Status.REOPENED.value,
            closed_us=None,
            closed_by=None,
            insisted_us=now,
        )
        data = {"closed_us": row.closed_us, "closed_by": row.closed_by}
        event_id = _enter(db, row, INSISTED, now, actor="desk", data=data)
        if (last := _last_bad(db, row)) is not None:
            post = Post(db, row.tenant_id, now=now, posting=self._posting)
            post.turned(last, row.ticket_id, event_id=event_id, kind=STILL_BAD)


def _found(db: Connection, scope: Scope, ref: str) -> Any:
    query = select(ticket).where(ticket.c.ref == ref, *within(scope))
    return db.execute(query).first()


def _put(db: Connection, row: Any, **values: Any) -> None:
    db.execute(update(ticket).where(ticket.c.ticket_id == row.ticket_id).values(values))


def _enter(
    db: Connection, row: Any, kind: str, now: Instant, *, actor: str, data: Any
) -> int:
    """One entry of history: who, when and why."""
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "kind": kind,
        "at_us": now,
        "stored_us": now,
        "actor": actor,
        "data": data,
    }
    query = insert(ticket_event).values(values).returning(ticket_event.c.event_id)
    return int(db.execute(query).scalar_one())


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
