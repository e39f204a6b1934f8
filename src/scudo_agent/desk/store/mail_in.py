"""Mail that comes in: each one is somewhere afterwards, once, in one transaction.

What people wrote is on its ticket or opens a request; what programs wrote is noted
where it belongs and answered by nobody; all else is set aside for the provider's
people (`quarantine`). A mail that comes again is where it was the first time.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from scudo_agent.desk.life import ActError
from scudo_agent.desk.mail.incoming import HostileMailError, Incoming, read
from scudo_agent.desk.mail.kinds import Kind, Verdict, kind_of
from scudo_agent.desk.mail.sameness import fingerprint
from scudo_agent.desk.mail.why import Outcome, Why
from scudo_agent.desk.store.acts import Told
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.mail_filing import (
    NAME_LIMIT,
    Filing,
    message_id_of,
    plain,
)
from scudo_agent.desk.store.mail_flood import tell_flood
from scudo_agent.desk.store.mail_notes import note
from scudo_agent.desk.store.mail_room import kept, make_room, too_many
from scudo_agent.desk.store.mail_rules import (
    Answered,
    Sender,
    answered,
    claimed,
    sender_of,
    sent_mails,
    speaker,
)
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.requests import OLDEST_US, RequestError
from scudo_agent.desk.store.tables import PROVIDER_TENANT, site
from scudo_agent.instant import MINUTE, Instant

TAKEN_US = OLDEST_US - MINUTE
"""So long ago a mail was received at most, as what it opens counts it."""

_SUBJECT, _SOURCE, _DETAIL = 300, 100, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """Where a mail is: `number` is that of its row, `ref` that of its ticket."""

    number: int
    outcome: Outcome
    why: Why
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What is to become of a mail, with the values that its row gets."""

    outcome: Outcome
    why: Why
    detail: str = ""
    ticket_id: int | None = None
    ref: str | None = None
    proposed: str | None = None
    customer: str | None = None
    person_id: int | None = None


class MailIn:
    """Takes mails in; any thread may call it."""

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
        own = {posting.reply_address.lower()} if posting.reply_address else set()
        self._own = posting.own_addresses | own
        self._counted: Counter[str] = Counter()
        self._lock = threading.Lock()

    def counted(self) -> dict[str, int]:
        """How many mails came in since the desk's start, by what became of them."""
        with self._lock:
            return {str(one): self._counted[one.value] for one in Outcome}

    def land(
        self, raw: bytes, *, source: str, received: Instant | None = None
    ) -> Landed:
        """Take in one mail, whatever it is; the same one again changes nothing.

        `source` says by which way it came, `received` when our mail server had it
        (now, if nobody knows). Only the database can fail; then nothing has happened.
        """
        same = fingerprint(raw)
        with self._database.read() as db:
            if (known := _known(db, same)) is not None:
                return known
        # Before the transaction: others wait for the writer meanwhile.
        mail, fault = _read(raw)
        kept_of = kept(raw, hostile=mail is None)
        return self._take((same, source, len(raw), kept_of), mail, fault, received)

    def land_unread(
        self, raw: bytes, fault: str, *, source: str, received: Instant | None = None
    ) -> Landed:
        """Set aside a mail that made `land` stumble, without a look into it.

        `fault` is kept beside it; the rest is as for `land`. What stumbled is ours,
        and the mail may be anybody's: it is kept as whole as any other.
        """
        same = fingerprint(raw)
        kept_of = kept(raw, hostile=False)
        return self._take((same, source, len(raw), kept_of), None, fault, received)

    def _take(
        self,
        came: tuple[str, str, int, bytes],
        mail: Incoming | None,
        fault: str,
        received: Instant | None,
    ) -> Landed:
        """One transaction. `came`: fingerprint, source, size, and what is kept."""
        with self._database.write() as db:
            if (known := _known(db, came[0])) is not None:
                return known
            now = self._now()
            at = Instant(min(max(received or now, now - TAKEN_US), now))
            number = _put(db, came, mail, (at, now))
            decided = self._decide(db, (number, mail, at), fault, now)
            _settle(db, number, decided)
            make_room(db, decided.outcome)
        with self._lock:
            self._counted[decided.outcome.value] += 1
        return Landed(
            number=number,
            outcome=decided.outcome,
            why=decided.why,
            ref=decided.ref,
        )

    def _decide(
        self,
        db: Connection,
        case: tuple[int, Incoming | None, Instant],
        fault: str,
        now: Instant,
    ) -> Decided:
        number, mail, at = case
        if mail is None:
            return _aside(Why.HOSTILE, detail=fault)
        verdict = kind_of(mail, own=self._own)
        if mail.message_id and sent_mails(db, [mail.message_id]):
            verdict = Verdict(kind=Kind.LOOP, mark="it has a Message-ID of the desk's")
        to = answered(db, mail, now)
        if verdict.kind is not Kind.MAIL:
            return self._program(db, (number, mail), verdict, to, now)
        if not mail.sender:
            return _aside(Why.NO_SENDER, proposed=to and to.row.ref)
        sender = sender_of(db, mail, self._posting)
        if to is not None:
            return self._reply(db, (number, mail, at), sender, to, now)
        return self._fresh(db, (number, mail, at), sender, now)

    def _program(
        self,
        db: Connection,
        case: tuple[int, Incoming],
        verdict: Verdict,
        to: Answered | None,
        now: Instant,
    ) -> Decided:
        """What a program wrote is never answered, and opens nothing."""
        number, mail = case
        by_subject = verdict.kind is Kind.AUTO and verdict.mark == _BY_SUBJECT
        if by_subject and to is None:
            return _aside(Why.PERHAPS_AUTO, detail=verdict.mark)
        if verdict.kind is Kind.LIST:
            # People write through lists and group addresses, too: it is not answered,
            # but what somebody known may have said is for a person to look at.
            sender = sender_of(db, mail, self._posting)
            if to is not None or sender.staff or sender.person or sender.customers:
                proposed = None if to is None else to.row.ref
                told = {"detail": verdict.mark, "proposed": proposed}
                return _aside(Why.LIST, **told, **_of(sender))
        row = note(db, mail, verdict, to, number=number, now=now)
        why = Why(verdict.kind.value)
        if row is None:
            outcome = Outcome.DISCARDED
            return Decided(outcome=outcome, why=why, detail=verdict.mark)
        outcome = Outcome.NOTED
        return Decided(
            outcome=outcome,
            why=why,
            detail=verdict.mark,
            ticket_id=row.ticket_id,
            ref=row.ref,
        )

    def _reply(
        self,
        db: Connection,
        case: tuple[int, Incoming, Instant],
        sender: Sender,
        to: Answered,
        now: Instant,
    ) -> Decided:
        """An answer to a mail of the desk's."""
        number, mail, at = case
        row = to.row
        who = speaker(db, sender, to, self._posting)
        mine = _of(sender) | {"proposed": row.ref}
        if isinstance(who, Why):
            return _aside(who, **mine)
        if span := too_many(db, sender.address, row.ticket_id, now):
            self._alarm(db, sender, span, (row.tenant_id, row.site_id), now)
            return _aside(Why.TOO_MANY, ticket_id=row.ticket_id, **mine)
        try:
            self._filing.say(
                db, who, row, mail, told=Told(at=at, data={"mail_in": number})
            )
        except ActError as exc:
            return _aside(Why.REFUSED, detail=str(exc), **mine)
        return Decided(
            outcome=Outcome.LANDED,
            why=Why.REPLY,
            ticket_id=row.ticket_id,
            ref=row.ref,
            customer=row.tenant_id,
            person_id=who.person_id,
        )

    def _fresh(
        self,
        db: Connection,
        case: tuple[int, Incoming, Instant],
        sender: Sender,
        now: Instant,
    ) -> Decided:
        """A mail that proves to answer nothing: a request, if we know who asks."""
        number, mail, at = case
        named = claimed(db, mail)
        mine = _of(sender)
        if named is not None:
            return _aside(named[1], proposed=named[0], **mine)
        if sender.staff:
            return _aside(Why.STAFF, **mine)
        customer = _customer(sender)
        if isinstance(customer, Why):
            return _aside(customer, **mine)
        sites = _sites(db, customer)
        if len(sites) != 1:
            return _aside(Why.WHICH_SITE, **mine)
        if span := too_many(db, sender.address, None, now):
            self._alarm(db, sender, span, (customer, sites[0]), now)
            return _aside(Why.TOO_MANY, **mine)
        who = sender.acting(customer)
        try:
            told = Told(at=at, data={"mail_in": number})
            row = self._filing.open(db, who, (customer, sites[0]), mail, told)
        except RequestError as exc:
            return _aside(Why.REFUSED, detail=str(exc), **mine)
        return Decided(
            outcome=Outcome.OPENED,
            why=Why.REQUEST,
            ticket_id=row.ticket_id,
            ref=row.ref,
            customer=customer,
            person_id=who.person_id,
        )

    def _alarm(
        self,
        db: Connection,
        sender: Sender,
        span_us: int,
        where: tuple[str, str],
        now: Instant,
    ) -> None:
        tell_flood(db, where, sender.address, span_us, now=now, posting=self._posting)


_BY_SUBJECT = "its subject says so"


def _read(raw: bytes) -> tuple[Incoming | None, str]:
    try:
        return read(raw), ""
    except HostileMailError as exc:
        return None, str(exc)


def _known(db: Connection, same: str) -> Landed | None:
    row = db.execute(select(mail_in).where(mail_in.c.fingerprint == same)).first()
    if row is None:
        return None
    return Landed(
        number=row.mail_in_id,
        outcome=Outcome(row.outcome),
        why=Why(row.why),
        ref=row.ref,
    )


def _put(
    db: Connection,
    came: tuple[str, str, int, bytes],
    mail: Incoming | None,
    when: tuple[Instant, Instant],
) -> int:
    """The mail's row, before it is decided what becomes of it."""
    same, source, size, kept_of = came
    row = {
        "tenant_id": PROVIDER_TENANT,
        "fingerprint": same,
        "source": plain(source[:_SOURCE]),
        "outcome": Outcome.QUARANTINED.value,
        "why": Why.HOSTILE.value,
        "sender": plain(mail.sender) if mail else "",
        "sender_name": plain(mail.sender_name)[:NAME_LIMIT] if mail else "",
        "subject": plain(mail.subject)[:_SUBJECT] if mail else "",
        "message_id": message_id_of(mail) if mail else None,
        "received_us": when[0],
        "stored_us": when[1],
        "size": size,
        "raw": kept_of,
    }
    made = db.execute(insert(mail_in).values(row).returning(mail_in.c.mail_in_id))
    return int(made.scalar_one())


def _settle(db: Connection, number: int, decided: Decided) -> None:
    values = {
        "outcome": decided.outcome.value,
        "why": decided.why.value,
        "detail": plain(decided.detail)[:_DETAIL] or None,
        "ticket_id": decided.ticket_id,
        "ref": decided.ref,
        "proposed": decided.proposed,
        "customer": decided.customer,
        "person_id": decided.person_id,
    }
    mine = mail_in.c.mail_in_id == number
    db.execute(update(mail_in).where(mine).values(values))


def _aside(why: Why, **values: Any) -> Decided:
    return Decided(outcome=Outcome.QUARANTINED, why=why, **values)


def _of(sender: Sender) -> dict[str, Any]:
    """What a row keeps of a sender whom the desk knows."""
    customer = _customer(sender)
    return {
        "customer": None if isinstance(customer, Why) else customer,
        "person_id": sender.person.person_id if sender.person else None,
    }


def _customer(sender: Sender) -> str | Why:
    """Whose mail it is; or why nobody can say."""
    if sender.disabled:
        return Why.UNKNOWN_SENDER
    if sender.person is not None:
        own = sender.person.tenant_id
        return Why.STAFF if own == PROVIDER_TENANT else own
    if len(sender.customers) > 1:
        return Why.WHICH_CUSTOMER
    return sender.customers[0] if sender.customers else Why.UNKNOWN_SENDER


def _sites(db: Connection, tenant_id: str) -> list[str]:
    query = select(site.c.site_id).where(site.c.tenant_id == tenant_id)
    return list(db.execute(query.order_by(site.c.site_id)).scalars())
