"""What people get in with: their passwords' hashes, and links that they were mailed.

Of a link only the SHA-256 is kept. It works once, and looking at its page uses up
nothing; whoever sets a password by it voids all other links and sessions of the person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from scudo_agent.desk.store import security
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.people import (
    NewPerson,
    PeopleError,
    Reach,
    add_person,
    named,
    reached,
    spend_tokens,
)
from scudo_agent.desk.store.people_post import Purpose, put_person_mail
from scudo_agent.desk.store.people_tables import person, person_token
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.security import note_security
from scudo_agent.desk.store.session_tables import session
from scudo_agent.desk.store.sessions import end_sessions
from scudo_agent.desk.store.tables import PROVIDER_TENANT
from scudo_agent.instant import Instant
from scudo_agent.text import T


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a login is compared with; `mail` and `name` may not be in the password."""

    person_id: int
    mail: str
    name: str
    language: str | None
    password_hash: str | None


class Credentials:
    """Passwords and links; nothing of them is told but to whom they belong."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._host = posting.message_host

    def account(self, mail: str) -> Account | None:
        """Of a mail address; None for one that nobody has who may get in."""
        mine = person.c.mail == mail.strip().lower()
        with self._database.read() as db:
            return _account(db, mine)

    def account_of(self, person_id: int) -> Account | None:
        """Of a person; None if he may not get in."""
        with self._database.read() as db:
            return _account(db, person.c.person_id == person_id)

    def put_password(
        self,
        person_id: int,
        password_hash: str,
        *,
        actor: str,
        keeps: str | None = None,
    ) -> None:
        """Give a person this password; his sessions end but the one that `keeps`."""
        with self._database.write() as db:
            row = _row(db, person.c.person_id == person_id)
            if row is not None:
                self._put(db, row, password_hash, actor=actor, how="set", keeps=keeps)

    def rehash(self, account: Account, password_hash: str) -> None:
        """Keep the same password with other parameters, if it is still the same."""
        same = (
            person.c.person_id == account.person_id,
            person.c.password_hash == account.password_hash,
        )
        with self._database.write() as db:
            db.execute(update(person).where(*same).values(password_hash=password_hash))

    def invite_new(self, new: NewPerson, *, actor: str) -> int:
        """Add somebody and mail him the way in; his number. Raises as `People.add`."""
        with self._database.write() as db:
            now = self._now()
            person_id = add_person(db, new, actor=actor, now=now)
            row = _row(db, person.c.person_id == person_id)
            self._invite(db, row, actor=actor, now=now)
        return person_id

    def invite(self, reach: Reach, person_id: int, *, actor: str) -> bool:
        """Mail somebody without a password the way in, again; False: out of reach.

        `PeopleError` for somebody who has a password, or who was disabled.
        """
        with self._database.write() as db:
            row = reached(db, reach, person_id)
            if row is None:
                return False
            if row.disabled_us is not None or row.password_hash is not None:
                raise PeopleError(
                    T("An invitation is for somebody who was never in here.")
                )
            self._invite(db, row, actor=actor, now=self._now())
        return True

    def ask_reset(self, mail: str) -> bool:
        """Mail a link to set the password; False: nobody has the address, or enough."""
        now = self._now()
        with self._database.write() as db:
            row = _row(db, person.c.mail == mail.strip().lower())
            purpose = Purpose.RESET
            if row is None or not put_person_mail(
                db, row, purpose, host=self._host, now=now
            ):
                return False
            self._note(db, row, security.RESET_ASKED, actor="unknown", now=now)
        return True

    def bearer(self, token_sha256: str, purpose: Purpose) -> Account | None:
        """Whose link this is, while it works; looking uses up nothing."""
        with self._database.read() as db:
            person_id = self._valid(db, token_sha256, purpose)
            if person_id is None:
                return None
            return _account(db, person.c.person_id == person_id)

    def use(
        self,
        token_sha256: str,
        purpose: Purpose,
        password_hash: str,
        *,
        name: str | None = None,
    ) -> bool:
        """Set the password by a link, and the name if given; False: it works no more.

        All links and sessions of the person end with it.
        """
        with self._database.write() as db:
            person_id = self._valid(db, token_sha256, purpose)
            if person_id is None:
                return False
            row = _row(db, person.c.person_id == person_id)
            if row is None:
                return False
            if name is not None:
                mine = person.c.person_id == person_id
                db.execute(update(person).where(mine).values(name=named(name)))
            actor = f"person:{person_id}"
            self._put(db, row, password_hash, actor=actor, how=purpose.value)
        return True

    def locked(self, mail: str, client: str) -> None:
        """Too many wrong passwords for an address, or from one: keep that it was."""
        with self._database.write() as db:
            row = _row(db, person.c.mail == mail.strip().lower())
            told: dict[str, Any] = {"client": client}
            # What nobody has may be a password typed into the wrong field.
            tenant_id = PROVIDER_TENANT
            if row is not None:
                tenant_id = row.tenant_id
                told["person_id"] = row.person_id
            note_security(
                db,
                tenant_id,
                security.LOGIN_LOCKED,
                actor="unknown",
                now=self._now(),
                **told,
            )

    def _invite(self, db: Connection, row: Any, *, actor: str, now: Instant) -> None:
        put_person_mail(db, row, Purpose.INVITE, host=self._host, now=now)
        self._note(db, row, security.INVITED, actor=actor, now=now)

    def _put(
        self,
        db: Connection,
        row: Any,
        password_hash: str,
        *,
        actor: str,
        how: str,
        keeps: str | None = None,
    ) -> None:
        now = self._now()
        values = {"password_hash": password_hash, "password_us": now}
        mine = person.c.person_id == row.person_id
        db.execute(update(person).where(mine).values(values))
        spend_tokens(db, row.tenant_id, row.person_id, now)
        others = () if keeps is None else (session.c.session_sha256 != keeps,)
        end_sessions(db, f"person:{row.person_id}", now, *others)
        self._note(db, row, security.PASSWORD_SET, actor=actor, now=now, how=how)

    def _note(
        self,
        db: Connection,
        row: Any,
        kind: str,
        *,
        actor: str,
        now: Instant,
        **data: Any,
    ) -> None:
        told = {"person_id": row.person_id} | data
        note_security(db, row.tenant_id, kind, actor=actor, now=now, **told)

    def _valid(self, db: Connection, token_sha256: str, purpose: Purpose) -> int | None:
        query = select(person_token.c.person_id).where(
            person_token.c.token_sha256 == token_sha256,
            person_token.c.purpose == purpose.value,
            person_token.c.used_us.is_(None),
            person_token.c.expires_us > self._now(),
        )
        return db.execute(query).scalar()


def _row(db: Connection, mine: Any) -> Any:
    """Somebody who may get in."""
    return db.execute(
        select(person).where(mine, person.c.disabled_us.is_(None))
    ).first()


def _account(db: Connection, mine: Any) -> Account | None:
    row = _row(db, mine)
    if row is None:
        return None
    return Account(
        person_id=row.person_id,
        mail=row.mail,
        name=row.name,
        language=row.language,
        password_hash=row.password_hash,
    )
