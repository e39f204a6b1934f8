"""Tokens of people's programs: made, used, revoked; only their SHA-256 is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, insert, select, update

from scudo_agent.desk.marks import mark
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.program_tables import api_token
from scudo_agent.desk.store.scope import Person
from scudo_agent.errors import InputError
from scudo_agent.instant import MINUTE, Instant

NAME_LIMIT = 100
TOKENS_LIMIT = 50
"""Valid tokens of one person at once."""

NOTED_US = MINUTE
"""The last use is noted to within so much: a read costs no write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLine:
    """What is known of a token; `mail` is its person's."""

    token_id: int
    tenant_id: str
    person_id: int
    mail: str
    name: str
    scopes: tuple[str, ...]
    created: Instant
    expires: Instant | None
    revoked: Instant | None
    used: Instant | None

    @property
    def mark(self) -> str:
        """What it is called in forms, among the tokens of its person."""
        return mark("token", self.person_id, self.name, self.created)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUse:
    """Whose token was shown, and what of that person's rights it has."""

    person: Person
    token_id: int
    scopes: frozenset[str]


class Tokens:
    """The tokens of all people; each method is one transaction."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def person_id(self, mail: str) -> int:
        """Who logs in with this address; `InputError` if nobody does."""
        query = select(person.c.person_id).where(
            person.c.mail == mail.strip().lower(), person.c.disabled_us.is_(None)
        )
        with self._database.read() as db:
            found = db.execute(query).scalar()
        if found is None:
            raise InputError(f"'{mail}' is nobody's address at this desk")
        return int(found)

    def add(
        self,
        person_id: int,
        name: str,
        *,
        token_sha256: str,
        scopes: Sequence[str],
        life_us: int | None,
    ) -> TokenLine:
        """Let a program in as this person; `life_us` None: until it is revoked."""
        now = self._now()
        with self._database.write() as db:
            who = db.execute(
                select(person.c.tenant_id).where(
                    person.c.person_id == person_id, person.c.disabled_us.is_(None)
                )
            ).first()
            if who is None:
                raise InputError("there is no such person, or not any more")
            valid = db.execute(_lines().where(*_valid(now), _of(person_id))).all()
            if len(valid) >= TOKENS_LIMIT:
                raise InputError(
                    f"{TOKENS_LIMIT} tokens of this person are valid already: "
                    "revoke one"
                )
            row = {
                "tenant_id": who.tenant_id,
                "person_id": person_id,
                "name": name,
                "token_sha256": token_sha256,
                "scopes": sorted(set(scopes)),
                "created_us": now,
                "expires_us": None if life_us is None else now + life_us,
            }
            made = insert(api_token).values(row).returning(api_token.c.token_id)
            token_id = db.execute(made).scalar_one()
            mine = _lines().where(api_token.c.token_id == token_id)
            return _line(db.execute(mine).one())

    def lines(self, person_id: int | None = None) -> list[TokenLine]:
        """All tokens, or one person's, the newest first; revoked ones too."""
        query = _lines().order_by(api_token.c.token_id.desc())
        if person_id is not None:
            query = query.where(_of(person_id))
        with self._database.read() as db:
            return [_line(row) for row in db.execute(query)]

    def revoke(self, token_id: int, *, person_id: int | None = None) -> bool:
        """End a token for good; False if there is none (of this person) that holds."""
        mine = [api_token.c.token_id == token_id, api_token.c.revoked_us.is_(None)]
        if person_id is not None:
            mine.append(_of(person_id))
        ended = update(api_token).where(*mine).values(revoked_us=self._now())
        with self._database.write() as db:
            return db.execute(ended).rowcount == 1

    def whose(self, token_sha256: str) -> TokenUse | None:
        """Whose token this is, while it and its person hold."""
        now = self._now()
        query = _lines().where(
            api_token.c.token_sha256 == token_sha256,
            *_valid(now),
            person.c.disabled_us.is_(None),
        )
        with self._database.read() as db:
            row = db.execute(query).first()
        if row is None:
            return None
        if row.used_us is None or row.used_us <= now - NOTED_US:
            used = update(api_token).where(api_token.c.token_id == row.token_id)
            with self._database.write() as db:
                db.execute(used.values(used_us=now))
        who = Person(
            tenant_id=row.tenant_id,
            role=Role(row.role),
            actor=f"person:{row.person_id}",
            language=row.language,
            person_id=row.person_id,
            name=row.person_name,
        )
        return TokenUse(person=who, token_id=row.token_id, scopes=frozenset(row.scopes))


def _lines() -> Select[Any]:
    return select(
        api_token,
        person.c.mail,
        person.c.role,
        person.c.language,
        person.c.name.label("person_name"),
    ).join(
        person,
        (person.c.tenant_id == api_token.c.tenant_id)
        & (person.c.person_id == api_token.c.person_id),
    )


def _of(person_id: int) -> Any:
    return api_token.c.person_id == person_id


def _valid(now: Instant) -> tuple[Any, ...]:
    return (
        api_token.c.revoked_us.is_(None),
        api_token.c.expires_us.is_(None) | (api_token.c.expires_us > now),
    )


def _line(row: Any) -> TokenLine:
    return TokenLine(
        token_id=row.token_id,
        tenant_id=row.tenant_id,
        person_id=row.person_id,
        mail=row.mail,
        name=row.name,
        scopes=tuple(row.scopes),
        created=row.created_us,
        expires=row.expires_us,
        revoked=row.revoked_us,
        used=row.used_us,
    )
