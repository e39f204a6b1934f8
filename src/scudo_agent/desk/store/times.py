"""How long a scope's tickets took, read from their histories."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, or_, select

from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import Scope, within
from scudo_agent.desk.store.tables import ticket, ticket_event
from scudo_agent.desk.times import Step, Took, Turn, took
from scudo_agent.instant import Instant

LIMIT = 20_000
"""Tickets that are looked at, the latest first."""

_turned = ticket_event.c.data[("status", "to")].as_string()
_closed = ticket_event.c.kind == "closed"
_insisted = ticket_event.c.kind == "insisted"
_assigned = and_(
    ticket_event.c.kind == "assigned",
    ticket_event.c.data["to"].as_string().is_not(None),
)


class Times:
    """Queries of one scope; nothing outside the scope is ever found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, scope: Scope, since: Instant) -> tuple[Took, ...]:
        """The tickets received since then, oldest first; `LIMIT` of them at most."""
        mine = (*within(scope), ticket.c.received_us >= since)
        numbers = (
            select(ticket.c.ticket_id)
            .where(*mine)
            .order_by(ticket.c.received_us.desc())
            .limit(LIMIT)
        )
        tickets = select(ticket).where(ticket.c.ticket_id.in_(numbers), *within(scope))
        entries = (
            select(
                ticket_event.c.ticket_id,
                ticket_event.c.at_us,
                ticket_event.c.kind,
                ticket_event.c.actor,
                _turned.label("turned"),
                ticket_event.c.data["by_customer"].as_boolean().label("by_customer"),
            )
            .where(
                ticket_event.c.ticket_id.in_(numbers),
                or_(_turned.is_not(None), _closed, _insisted, _assigned),
            )
            .order_by(ticket_event.c.event_id)
        )
        with self._database.read(scope) as db:
            rows = db.execute(tickets.order_by(ticket.c.received_us)).all()
            turns: dict[int, list[Turn]] = {row.ticket_id: [] for row in rows}
            for entry in db.execute(entries):
                if entry.ticket_id in turns:
                    turns[entry.ticket_id] += _turns(entry)
        return tuple(_took(row, turns[row.ticket_id]) for row in rows)


def _turns(entry: Any) -> Iterator[Turn]:
    at = Instant(entry.at_us)
    if entry.actor.startswith("person:") and not entry.by_customer:
        yield Turn(at=at, step=Step.TAKEN)
    to = entry.turned
    if entry.kind == "closed":
        to = Status.CLOSED.value
    elif entry.kind == "insisted":
        to = Status.REOPENED.value
    if to:
        yield Turn(at=at, step=Step.TURNED, to=to)


def _took(row: Any, turns: list[Turn]) -> Took:
    received = Instant(row.received_us)
    intervention, resolution = took(received, turns)
    return Took(
        ref=row.ref,
        received=received,
        severity=row.severity,
        intervention=intervention,
        resolution=resolution,
    )
