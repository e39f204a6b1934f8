"""Mails that were set aside or discarded, and what the provider's people do with them.

A dispatcher files one on a ticket, opens a request of it, or discards it; who and
when stands on the mail's row and, where it went on a ticket, in that one's history.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from scudo_agent.desk.life import ActError, StaleError
from scudo_agent.desk.mail.incoming import HostileMailError, Incoming, read
from scudo_agent.desk.mail.why import Outcome, Why
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.acts import Told
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.mail_filing import Filing
from scudo_agent.desk.store.mail_in import TAKEN_US
from scudo_agent.desk.store.mail_rules import Sender, by_ref, named, sender_of
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.requests import RequestError
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.tables import site, tenant
from scudo_agent.instant import Instant
from scudo_agent.text import T

LISTED = 50
"""Mails on a page of the list."""

_OPEN = (Outcome.QUARANTINED, Outcome.DISCARDED, Outcome.NOTED)
"""What somebody may still decide about, while the mail itself is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLine:
    """A mail as the list shows it.

    `proposed` is the number of a ticket that it may belong to, `customer` the id of
    the sender's, `kept` whether the mail itself is still there. `version` is what a
    decision names.
    """

    number: int
    outcome: Outcome
    why: Why
    detail: str | None
    sender: str
    sender_name: str
    subject: str
    customer: str | None
    ref: str | None
    proposed: str | None
    received: Instant
    size: int
    kept: bool
    version: int
    decided: Instant | None
    decided_by: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPage:
    """A page of mails, the oldest first where they wait; `total` is of all pages."""

    lines: tuple[MailLine, ...]
    page: int
    pages: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMail:
    """One mail; `mail` is what can be read of it, None where nothing can."""

    line: MailLine
    raw: bytes | None
    mail: Incoming | None


class Quarantine:
    """Mails for people with the right to dispatch; to others there are none."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], Instant],
        posting: Posting,
        filing: Filing,
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting
        self._filing = filing

    def listed(
        self,
        who: Person,
        outcome: Outcome = Outcome.QUARANTINED,
        *,
        page: int = 1,
    ) -> MailPage | None:
        """Mails of an outcome: the oldest first if they wait, else the newest first.

        None: this person decides about no mails.
        """
        if not who.may(Right.DISPATCH):
            return None
        waits = outcome is Outcome.QUARANTINED
        mine = mail_in.c.outcome == outcome.value
        order = mail_in.c.mail_in_id if waits else mail_in.c.mail_in_id.desc()
        query = _LINES.where(mine).order_by(order)
        with self._database.read() as db:
            counted = select(func.count()).select_from(mail_in).where(mine)
            total = int(db.execute(counted).scalar_one())
            pages = max(1, -(-total // LISTED))
            page = min(max(page, 1), pages)
            rows = db.execute(query.limit(LISTED).offset((page - 1) * LISTED))
            lines = tuple(_line(row) for row in rows)
        return MailPage(lines=lines, page=page, pages=pages, total=total)

    def one(self, who: Person, number: int) -> HeldMail | None:
        """One mail as it came; None: there is none, or it is not for this person."""
        if not who.may(Right.DISPATCH):
            return None
        mine = mail_in.c.mail_in_id == number
        with self._database.read() as db:
            row = db.execute(_LINES.where(mine)).first()
            raw = db.execute(select(mail_in.c.raw).where(mine)).scalar()
        if row is None:
            return None
        return HeldMail(line=_line(row), raw=raw, mail=_readable(raw))

    def original(self, who: Person, number: int) -> bytes | None:
        """A mail as it came; one that is on a ticket is for all of the provider's."""
        with self._database.read() as db:
            query = select(mail_in.c.ref, mail_in.c.raw)
            row = db.execute(query.where(mail_in.c.mail_in_id == number)).first()
        if row is None or row.raw is None:
            return None
        may = who.may(Right.DISPATCH) or (row.ref and who.may(Right.INTERNAL))
        return bytes(row.raw) if may else None

    def file(
        self, who: Person, number: int, ref: str, *, version: int, public: bool
    ) -> str | None:
        """Put a mail on a ticket; its number, or None if the mail is not for `who`.

        `public`: as a word of the sender's, as if it had landed there; else as an
        internal note of this person's. `StaleError` if somebody decided meanwhile,
        `ActError` if it cannot be.
        """
        if not who.may(Right.DISPATCH):
            return None
        if (mail := self._undecided(number, version)) is None:
            return None
        with self._database.write() as db:
            if (row := _fresh_row(db, number, version)) is None:
                return None
            to = by_ref(db, ref.strip().upper().strip("[]"))
            if to is None:
                raise ActError(T("There is no such ticket."))
            sender = sender_of(db, mail, self._posting)
            speaks = _speaker(sender, to.tenant_id) if public else who
            told = Told(at=row.received_us, data=self._told(row, who))
            self._filing.say(db, speaks, to, mail, told=told, public=public)
            values = {
                "outcome": Outcome.LANDED.value,
                "ticket_id": to.ticket_id,
                "ref": to.ref,
                "customer": to.tenant_id,
            }
            self._decided(db, row, who, values)
        return str(to.ref)

    def open(
        self, who: Person, number: int, where: tuple[str, str], *, version: int
    ) -> str | None:
        """Open a request of a mail, for a customer and its site; the ticket's number.

        It was received when the mail was. The receipt goes to the sender. None,
        `StaleError` and `ActError` as for `file`.
        """
        if not who.may(Right.DISPATCH):
            return None
        if (mail := self._undecided(number, version)) is None:
            return None
        with self._database.write() as db:
            if (row := _fresh_row(db, number, version)) is None:
                return None
            if not _is_site(db, where):
                raise ActError(T("Choose a customer and its site."))
            sender = sender_of(db, mail, self._posting)
            speaks = _speaker(sender, where[0])
            told = Told(at=self._received(row), data=self._told(row, who))
            try:
                to = self._filing.open(db, speaks, where, mail, told)
            except RequestError as exc:
                raise ActError(next(iter(exc.faults.values()))) from None
            values = {
                "outcome": Outcome.OPENED.value,
                "ticket_id": to.ticket_id,
                "ref": to.ref,
                "customer": to.tenant_id,
            }
            self._decided(db, row, who, values)
        return str(to.ref)

    def discard(self, who: Person, number: int, *, version: int) -> bool:
        """Let a mail be; False if it is not for this person. `StaleError` as above."""
        if not who.may(Right.DISPATCH):
            return False
        with self._database.write() as db:
            if (row := _fresh_row(db, number, version)) is None:
                return False
            self._decided(db, row, who, {"outcome": Outcome.DISCARDED.value})
        return True

    def places(self, who: Person) -> tuple[tuple[str, str, str], ...]:
        """Customer's id, its name and a site: what a request can be opened for."""
        if not who.may(Right.DISPATCH):
            return ()
        query = (
            select(site.c.tenant_id, tenant.c.name, site.c.site_id)
            .join(tenant, tenant.c.tenant_id == site.c.tenant_id)
            .where(~tenant.c.tenant_id.startswith("@", autoescape=True))
            .order_by(tenant.c.name, site.c.site_id)
        )
        with self._database.read() as db:
            return tuple(
                (row.tenant_id, row.name, row.site_id) for row in db.execute(query)
            )

    def _undecided(self, number: int, version: int) -> Incoming | None:
        """What a mail says; None if there is none. Raises as `file`.

        Read before the transaction of who decides: others wait for the writer
        meanwhile, and a mail may be large.
        """
        with self._database.read() as db:
            if _fresh_row(db, number, version) is None:
                return None
            mine = mail_in.c.mail_in_id == number
            raw = db.execute(select(mail_in.c.raw).where(mine)).scalar()
        if (mail := _readable(raw)) is None:
            raise ActError(T("Nothing can be read of this mail any more."))
        return mail

    def _told(self, row: Any, who: Person) -> Mapping[str, Any]:
        """What the ticket's history keeps: which mail, and who put it there."""
        return {"mail_in": row.mail_in_id, "filed_by": who.actor}

    def _received(self, row: Any) -> Instant:
        """When our server had it, as far back as a request may go."""
        return Instant(max(row.received_us, self._now() - TAKEN_US))

    def _decided(
        self, db: Connection, row: Any, who: Person, values: dict[str, Any]
    ) -> None:
        mine = (
            mail_in.c.mail_in_id == row.mail_in_id,
            mail_in.c.version == row.version,
        )
        told = {
            "version": row.version + 1,
            "decided_us": self._now(),
            "decided_by": who.actor,
        }
        db.execute(update(mail_in).where(*mine).values(values | told))


_LINES = select(
    *(one for one in mail_in.c if one.name != "raw"),
    mail_in.c.raw.is_not(None).label("kept"),
)


def _fresh_row(db: Connection, number: int, version: int) -> Any:
    """The mail's row; None if there is none.

    `StaleError` if somebody decided since; `ActError` for what is on its ticket.
    """
    row = db.execute(_LINES.where(mail_in.c.mail_in_id == number)).first()
    if row is None:
        return None
    if row.version != version:
        raise StaleError(T("Somebody has decided about this mail meanwhile."))
    if Outcome(row.outcome) not in _OPEN:
        raise ActError(T("This mail is on its ticket already."))
    return row


def _readable(raw: bytes | None) -> Incoming | None:
    if raw is None:
        return None
    try:
        return read(raw)
    except HostileMailError:
        return None


def _speaker(sender: Sender, tenant_id: str) -> Person:
    """As who the sender speaks on a ticket of that customer: never as one of ours."""
    if sender.staff:
        return named(sender.address, sender.name, tenant_id)
    return sender.acting(tenant_id)


def _is_site(db: Connection, where: tuple[str, str]) -> bool:
    mine = (site.c.tenant_id == where[0], site.c.site_id == where[1])
    return db.execute(select(site.c.site_id).where(*mine)).first() is not None


def _line(row: Any) -> MailLine:
    return MailLine(
        number=row.mail_in_id,
        outcome=Outcome(row.outcome),
        why=Why(row.why),
        detail=row.detail,
        sender=row.sender,
        sender_name=row.sender_name,
        subject=row.subject,
        customer=row.customer,
        ref=row.ref,
        proposed=row.proposed,
        received=row.received_us,
        size=row.size,
        kept=bool(row.kept),
        version=row.version,
        decided=row.decided_us,
        decided_by=row.decided_by,
        source=row.source,
    )
