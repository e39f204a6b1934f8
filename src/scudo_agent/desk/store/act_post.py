"""Mails that people's acts make, written in the act's own transaction.

A person's own words always leave: no cap holds them back, and what agents have to
say of an unstable ticket does not wait in front of them. They thread like any other
mail of the ticket.
"""

from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from scudo_agent.desk.life import Mail
from scudo_agent.desk.lifecycle import HEADINGS
from scudo_agent.desk.store.errands import Head, head_of
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.post_statements import FIRST_MAIL
from scudo_agent.desk.store.promises import closing_resolved
from scudo_agent.desk.store.tables import (
    mail_outbox,
    site,
    tenant,
    ticket,
    ticket_event,
)
from scudo_agent.instant import Instant
from scudo_agent.wire import Stage

ACT_MAILS = frozenset(one.value for one in Mail)
"""Kinds of rows in the outbox that tell what a person did."""

_PERSON = select(person.c.mail, person.c.language, person.c.name).where(
    person.c.person_id == bindparam("number"), person.c.disabled_us.is_(None)
)
_TENANT = select(tenant.c.mail, tenant.c.language).where(
    tenant.c.tenant_id == bindparam("tenant")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActErrand(Head):
    """A claimed mail about what a person did, with all that its text needs.

    `author` is empty where history knows no name; `stage` is the one that headed the
    ticket last, None for a request; `data` is what the entry of history says;
    `closes_at` is when what was resolved closes by itself.
    """

    ref: str
    ticket_id: int
    tenant_id: str
    site_id: str
    zone: str
    customer: str
    kind: Mail
    author: str
    title: dict[str, str]
    stage: Stage | None
    storm: bool
    severity: int | None
    rule: str | None
    data: dict[str, Any]
    closes_at: Instant | None = None


def put_mail(
    db: Connection,
    row: Any,
    told: tuple[Mail, int, Instant],
    *,
    posting: Posting,
    answers: str | None = None,
) -> bool:
    """Put the mail of an act into the outbox; False when nobody has an address.

    `row` is the ticket's, `told` why, by which entry of history, and when; `answers`
    is the Message-ID of the customer's own mail, where that began the thread.
    """
    kind, event_id, now = told
    reader = _reader(db, row, kind, posting)
    if reader is None:
        return False
    recipient, language = reader
    of_ticket = {"tenant": row.tenant_id, "ticket": row.ticket_id}
    host = posting.message_host
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "incident_id": None,
        "kind": kind.value,
        "rev": 0,
        "event_id": event_id,
        "state": "pending",
        # Not the entry's number: it would tell how much all others do, and whoever
        # guesses it could say that he answers it (threat 22).
        "message_id": f"<{row.ref}.{kind.value}.{token_hex(8)}@{host}>",
        "in_reply_to": answers or db.execute(FIRST_MAIL, of_ticket).scalar(),
        "recipient": recipient,
        "language": language,
        "created_us": now,
        "next_us": now,
    }
    db.execute(insert(mail_outbox).values(values))
    return True


def _reader(
    db: Connection, row: Any, kind: Mail, posting: Posting
) -> tuple[str, str] | None:
    """To whom, and in which language; who asked comes before the company."""
    if kind is Mail.ANSWER:
        one = _one(db, row.assignee_id)
        if one is not None:
            return one.mail, one.language or posting.provider_language
        return posting.provider_mail, posting.provider_language
    if kind is Mail.RECEIPT and row.audience == "provider":
        return posting.provider_mail, posting.provider_language
    company = db.execute(_TENANT, {"tenant": row.tenant_id}).one()
    if (asked := _one(db, row.requester_id)) is not None:
        return asked.mail, asked.language or company.language
    given = (row.requester or {}).get("mail")
    mail = given or company.mail
    return None if not mail else (str(mail), str(company.language))


def _one(db: Connection, number: int | None) -> Any:
    """A person who is not disabled."""
    if number is None:
        return None
    return db.execute(_PERSON, {"number": number}).first()


_FACTS = (
    select(
        ticket,
        site.c.timezone,
        site.c.contract_id,
        tenant.c.name.label("customer"),
    )
    .join(
        site,
        (site.c.tenant_id == ticket.c.tenant_id) & (site.c.site_id == ticket.c.site_id),
    )
    .join(tenant, tenant.c.tenant_id == ticket.c.tenant_id)
    .where(ticket.c.ticket_id == bindparam("ticket"))
)
_ENTRY = select(ticket_event).where(ticket_event.c.event_id == bindparam("event"))
_HEADING = (
    select(ticket_event.c.data)
    .where(
        ticket_event.c.tenant_id == bindparam("tenant"),
        ticket_event.c.ticket_id == bindparam("ticket"),
        ticket_event.c.event_id < bindparam("before"),
        ticket_event.c.kind.in_([kind.value for kind in HEADINGS]),
    )
    .order_by(ticket_event.c.event_id.desc())
    .limit(1)
)


def act_errand(db: Connection, row: Any, fence: int) -> ActErrand:
    """All that the mail of an act says, as of that act."""
    facts = db.execute(_FACTS, {"ticket": row.ticket_id}).one()
    entry = db.execute(_ENTRY, {"event": row.event_id}).one()
    of = {"tenant": row.tenant_id, "ticket": row.ticket_id, "before": row.event_id}
    heading = db.execute(_HEADING, of).scalar()
    return ActErrand(
        **head_of(row, fence),
        ref=facts.ref,
        ticket_id=row.ticket_id,
        tenant_id=row.tenant_id,
        site_id=facts.site_id,
        zone=facts.timezone,
        customer=facts.customer,
        kind=Mail(row.kind),
        author=_author(db, entry.actor),
        title=facts.title,
        stage=None if heading is None else Stage.model_validate(heading["stage"]),
        storm=facts.storm_us is not None,
        severity=entry.severity,
        rule=facts.rule,
        data=entry.data,
        closes_at=closing_resolved(db, facts, Instant(entry.stored_us))
        if row.kind == Mail.RESOLVED.value
        else None,
    )


def _author(db: Connection, actor: str) -> str:
    number = actor.partition("person:")[2]
    if not number.isdecimal():
        return ""
    query = select(person.c.name).where(person.c.person_id == int(number))
    return str(db.execute(query).scalar() or "")
