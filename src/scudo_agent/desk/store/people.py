"""The people of the provider and of its customers: who they are and what they may.

Who looks after whom: an administrator after all, a manager after the customers'
people, a referent after his own company's. What somebody does not look after is not
there for him.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from scudo_agent.desk.rights import STAFF, Right, Role
from scudo_agent.desk.store import security
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.failing import failing
from scudo_agent.desk.store.people_lines import (
    LINES,
    PersonLine,
    invited,
    line_of,
)
from scudo_agent.desk.store.people_post import drop_waiting
from scudo_agent.desk.store.people_tables import person, person_token
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.desk.store.security import note_security
from scudo_agent.desk.store.sessions import end_sessions
from scudo_agent.desk.store.tables import PROVIDER_TENANT, tenant
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant
from scudo_agent.locale import translator
from scudo_agent.text import T, Text

LISTED = 100
"""People on a page of the list."""

NAME_LIMIT = 120
"""Signs of a name."""


class PeopleError(InputError):
    """What was asked cannot be; `text` says why to who asked, in his language."""

    def __init__(self, text: Text) -> None:
        super().__init__(translator("en").render(text))
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whose people somebody looks after: all but the provider's, or one customer's.

    `staff`: the provider's own, too. `roles`: what he may make of them.
    """

    staff: bool = False
    tenant_id: str | None = None
    roles: frozenset[Role] = frozenset()

    @classmethod
    def of(cls, who: Person) -> "Reach | None":
        """That of a person; None: of nobody's."""
        customers = frozenset(Role) - STAFF
        if who.may(Right.PEOPLE):
            return cls(staff=True, roles=frozenset(Role))
        if who.may(Right.CUSTOMERS):
            return cls(roles=customers)
        if who.may(Right.COLLEAGUES):
            return cls(tenant_id=who.tenant_id)
        return None

    @property
    def scope(self) -> Scope:
        """Whose rows the database shows to who reads within this reach."""
        return Scope(tenant_id=self.tenant_id, provider=self.tenant_id is None)


ALL = Reach(staff=True, roles=frozenset(Role))
"""Of the command line, which is the operator's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """Somebody who is added; `tenant_id` is the customer's, or `@provider`."""

    tenant_id: str
    mail: str
    name: str
    role: Role
    language: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePage:
    """A page of people; `total` is of all pages."""

    lines: tuple[PersonLine, ...]
    page: int
    pages: int
    total: int


class People:
    """Adds, finds and changes people; what is not within a reach is not there."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def names(self, ids: Iterable[int]) -> dict[int, str]:
        """What these people are called, disabled ones too; for pages and history."""
        wanted = set(ids)
        query = select(person.c.person_id, person.c.name, person.c.mail).where(
            person.c.person_id.in_(wanted)
        )
        if not wanted:
            return {}
        with self._database.read() as db:
            return {row.person_id: row.name or row.mail for row in db.execute(query)}

    def acting(self, person_id: int) -> Person | None:
        """The person as who acts now, for what acts in his name; None if disabled."""
        query = select(person).where(
            person.c.person_id == person_id, person.c.disabled_us.is_(None)
        )
        with self._database.read() as db:
            row = db.execute(query).first()
        return None if row is None else _acting(row)

    def add(self, new: NewPerson, *, actor: str) -> int:
        """Add somebody without a password; his number.

        `PeopleError` for an address that is known, or a customer that is not.
        """
        with self._database.write() as db:
            return add_person(db, new, actor=actor, now=self._now())

    def lines(
        self, reach: Reach, *, customer: str | None = None, page: int = 1
    ) -> PeoplePage:
        """People within reach, the provider's first, then by customer and name."""
        where = [*_within(reach)]
        if customer is not None:
            where.append(person.c.tenant_id == customer)
        query = LINES.where(*where).order_by(
            person.c.tenant_id != PROVIDER_TENANT,
            tenant.c.name,
            person.c.tenant_id,
            person.c.name,
            person.c.person_id,
        )
        with self._database.read(reach.scope) as db:
            total = int(
                db.execute(
                    select(func.count()).select_from(person).where(*where)
                ).scalar_one()
            )
            pages = max(1, -(-total // LISTED))
            page = min(page, pages)
            rows = db.execute(query.limit(LISTED).offset((page - 1) * LISTED)).all()
            lines = self._lines(db, rows)
        return PeoplePage(lines=lines, page=page, pages=pages, total=total)

    def one(self, reach: Reach, which: int | str) -> PersonLine | None:
        """The person of that number or mail address; None if not within reach."""
        with self._database.read(reach.scope) as db:
            row = db.execute(LINES.where(_named(which), *_within(reach))).first()
            return None if row is None else self._lines(db, [row])[0]

    def customers(self, reach: Reach) -> dict[str, str]:
        """Customers by id with their names, of whose people one looks after."""
        query = select(tenant.c.tenant_id, tenant.c.name).order_by(tenant.c.name)
        query = query.where(tenant.c.tenant_id != PROVIDER_TENANT)
        if reach.tenant_id is not None:
            query = query.where(tenant.c.tenant_id == reach.tenant_id)
        with self._database.read(reach.scope) as db:
            return {row.tenant_id: row.name for row in db.execute(query)}

    def set_role(self, reach: Reach, which: int, role: Role, *, actor: str) -> bool:
        """Give another role, on the same side; False if not within reach."""
        now = self._now()
        with self._database.write() as db:
            row = _found(db, reach, which, actor)
            if row is None:
                return False
            if role not in reach.roles or (role in STAFF) != (
                row.tenant_id == PROVIDER_TENANT
            ):
                raise PeopleError(T("This person cannot have this role."))
            if row.role != role.value:
                _put(db, row, role=role.value)
                told = {"person_id": which, "from": row.role, "to": role.value}
                note_security(
                    db,
                    row.tenant_id,
                    security.ROLE_CHANGED,
                    actor=actor,
                    now=now,
                    **told,
                )
        return True

    def disable(self, reach: Reach, which: int, *, actor: str) -> bool:
        """Let somebody in no more, from now on: sessions end, links open nothing.

        False if he is not within reach.
        """
        now = self._now()
        with self._database.write() as db:
            row = _found(db, reach, which, actor)
            if row is None or not reach.roles:
                return False
            if row.disabled_us is None:
                _put(db, row, disabled_us=now)
                end_sessions(db, f"person:{which}", now)
                drop_waiting(db, row.tenant_id, which)
                spend_tokens(db, row.tenant_id, which, now)
                note_security(
                    db,
                    row.tenant_id,
                    security.DISABLED,
                    actor=actor,
                    now=now,
                    person_id=which,
                )
        return True

    def enable(self, reach: Reach, which: int, *, actor: str) -> bool:
        """Let somebody in again, with the password that he had; False: out of reach."""
        with self._database.write() as db:
            row = _found(db, reach, which, actor)
            if row is None or not reach.roles:
                return False
            if row.disabled_us is not None:
                _put(db, row, disabled_us=None)
                note_security(
                    db,
                    row.tenant_id,
                    security.ENABLED,
                    actor=actor,
                    now=self._now(),
                    person_id=which,
                )
        return True

    def describe(
        self, person_id: int, *, name: str, language: str, timezone: str | None
    ) -> None:
        """What somebody says of himself; without a zone it is the sites' own."""
        with self._database.write() as db:
            mine = person.c.person_id == person_id
            values = {
                "name": named(name),
                "language": language,
                "timezone": timezone,
            }
            db.execute(update(person).where(mine).values(values))

    def _lines(self, db: Connection, rows: Sequence[Any]) -> tuple[PersonLine, ...]:
        now = self._now()
        until = invited(db, [row.person_id for row in rows], now)
        back = failing(db, [row.mail for row in rows])
        return tuple(line_of(row, until, back.get(row.mail)) for row in rows)


def add_person(db: Connection, new: NewPerson, *, actor: str, now: Instant) -> int:
    """`People.add` within the transaction `db`."""
    if (new.role in STAFF) != (new.tenant_id == PROVIDER_TENANT):
        raise PeopleError(T("This person cannot have this role."))
    query = select(tenant.c.tenant_id).where(tenant.c.tenant_id == new.tenant_id)
    if db.execute(query).first() is None:
        raise PeopleError(T("There is no customer “{id}”.", id=new.tenant_id))
    row = {
        "tenant_id": new.tenant_id,
        "mail": new.mail.strip().lower(),
        "name": named(new.name),
        "role": new.role.value,
        "language": new.language,
        "phone": new.phone,
        "created_us": now,
        "actor": actor,
    }
    query = select(person.c.tenant_id).where(person.c.mail == row["mail"])
    if db.execute(query).first() is not None:
        raise PeopleError(_TAKEN)
    try:
        made = db.execute(insert(person).values(row).returning(person.c.person_id))
    except IntegrityError:
        raise PeopleError(_TAKEN) from None
    return int(made.scalar_one())


_TAKEN = T("This address cannot be added: somebody has it already.")


def named(name: str) -> str:
    """A name as it is kept; `PeopleError` for none, or a book."""
    plain = " ".join(name.split())
    if not plain:
        raise PeopleError(T("Say the person's name."))
    if len(plain) > NAME_LIMIT:
        raise PeopleError(T("A name has {n} signs at most.", n=NAME_LIMIT))
    return plain


def spend_tokens(db: Connection, tenant_id: str, person_id: int, now: Instant) -> None:
    """All links that somebody was mailed open nothing any more."""
    db.execute(
        update(person_token)
        .where(
            person_token.c.tenant_id == tenant_id,
            person_token.c.person_id == person_id,
            person_token.c.used_us.is_(None),
        )
        .values(used_us=now)
    )


def _acting(row: Any) -> Person:
    return Person(
        tenant_id=row.tenant_id,
        role=Role(row.role),
        actor=f"person:{row.person_id}",
        language=row.language,
        person_id=row.person_id,
        name=row.name,
    )


def _within(reach: Reach) -> list[Any]:
    conditions: list[Any] = []
    if reach.tenant_id is not None:
        conditions.append(person.c.tenant_id == reach.tenant_id)
    if not reach.staff:
        conditions.append(person.c.tenant_id != PROVIDER_TENANT)
    return conditions


def _named(which: int | str) -> Any:
    if isinstance(which, int):
        return person.c.person_id == which
    return person.c.mail == which.strip().lower()


def reached(db: Connection, reach: Reach, which: int) -> Any:
    """The row of somebody within reach; None otherwise."""
    return db.execute(select(person).where(_named(which), *_within(reach))).first()


def _found(db: Connection, reach: Reach, which: int, actor: str) -> Any:
    """The row within reach; `PeopleError` for one's own."""
    row = reached(db, reach, which)
    if row is not None and actor == f"person:{which}":
        raise PeopleError(T("Nobody changes his own rights: ask somebody else."))
    return row


def _put(db: Connection, row: Any, **values: Any) -> None:
    mine = person.c.person_id == row.person_id
    db.execute(update(person).where(mine).values(values))
