"""Who wrote a mail, what it answers, and whether he has a say there (threat 22).

A mail is on a ticket only if it proves that it answers a mail of that ticket (by the
address that it was sent to, or by a Message-ID that nobody can guess), and its sender
is one of those who may speak there. The number of a ticket proves nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from scudo_agent.desk.mail.incoming import Incoming
from scudo_agent.desk.mail.why import Why
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.act_post import ACT_MAILS
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.reply_address import holder, key_of, tags_in
from scudo_agent.desk.store.scope import Person, within
from scudo_agent.desk.store.tables import (
    PROVIDER_TENANT,
    mail_outbox,
    tenant,
    ticket,
)
from scudo_agent.instant import Instant

_REF = re.compile(r"\bSC(?:-[0-9A-Z]{4}){2,4}\b", re.IGNORECASE | re.ASCII)
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who a mail says that it is from; `person` if somebody of that address may get in.

    `customers` are those whose own address it is, `provider`: it is the provider's.
    """

    address: str
    name: str
    person: Person | None = None
    disabled: bool = False
    provider: bool = False
    customers: tuple[str, ...] = ()

    @property
    def staff(self) -> bool:
        """Whether it is the provider's side."""
        return self.provider or (self.person is not None and self.person.staff)

    def acting(self, tenant_id: str) -> Person:
        """As who acts for that customer: himself, or whoever has the address."""
        if self.person is not None and self.person.tenant_id == tenant_id:
            return self.person
        return named(self.address, self.name, tenant_id)


def named(address: str, name: str, tenant_id: str) -> Person:
    """Somebody of a customer of whom the desk knows no more than an address."""
    return Person(
        tenant_id=tenant_id,
        role=Role.REFERENT,
        actor=f"person:{address}",
        name=name,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The ticket whose mail is answered, and to whom that mail had gone."""

    row: Any
    recipient: str


def sender_of(db: Connection, mail: Incoming, posting: Posting) -> Sender:
    """Who this mail says that it is from, as far as the desk knows him."""
    address = mail.sender
    row = db.execute(select(person).where(person.c.mail == address)).first()
    whose = (
        select(tenant.c.tenant_id)
        .where(func.lower(tenant.c.mail) == address, tenant.c.tenant_id != _PROVIDER)
        .order_by(tenant.c.tenant_id)
    )
    return Sender(
        address=address,
        name=mail.sender_name,
        person=None if row is None or row.disabled_us is not None else _acting(row),
        disabled=row is not None and row.disabled_us is not None,
        provider=address == posting.provider_mail.lower(),
        customers=tuple(db.execute(whose).scalars()),
    )


def answered(db: Connection, mail: Incoming, now: Instant) -> Answered | None:
    """What it proves to answer: by its address first, then by what it refers to."""
    for tag in tags_in(mail.recipients):
        row = by_ref(db, tag.ref)
        if row is None:
            continue
        mine = {mail.sender, *_recipients(db, row)} - {""}
        recipient = holder(key_of(db, now), tag, sorted(mine))
        if recipient is not None:
            return Answered(row=row, recipient=recipient)
    for sent in sent_mails(db, mail.answers):
        if sent.ticket_id is not None and not _guessable(sent):
            found = select(ticket).where(ticket.c.ticket_id == sent.ticket_id)
            row = db.execute(found).one()
            return Answered(row=row, recipient=sent.recipient.lower())
    return None


def claimed(db: Connection, mail: Incoming) -> tuple[str, Why] | None:
    """The ticket that it claims to be about and proves nothing of, and how."""
    for tag in tags_in(mail.recipients):
        if by_ref(db, tag.ref) is not None:
            return tag.ref, Why.BAD_ADDRESS
    for ref in dict.fromkeys(_REF.findall(mail.subject)[:_NAMED]):
        if by_ref(db, ref.upper()) is not None:
            return ref.upper(), Why.REF_ONLY
    for sent in sent_mails(db, mail.answers):
        if sent.ticket_id is not None:
            found = select(ticket.c.ref).where(ticket.c.ticket_id == sent.ticket_id)
            return str(db.execute(found).scalar_one()), Why.REF_ONLY
    return None


def speaker(
    db: Connection, sender: Sender, to: Answered, posting: Posting
) -> Person | Why:
    """As who he speaks on the ticket; or why not."""
    row = to.row
    ours = to.recipient == posting.provider_mail.lower() or _is_staff(db, to.recipient)
    if sender.disabled:
        return Why.NOT_ALLOWED
    if sender.staff:
        # What went to a customer is in a customer's hands: it makes nobody ours.
        if not ours:
            return Why.STAFF_ELSEWHERE
        return sender.person or _of_provider(sender)
    if sender.person is not None:
        seen = (ticket.c.ticket_id == row.ticket_id, *within(sender.person.scope))
        if db.execute(select(ticket.c.ticket_id).where(*seen)).first() is not None:
            return sender.person
    asked = str((row.requester or {}).get("mail", "")).lower()
    known = {to.recipient, asked} - {""}
    if row.audience != "customer" or ours:
        known -= {to.recipient}
    if sender.address in known or row.tenant_id in sender.customers:
        visible = row.audience == "customer"
        return sender.acting(row.tenant_id) if visible else Why.NOT_ALLOWED
    return Why.NOT_ALLOWED


def by_ref(db: Connection, ref: str) -> Any:
    """The ticket of that number, whosever it is; None if there is none."""
    return db.execute(select(ticket).where(ticket.c.ref == ref)).first()


def sent_mails(db: Connection, ids: Iterable[str]) -> list[Any]:
    """Rows of the outbox with these Message-IDs, in their order."""
    wanted = list(ids)
    if not wanted:
        return []
    query = select(mail_outbox).where(mail_outbox.c.message_id.in_(wanted))
    rows = {row.message_id: row for row in db.execute(query)}
    return [rows[one] for one in wanted if one in rows]


_PROVIDER = PROVIDER_TENANT


def _acting(row: Any) -> Person:
    return Person(
        tenant_id=row.tenant_id,
        role=Role(row.role),
        actor=f"person:{row.person_id}",
        language=row.language,
        person_id=row.person_id,
        name=row.name,
    )


def _of_provider(sender: Sender) -> Person:
    return Person(
        tenant_id=PROVIDER_TENANT,
        role=Role.TECHNICIAN,
        actor=f"person:{sender.address}",
        name=sender.name,
    )


def _is_staff(db: Connection, address: str) -> bool:
    query = select(person.c.person_id).where(
        person.c.mail == address, person.c.tenant_id == PROVIDER_TENANT
    )
    return db.execute(query).first() is not None


def _recipients(db: Connection, row: Any) -> Iterable[str]:
    """To whom mails of the ticket went."""
    query = (
        select(mail_outbox.c.recipient)
        .where(mail_outbox.c.ticket_id == row.ticket_id)
        .distinct()
        .limit(200)
    )
    return [one.lower() for one in db.execute(query).scalars()]


def _guessable(sent: Any) -> bool:
    """Whether a Message-ID is made of a number and a count only, as they once were."""
    last = sent.message_id.rpartition("@")[0].rpartition(".")[2]
    return sent.kind in ACT_MAILS and last.isdecimal() and len(last) < 16
