"""Pages of tickets for programs: newest first, each page going on after a ticket.

The order is that of their making, which nothing changes: a page that is asked for
later begins where the last one ended, whatever happened to the tickets meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import Scope, within
from scudo_agent.desk.store.tables import ticket
from scudo_agent.desk.store.views import TicketLine, line_of, ticket_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which tickets: what is empty or None narrows nothing."""

    statuses: Sequence[Status] = ()
    conditions: Sequence[Condition] = ()
    severities: Sequence[int] = ()
    customer: str | None = None
    site: str | None = None
    origin: str | None = None


class UnknownCursorError(Exception):
    """The reader has no such ticket to go on after."""


class TicketPages:
    """Queries of one scope; nothing outside the scope is ever found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, scope: Scope, wanted: Wanted, *, after: str | None, limit: int
    ) -> tuple[tuple[TicketLine, ...], bool]:
        """A page, and whether there are more; `after` is the last one's number."""
        query = ticket_lines(scope).where(*_narrowed(wanted))
        with self._database.read(scope) as db:
            if after is not None:
                seen = select(ticket.c.ticket_id).where(
                    ticket.c.ref == after, *within(scope)
                )
                ticket_id = db.execute(seen).scalar()
                if ticket_id is None:
                    raise UnknownCursorError(after)
                query = query.where(ticket.c.ticket_id < ticket_id)
            rows = db.execute(
                query.order_by(ticket.c.ticket_id.desc()).limit(limit + 1)
            ).all()
        return tuple(map(line_of, rows[:limit])), len(rows) > limit


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    narrowed: list[ColumnElement[bool]] = []
    if wanted.statuses:
        narrowed.append(ticket.c.status.in_([one.value for one in wanted.statuses]))
    if wanted.conditions:
        narrowed.append(
            ticket.c.condition.in_([one.value for one in wanted.conditions])
        )
    if wanted.severities:
        narrowed.append(ticket.c.severity.in_(wanted.severities))
    if wanted.customer is not None:
        narrowed.append(ticket.c.tenant_id == wanted.customer)
    if wanted.site is not None:
        narrowed.append(ticket.c.site_id == wanted.site)
    if wanted.origin is not None:
        narrowed.append(ticket.c.origin == wanted.origin)
    return narrowed
