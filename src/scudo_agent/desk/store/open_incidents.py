"""What an agent told of before its store was lost: open incidents, page by page."""

from typing import Any

from sqlalchemy import Connection, Row, func, select

from scudo_agent.desk.lifecycle import Condition
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import incident, ticket, ticket_event
from scudo_agent.instant import Instant, format_instant
from scudo_agent.model import Kind, State
from scudo_agent.wire import OpenIncident

_KINDS = [kind.value for kind in Kind]


def count_open(db: Connection, who: AgentIdentity) -> int:
    """How many incidents of this agent are bad, as far as the desk has heard."""
    query = select(func.count()).select_from(incident).where(*_of(who))
    return int(db.execute(query).scalar_one())


class OpenIncidents:
    """One agent's incidents that are bad; never another agent's of the site."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, who: AgentIdentity, after: str, limit: int) -> list[OpenIncident]:
        """The next ones behind the incident `after` (empty: the first)."""
        query = (
            select(incident, ticket.c.ref)
            .join(ticket, ticket.c.ticket_id == incident.c.ticket_id)
            .where(*_of(who), incident.c.incident_id > after)
            .order_by(incident.c.incident_id)
            .limit(limit)
        )
        with self._database.read() as db:
            rows = db.execute(query).all()
            return [_open(row, _members(db, row)) for row in rows]


def _of(who: AgentIdentity) -> tuple[Any, ...]:
    return (
        incident.c.tenant_id == who.tenant_id,
        incident.c.site_id == who.site_id,
        incident.c.agent_id == who.agent_id,
        incident.c.condition == Condition.BAD.value,
    )


def _open(row: Row[Any], members: dict[str, State]) -> OpenIncident:
    return OpenIncident(
        incident_id=row.incident_id,
        rev=row.rev,
        subject_key=row.subject_key,
        since=format_instant(Instant(row.since_us)),
        opened=format_instant(Instant(row.opened_us)),
        severity=row.severity,
        rule=row.rule,
        audience=row.audience,
        reopen_count=row.reopen_count,
        ticket=row.ref,
        members=members,
    )


def _members(db: Connection, row: Row[Any]) -> dict[str, State]:
    """The members that its last stage names, with their states."""
    last = db.execute(
        select(ticket_event.c.data)
        .where(
            ticket_event.c.tenant_id == row.tenant_id,
            ticket_event.c.incident_id == row.incident_id,
            ticket_event.c.kind.in_(_KINDS),
            ticket_event.c.rev <= row.rev,
        )
        .order_by(ticket_event.c.rev.desc())
        .limit(1)
    ).scalar()
    members = last["stage"]["members"] if last else []
    return {one["check"]: State(one["state"]) for one in members}
