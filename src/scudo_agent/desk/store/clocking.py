"""The clocks of stored tickets: worked out from rows whenever somebody looks.

`ticket.due_us` is the one thing that is kept: when the first running clock is due,
for the order of the queue. Whoever changes a ticket calls `clocked` in the same
transaction.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from scudo_agent.contract.calendar import Calendar
from scudo_agent.desk.clocks import Moment, Promise, first_due, promises
from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.store.contracts import ContractVersion
from scudo_agent.desk.store.coverage import Cover, covers_of, version_at
from scudo_agent.desk.store.database import Readable
from scudo_agent.desk.store.scope import Scope, within
from scudo_agent.desk.store.tables import ticket, ticket_event
from scudo_agent.errors import ConfigError
from scudo_agent.instant import Instant

_CALENDARS: dict[str, Calendar] = {}
"""By hash of the contract's text: its days are worked out once."""
_CALENDARS_LIMIT = 200

_this = ticket.c.ticket_id == bindparam("number")
_TICKET = select(
    ticket.c.tenant_id,
    ticket.c.ticket_id,
    ticket.c.site_id,
    ticket.c.origin,
    ticket.c.audience,
    ticket.c.received_us,
    ticket.c.due_us,
).where(_this)
# Only the order of the queue is another one: nobody's view of the ticket is stale.
_PUT = (
    update(ticket)
    .where(_this)
    .values(due_us=bindparam("due"), version=ticket.c.version)
)
_of_ticket = (
    ticket_event.c.tenant_id == bindparam("tenant"),
    ticket_event.c.ticket_id == bindparam("number"),
)
_STAGES = ("open", "raise", "reopen", "root", "join", "moved_here")
"""Entries of agents' stages that may leave a ticket graver, or re-opened."""
_ACTS = (
    "requested",
    "triaged",
    "assigned",
    "estimated",
    "status",
    "closed",
    "message",
    "severity_set",
    "insisted",
)
_BY_STAGES = select(
    ticket_event.c.event_id,
    ticket_event.c.at_us,
    ticket_event.c.kind,
    ticket_event.c.severity,
    # A stage with all its evidence is long; of it nothing else is needed.
    ticket_event.c.data[("status", "to")].as_string().label("turned"),
).where(*_of_ticket, ticket_event.c.kind.in_(_STAGES))
_BY_ACTS = select(ticket_event).where(*_of_ticket, ticket_event.c.kind.in_(_ACTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """What was promised of a ticket; `contract` is the version that counts for it.

    `ended`: the contract that was over when the ticket was received.
    """

    contract: ContractVersion | None = None
    ended: Cover | None = None
    clocks: tuple[Promise, ...] = ()


class Clocks:
    """What was promised of tickets, for whoever may see them."""

    def __init__(self, database: Readable, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def of(self, scope: Scope, ref: str) -> Promised | None:
        """What was promised of a ticket; None: the scope has no such one."""
        query = select(ticket).where(ticket.c.ref == ref, *within(scope))
        with self._database.read(scope) as db:
            row = db.execute(query).first()
            return None if row is None else promised_of(db, row, self._now())

    def of_lines(self, scope: Scope, refs: Sequence[str]) -> dict[str, Promised]:
        """The same of many, by their public numbers; what nobody may see is missing."""
        query = select(ticket).where(ticket.c.ref.in_(refs), *within(scope))
        now = self._now()
        with self._database.read(scope) as db:
            rows = db.execute(query).all()
            return {row.ref: promised_of(db, row, now) for row in rows}


def clocked(db: Connection, ticket_id: int, *, now: Instant) -> None:
    """Within the transaction of a change: keep when its first clock is due."""
    row = db.execute(_TICKET, {"number": ticket_id}).one()
    due = first_due(promised_of(db, row, now).clocks)
    if due != row.due_us:
        db.execute(_PUT, {"number": ticket_id, "due": due})


def clock_site(db: Connection, tenant_id: str, site_id: str, now: Instant) -> None:
    """The same for all of a site's tickets that are not closed."""
    query = select(ticket.c.ticket_id).where(
        ticket.c.tenant_id == tenant_id,
        ticket.c.site_id == site_id,
        ticket.c.status != Status.CLOSED.value,
    )
    for ticket_id in db.execute(query).scalars().all():
        clocked(db, ticket_id, now=now)


def promised_of(db: Connection, row: Any, now: Instant) -> Promised:
    """What was promised of the ticket `row` (or a line of it), as known `now`.

    The contract that held when it was received counts, in the revision that the desk
    had then. A ticket of the provider's own has no clocks.
    """
    received = Instant(row.received_us)
    covers = covers_of(db, row.tenant_id, row.site_id)
    held = covers.at(received)
    if held is None:
        return Promised(ended=covers.ended(received))
    version = version_at(db, held.contract_id, received)
    if version is None or row.audience == "provider":
        return Promised(contract=version)
    try:
        calendar = calendar_of(version)
    except ConfigError:  # the log says so where contracts are read
        return Promised(contract=version)
    if not calendar.contract.clocks:
        return Promised(contract=version)
    moments = list(_moments(db, row))
    clocks = promises(calendar, received, row.origin, moments, now)
    return Promised(contract=version, clocks=clocks)


def calendar_of(version: ContractVersion) -> Calendar:
    """The calendar of a contract's version; `ConfigError` if it cannot be read."""
    known = _CALENDARS.get(version.sha256)
    if known is None:
        known = Calendar(version.contract)
        if len(_CALENDARS) >= _CALENDARS_LIMIT:
            _CALENDARS.clear()
        _CALENDARS[version.sha256] = known
    return known


def _moments(db: Connection, row: Any) -> Iterator[Moment]:
    of = {"tenant": row.tenant_id, "number": row.ticket_id}
    found = {
        one.event_id: Moment(
            at=one.at_us,
            kind=one.kind,
            actor="agent:",
            severity=one.severity,
            data={"status": {"to": one.turned}} if one.turned else {},
        )
        for one in db.execute(_BY_STAGES, of)
    } | {
        one.event_id: Moment(
            at=one.at_us,
            kind=one.kind,
            actor=one.actor,
            severity=one.severity,
            data=one.data,
        )
        for one in db.execute(_BY_ACTS, of)
    }
    for number in sorted(found):
        yield found[number]
