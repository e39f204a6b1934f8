"""Tickets that the desk closes by itself, after a contract's `close_after` of quiet.

Everything is computed from rows, whenever it is looked at: a desk that was stopped
in the meantime closes the same tickets.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update

from scudo_agent.desk.lifecycle import Status, closes
from scudo_agent.desk.store.contracts import last_contracts
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.tables import site, ticket, ticket_event
from scudo_agent.instant import Instant

ACTOR = "desk"
_AT_ONCE = 50
"""Tickets in one transaction: others wait for the writer meanwhile."""

# The indexes' own words: only so SQLite sees that it may use them.
_WAITS = (
    text("ticket.condition = 'recovered' AND ticket.status != 'closed'"),
    # No agent says that it is over: people did (a request, a check that is gone).
    text(
        "ticket.status != 'closed' AND ticket.status = 'resolved'"
        " AND ticket.condition IN ('reported', 'not_measured')"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """A ticket that is over, since when it is quiet and when it is closed."""

    ticket_id: int
    tenant_id: str
    since: Instant
    closes: Instant
    contract_id: str
    revision: int


class Closing:
    """Finds what is due and closes it."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def close_due(self) -> tuple[int, Instant | None]:
        """Close what has been quiet for long enough.

        Returns how many tickets were closed, and when the next one of those that
        wait is due (None: none waits).
        """
        with self._database.read() as db:
            waiting = list(_waiting(db))
        now = self._now()
        due = [one.ticket_id for one in waiting if one.closes <= now]
        closed = 0
        for start in range(0, len(due), _AT_ONCE):
            closed += self._close(due[start : start + _AT_ONCE])
        later = [one.closes for one in waiting if one.closes > now]
        return closed, min(later, default=None)

    def _close(self, tickets: list[int]) -> int:
        """Close those of `tickets` that are still quiet, in one transaction."""
        with self._database.write() as db:
            now = self._now()
            due = [one for one in _waiting(db, tickets) if one.closes <= now]
            for one in due:
                db.execute(
                    update(ticket)
                    .where(ticket.c.ticket_id == one.ticket_id)
                    .values(status=Status.CLOSED.value, closed_us=now, due_us=None)
                )
                db.execute(insert(ticket_event).values(_entry(one, now)))
        return len(due)


def _entry(one: Quiet, now: Instant) -> dict[str, Any]:
    """Who closed it, when and why."""
    return {
        "tenant_id": one.tenant_id,
        "ticket_id": one.ticket_id,
        "kind": "closed",
        "at_us": now,
        "stored_us": now,
        "actor": ACTOR,
        "data": {
            "reason": "quiet",
            "quiet_since_us": one.since,
            "close_after_us": one.closes - one.since,
            "contract_id": one.contract_id,
            "revision": one.revision,
        },
    }


def _waiting(db: Connection, tickets: list[int] | None = None) -> Iterator[Quiet]:
    """Tickets that are over, of contracts that close; of `tickets`, or all."""
    rules = {
        name: (revision, contract.tickets.close_after_us)
        for name, (revision, contract) in last_contracts(db).items()
        if contract.tickets.close_after_us is not None
    }
    if not rules:
        return
    active = (
        select(func.max(ticket_event.c.stored_us))
        .where(
            ticket_event.c.tenant_id == ticket.c.tenant_id,
            ticket_event.c.ticket_id == ticket.c.ticket_id,
            # What the desk says itself (a mail has left) is no news of the matter.
            ticket_event.c.actor != ACTOR,
        )
        .scalar_subquery()
    )
    # Whether the last word of a person is the customer's, who waits for an answer.
    asked = (
        select(ticket_event.c.data["by_customer"].as_boolean())
        .where(
            ticket_event.c.tenant_id == ticket.c.tenant_id,
            ticket_event.c.ticket_id == ticket.c.ticket_id,
            ticket_event.c.actor.like("person:%"),
        )
        .order_by(ticket_event.c.event_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(
            ticket.c.ticket_id,
            ticket.c.tenant_id,
            ticket.c.recovered_us,
            ticket.c.stored_us,
            site.c.contract_id,
            active.label("active_us"),
            asked.label("asked"),
        )
        .join(
            site,
            (site.c.tenant_id == ticket.c.tenant_id)
            & (site.c.site_id == ticket.c.site_id),
        )
        .where(site.c.contract_id.in_(sorted(rules)))
    )
    if tickets is not None:
        query = query.where(ticket.c.ticket_id.in_(tickets))
    found = [row for one in _WAITS for row in db.execute(query.where(one))]
    for row in found:
        if row.asked:
            continue
        revision, after_us = rules[row.contract_id]
        # What people resolved, or went to another ticket, has no date of recovery.
        quiet = row.recovered_us or Instant(0), row.active_us or row.stored_us
        yield Quiet(
            ticket_id=row.ticket_id,
            tenant_id=row.tenant_id,
            since=Instant(max(quiet)),
            closes=closes(*quiet, after_us),
            contract_id=row.contract_id,
            revision=revision,
        )
