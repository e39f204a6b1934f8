"""Login codes and sessions; only their fingerprints are stored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.session_tables import login_code, session
from scudo_agent.desk.store.tables import PROVIDER_TENANT
from scudo_agent.instant import Instant

NAME = 16
"""Signs of a session's fingerprint that name it: they open nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """One session that lasts, as its owner sees it; `here`: the one that asks.

    `browser` is in short words, empty where it is not known.
    """

    name: str
    browser: str
    since: Instant
    until: Instant
    here: bool


class Sessions:
    """Who is logged in."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def new_code(self, code_sha256: str, *, life_us: int) -> None:
        """Make a login code of the provider's administrator valid."""
        now = self._now()
        row = {
            "tenant_id": PROVIDER_TENANT,
            "code_sha256": code_sha256,
            "role": Role.ADMIN.value,
            "actor": "person:admin",
            "created_us": now,
            "expires_us": now + life_us,
        }
        with self._database.write() as db:
            db.execute(insert(login_code).values(row))

    def use_code(
        self, code_sha256: str, *, session_sha256: str, life_us: int, browser: str = ""
    ) -> Person | None:
        """Use up a code and begin a session; None if it is wrong, used or old."""
        now = self._now()
        claim = (
            update(login_code)
            .where(
                login_code.c.code_sha256 == code_sha256,
                login_code.c.used_us.is_(None),
                login_code.c.expires_us > now,
            )
            .values(used_us=now)
            .returning(login_code.c.tenant_id, login_code.c.role, login_code.c.actor)
        )
        with self._database.write() as db:
            row = db.execute(claim).first()
            if row is None:
                return None
            begun = {
                "tenant_id": row.tenant_id,
                "session_sha256": session_sha256,
                "role": row.role,
                "actor": row.actor,
                "created_us": now,
                "expires_us": now + life_us,
                "browser": browser or None,
            }
            db.execute(insert(session).values(begun))
        return Person(tenant_id=row.tenant_id, role=Role(row.role), actor=row.actor)

    def begin(
        self, person_id: int, session_sha256: str, *, life_us: int, browser: str = ""
    ) -> bool:
        """Begin a session of a person whose password was right; False: not any more."""
        now = self._now()
        with self._database.write() as db:
            query = select(person).where(
                person.c.person_id == person_id, person.c.disabled_us.is_(None)
            )
            row = db.execute(query).first()
            if row is None:
                return False
            begun = {
                "tenant_id": row.tenant_id,
                "session_sha256": session_sha256,
                "role": row.role,
                "actor": f"person:{person_id}",
                "person_id": person_id,
                "created_us": now,
                "expires_us": now + life_us,
                "browser": browser or None,
            }
            db.execute(insert(session).values(begun))
        return True

    def by_session(self, session_sha256: str) -> Person | None:
        """Whose session this is, while it lasts.

        Of a person, the role is the one that he has now; one who was disabled has
        no session any more.
        """
        query = (
            select(
                session.c.tenant_id,
                session.c.actor,
                session.c.person_id,
                func.coalesce(person.c.role, session.c.role).label("role"),
                func.coalesce(person.c.language, session.c.language).label("language"),
                person.c.name,
                person.c.timezone,
            )
            .outerjoin(person, _HIS)
            .where(
                session.c.session_sha256 == session_sha256,
                *self._lasts(),
                or_(
                    session.c.person_id.is_(None),
                    person.c.person_id.is_not(None) & person.c.disabled_us.is_(None),
                ),
            )
        )
        with self._database.read() as db:
            row = db.execute(query).first()
        if row is None:
            return None
        return Person(
            tenant_id=row.tenant_id,
            role=Role(row.role),
            actor=row.actor,
            language=row.language,
            person_id=row.person_id,
            name=row.name or "",
            timezone=row.timezone,
        )

    def lines(self, actor: str, session_sha256: str) -> list[SessionLine]:
        """An actor's sessions that last, the one that asks first, then the newest."""
        query = (
            select(session)
            .where(session.c.actor == actor, *self._lasts())
            .order_by(session.c.created_us.desc())
        )
        with self._database.read() as db:
            rows = db.execute(query).all()
        lines = [
            SessionLine(
                name=row.session_sha256[:NAME],
                browser=row.browser or "",
                since=row.created_us,
                until=row.expires_us,
                here=row.session_sha256 == session_sha256,
            )
            for row in rows
        ]
        return sorted(lines, key=lambda one: not one.here)

    def end(self, actor: str, name: str) -> bool:
        """End one of an actor's sessions; False if there is none of that name."""
        if len(name) != NAME:
            return False
        with self._database.write() as db:
            named = session.c.session_sha256.startswith(name, autoescape=True)
            return end_sessions(db, actor, self._now(), named) > 0

    def end_others(self, actor: str, session_sha256: str) -> int:
        """End all of an actor's sessions but the one that asks; how many."""
        with self._database.write() as db:
            other = session.c.session_sha256 != session_sha256
            return end_sessions(db, actor, self._now(), other)

    def speak(self, session_sha256: str, language: str) -> None:
        """Remember the language that this person reads."""
        mine = session.c.session_sha256 == session_sha256
        with self._database.write() as db:
            db.execute(update(session).where(mine).values(language=language))
            his = select(session.c.person_id).where(mine).scalar_subquery()
            db.execute(
                update(person)
                .where(person.c.person_id == his)
                .values(language=language)
            )

    def log_out(self, session_sha256: str) -> None:
        """End a session for good."""
        mine = session.c.session_sha256 == session_sha256
        with self._database.write() as db:
            db.execute(update(session).where(mine).values(revoked_us=self._now()))

    def _lasts(self) -> tuple[ColumnElement[bool], ...]:
        return session.c.revoked_us.is_(None), session.c.expires_us > self._now()


_HIS: Any = (person.c.tenant_id == session.c.tenant_id) & (
    person.c.person_id == session.c.person_id
)


def end_sessions(
    db: Connection, actor: str, now: Instant, *which: ColumnElement[bool]
) -> int:
    """End an actor's sessions, those of `which` or all; how many."""
    ended = (
        update(session)
        .where(session.c.actor == actor, session.c.revoked_us.is_(None), *which)
        .values(revoked_us=now)
    )
    return db.execute(ended).rowcount
