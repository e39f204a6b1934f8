"""What people do with tickets: each act in one transaction, nobody's is lost.

Whoever changes a ticket says which version was seen; if it is another one by now,
nothing is done. Who, when and why of each act is an entry of the ticket's history.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from scudo_agent.contract.model import Category
from scudo_agent.desk.life import (
    Act,
    ActError,
    Assign,
    Doer,
    Done,
    Life,
    Mode,
    Note,
    Redundant,
    StaleError,
    Triage,
    act_of,
    allow,
)
from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.store.act_post import put_mail
from scudo_agent.desk.store.clocking import clocked
from scudo_agent.desk.store.coverage import promised
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.insisting import insist_due
from scudo_agent.desk.store.people_tables import person as people
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import Person, within
from scudo_agent.desk.store.search import index_said
from scudo_agent.desk.store.tables import PROVIDER_TENANT, ticket, ticket_event
from scudo_agent.errors import ConfigError
from scudo_agent.instant import Instant
from scudo_agent.text import T

REDUNDANT_SYSTEM = "redundant_system"
"""What a contract `covers` that has such a system put into service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What became of an act: the ticket's version now, and the entry of history."""

    version: int
    event_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """When something was said that the desk writes down later, and what else of it
    its entry of history keeps."""

    at: Instant
    data: Mapping[str, Any] = field(default_factory=dict)


class Acts:
    """The acts of people on tickets that they may see."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def do(
        self, who: Person, ref: str, act: Act, *, version: int | None
    ) -> Changed | None:
        """Do `act`; None when `who` sees no such ticket.

        `version` is the one that was seen; only a note may come without, since it
        changes nothing that was there. `RightError` when it is not for this person,
        `StaleError` when the ticket is another one by now, `ActError` when it cannot
        be done to the ticket as it is.
        """
        with self._database.write() as db:
            query = select(ticket).where(ticket.c.ref == ref, *within(who.scope))
            row = db.execute(query).first()
            if row is None:
                return None
            return self.do_in(db, who, row, act, version=version)

    def do_in(
        self,
        db: Connection,
        who: Person,
        row: Any,
        act: Act,
        *,
        version: int | None,
        told: Told | None = None,
    ) -> Changed:
        """`act` on the ticket of `row`, within the transaction `db`; raises as `do`.

        Whoever calls it has made sure that `who` sees the ticket.
        """
        now, life = self._now(), life_of(row)
        allow(life, act, doer(who))
        _unchanged(row, act, version)
        done = act_of(life, act, doer(who), now=now)
        _known(db, row, act)
        told = told or Told(at=now)
        done = replace(done, data={**done.data, **told.data})
        reached = _put(db, row, done, who, now)
        event_id = _enter(db, row, done, who, (told.at, now))
        clocked(db, row.ticket_id, now=now)
        if done.mail is not None:
            post = (done.mail, event_id, now)
            put_mail(db, row, post, posting=self._posting)
        return Changed(version=reached, event_id=event_id)

    def check(self, row: Any, act: Act, who: Person) -> None:
        """Raise as `do_in` would for the ticket of `row`, and do nothing."""
        act_of(life_of(row), act, doer(who), now=self._now())

    def hands(self) -> tuple[tuple[int, str], ...]:
        """The provider's people to whom a ticket can be given: number and name."""
        query = (
            select(people.c.person_id, people.c.name)
            .where(
                people.c.tenant_id == PROVIDER_TENANT, people.c.disabled_us.is_(None)
            )
            .order_by(people.c.name, people.c.person_id)
        )
        with self._database.read() as db:
            return tuple((row.person_id, row.name) for row in db.execute(query))

    def categories(
        self, tenant_id: str, site_id: str, received: Instant
    ) -> tuple[Category, ...]:
        """What a request that was received then may be about; none: there is no list.

        The contract that held then counts, as it does for the clocks.
        """
        with self._database.read() as db:
            return _categories(db, tenant_id, site_id, received)

    def redundancy(self, tenant_id: str, site_id: str, received: Instant) -> bool:
        """Whether the contract that held then gives a redundant system."""
        with self._database.read() as db:
            return _entitled(db, tenant_id, site_id, received)

    def insist_due(self) -> tuple[int, Instant | None]:
        """Re-open what people closed and is still bad 4 h later.

        Returns how many were re-opened, and when the next one is due.
        """
        return insist_due(self._database, self._now(), self._posting)


def life_of(row: Any) -> Life:
    """What people decide of a ticket, from its row."""
    return Life(
        status=Status(row.status),
        condition=Condition(row.condition),
        severity=row.severity,
        rule=row.rule,
        edited=row.edited,
        urgency=row.urgency,
        category=row.category,
        provisional=row.provisional,
        assignee_id=row.assignee_id,
        estimate=row.estimate_us,
        mode=None if row.mode is None else Mode(row.mode),
        mode_detail=row.mode_detail,
        redundant=row.redundant_us is not None,
        audience=row.audience,
    )


def doer(who: Person) -> Doer:
    """Who does something, as the rules of life see it."""
    return Doer(role=who.role, person_id=who.person_id)


def _unchanged(row: Any, act: Act, version: int | None) -> None:
    """`StaleError` when the ticket is another one than was seen.

    A right that is missing is told before; that the act cannot be done, only after:
    who saw another ticket is told what changed.
    """
    if version is None and not isinstance(act, Note):
        raise StaleError(T("Say which version of the ticket you have seen."))
    if version is not None and version != row.version:
        raise _stale()


def _stale() -> StaleError:
    return StaleError(T("The ticket has changed since you saw it."))


def _known(db: Connection, row: Any, act: Act) -> None:
    """`ActError` for a person or a category that the desk does not know."""
    if isinstance(act, Assign) and act.person_id is not None:
        query = select(people.c.person_id).where(
            people.c.person_id == act.person_id,
            people.c.tenant_id == PROVIDER_TENANT,
            people.c.disabled_us.is_(None),
        )
        if db.execute(query).first() is None:
            raise ActError(T("A ticket is assigned to one of the provider's people."))
    at = (row.tenant_id, row.site_id, Instant(row.received_us))
    if isinstance(act, Redundant) and act.on and not _entitled(db, *at):
        raise ActError(T("The contract gives no redundant system for this ticket."))
    if isinstance(act, Triage) and act.category:
        known = [one.id for one in _categories(db, *at)]
        if known and act.category not in known:
            raise ActError(
                T("The contract has these categories: {names}.", names=", ".join(known))
            )


def _entitled(db: Connection, tenant_id: str, site_id: str, received: Instant) -> bool:
    """Whether the contract that held at the receipt gives a redundant system."""
    version = promised(db, tenant_id, site_id, received)
    try:
        return version is not None and REDUNDANT_SYSTEM in version.contract.covers
    except ConfigError:  # the log says so where contracts are read
        return False


def _categories(
    db: Connection, tenant_id: str, site_id: str, received: Instant
) -> tuple[Category, ...]:
    version = promised(db, tenant_id, site_id, received)
    try:
        return () if version is None else version.contract.requests.categories
    except ConfigError:  # the log says so where contracts are read
        return ()


def _put(db: Connection, row: Any, done: Done, who: Person, now: Instant) -> int:
    """Write what changed; the version is its guard. What it is now."""
    before, after = life_of(row), done.life
    if after == before and not done.data.get("public"):
        return int(row.version)
    values: dict[str, Any] = {"version": row.version + 1}
    if after != before:
        values |= _columns(after)
    if after.redundant != before.redundant:
        values["redundant_us"] = now if after.redundant else None
    if after.status is not before.status:
        closed = after.status is Status.CLOSED
        values["closed_us"] = now if closed else None
        values["closed_by"] = who.actor if closed else None
    mine = (ticket.c.ticket_id == row.ticket_id, ticket.c.version == row.version)
    if db.execute(update(ticket).where(*mine).values(values)).rowcount != 1:
        raise _stale()
    return int(row.version) + 1


def _columns(life: Life) -> dict[str, Any]:
    return {
        "status": life.status.value,
        "severity": life.severity,
        "rule": life.rule,
        "edited": life.edited,
        "urgency": life.urgency,
        "category": life.category,
        "provisional": life.provisional,
        "assignee_id": life.assignee_id,
        "estimate_us": life.estimate,
        "mode": None if life.mode is None else life.mode.value,
        "mode_detail": life.mode_detail,
    }


def _enter(
    db: Connection, row: Any, done: Done, who: Person, when: tuple[Instant, Instant]
) -> int:
    """One entry of history: who, when (and when the desk wrote it) and why."""
    at, now = when
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "kind": done.kind,
        "at_us": at,
        "stored_us": now,
        "actor": who.actor,
        "severity": done.life.severity,
        "data": dict(done.data),
    }
    index_said(db, row.tenant_id, row.ticket_id, done.data)
    query = insert(ticket_event).values(values).returning(ticket_event.c.event_id)
    return int(db.execute(query).scalar_one())
