"""What happened to tickets, for programs that missed it: from an instant on, by page.

The same that webhooks are told, for whoever asks: entries that the reader may have,
in the order in which the desk had them.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, tuple_

from scudo_agent.desk.marks import mark
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.entries import entry_of
from scudo_agent.desk.store.scope import Scope, within
from scudo_agent.desk.store.tables import ticket, ticket_event
from scudo_agent.desk.store.views import line_of, ticket_lines
from scudo_agent.desk.webhook_body import body_of
from scudo_agent.instant import Instant


class UnknownEventError(Exception):
    """The reader has no such entry to go on after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Messages as webhooks get them; `following` is where the next page begins."""

    messages: tuple[dict[str, Any], ...]
    following: str | None


class Events:
    """Reads histories of one scope."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, scope: Scope, *, since: Instant, after: str | None, limit: int
    ) -> EventPage:
        """Up to `limit` entries that the desk had at `since` or later.

        What is not for this reader takes a place and is left out, so that a page may
        have fewer. `UnknownEventError` for an `after` that is no page's end.
        """
        place = tuple_(ticket_event.c.stored_us, ticket_event.c.event_id)
        query = (
            select(ticket_event, ticket.c.ref)
            .join(
                ticket,
                (ticket.c.tenant_id == ticket_event.c.tenant_id)
                & (ticket.c.ticket_id == ticket_event.c.ticket_id),
            )
            .where(*within(scope))
        )
        with self._database.read(scope) as db:
            if after is None:
                query = query.where(ticket_event.c.stored_us >= since)
            else:
                query = query.where(place > tuple_(*_place(db, query, after)))
            order = (ticket_event.c.stored_us, ticket_event.c.event_id)
            rows = db.execute(query.order_by(*order).limit(limit + 1)).all()
            page = rows[:limit]
            ids = {row.ticket_id for row in page}
            lines = {
                row.ticket_id: line_of(row)
                for row in db.execute(
                    ticket_lines(scope).where(ticket.c.ticket_id.in_(sorted(ids)))
                )
            }
        told = (
            body_of(lines[row.ticket_id], entry_of(row), internal=scope.provider)
            for row in page
        )
        return EventPage(
            messages=tuple(one for one in told if one is not None),
            following=_cursor(page[-1]) if len(rows) > limit else None,
        )


def _cursor(row: Any) -> str:
    """Where a page ended; not by its number, which counts all customers' entries."""
    return f"{row.stored_us}.{_mark(row)}"


def _mark(row: Any) -> str:
    return mark("event", row.ref, row.incident_id, entry_of(row).mark)


def _place(db: Connection, query: Any, after: str) -> tuple[int, int]:
    stored, _, name = after.partition(".")
    at = ticket_event.c.stored_us == int(stored)
    for row in db.execute(query.where(at).order_by(ticket_event.c.event_id.desc())):
        if _mark(row) == name:
            return int(stored), int(row.event_id)
    raise UnknownEventError(after)
