"""Login codes and sessions; only their fingerprints are stored."""

from collections.abc import Callable

from sqlalchemy import insert, select, update

from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.tables import PROVIDER_TENANT, login_code, session
from scudo_agent.instant import Instant


class People:
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

    def log_in(
        self, code_sha256: str, *, session_sha256: str, life_us: int
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
            }
            db.execute(insert(session).values(begun))
        return Person(tenant_id=row.tenant_id, role=Role(row.role), actor=row.actor)

    def by_session(self, session_sha256: str) -> Person | None:
        """Whose session this is, while it lasts."""
        query = select(session).where(
            session.c.session_sha256 == session_sha256,
            session.c.revoked_us.is_(None),
            session.c.expires_us > self._now(),
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
        )

    def speak(self, session_sha256: str, language: str) -> None:
        """Remember the language that this person reads."""
        self._change(session_sha256, language=language)

    def log_out(self, session_sha256: str) -> None:
        """End a session for good."""
        self._change(session_sha256, revoked_us=self._now())

    def _change(self, session_sha256: str, **values: object) -> None:
        mine = session.c.session_sha256 == session_sha256
        with self._database.write() as db:
            db.execute(update(session).where(mine).values(values))
