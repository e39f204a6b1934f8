"""Pages of tickets for programs: newest first, each page going on after a ticket.

The order is that of their making, which nothing changes: a page that is asked for
later begins where the last one ended, whatever happened to the tickets meanwhile.
"""

from collections.abc import Sequence

from sqlalchemy import select

from scudo_agent.desk.lifecycle import Condition
from scudo_agent.desk.search_words import sought
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.queue import Wish, narrowed
from scudo_agent.desk.store.scope import Scope, within
from scudo_agent.desk.store.search import matching
from scudo_agent.desk.store.tables import ticket
from scudo_agent.desk.store.views import TicketLine, line_of, ticket_lines


class UnknownCursorError(Exception):
    """The reader has no such ticket to go on after."""


class TicketPages:
    """Queries of one scope; nothing outside the scope is ever found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        scope: Scope,
        wish: Wish,
        *,
        conditions: Sequence[Condition] = (),
        after: str | None,
        limit: int,
    ) -> tuple[tuple[TicketLine, ...], bool]:
        """A page, and whether there are more; `after` is the last one's number."""
        sure = narrowed(wish)
        if conditions:
            sure.append(ticket.c.condition.in_([one.value for one in conditions]))
        with self._database.read(scope) as db:
            if after is not None:
                seen = select(ticket.c.ticket_id).where(
                    ticket.c.ref == after, *within(scope)
                )
                ticket_id = db.execute(seen).scalar()
                if ticket_id is None:
                    raise UnknownCursorError(after)
                sure.append(ticket.c.ticket_id < ticket_id)
            sure += matching(db, scope, sought(wish.text))
            rows = db.execute(
                ticket_lines(scope)
                .where(*sure)
                .order_by(ticket.c.ticket_id.desc())
                .limit(limit + 1)
            ).all()
        return tuple(map(line_of, rows[:limit])), len(rows) > limit
