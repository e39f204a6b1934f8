"""The mails of people: an invitation, a link to set a password anew.

Of a link's token only the hash is kept, so it is made when its mail leaves: it counts
from then, however long a mail server was away. A mail that is tried again has another
token, and both hold: the first may have arrived.
"""

import secrets
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from scudo_agent.desk.store.errands import Head, head_of
from scudo_agent.desk.store.people_tables import person, person_token
from scudo_agent.desk.store.tables import mail_outbox, tenant
from scudo_agent.instant import HOUR, Instant

THREAD = "person/{person_id}"
"""What a mail of a person's has in the place of a ticket."""

RESETS = 3
RESET_SPAN_US = HOUR
"""Somebody gets no more links to set his password within that time."""


class Purpose(StrEnum):
    """What a link is for."""

    INVITE = "invite"
    RESET = "reset"


KINDS = {Purpose.INVITE: "person_invite", Purpose.RESET: "person_reset"}
LIVES_US = {Purpose.INVITE: 72 * HOUR, Purpose.RESET: HOUR}
"""How long a link holds, from when its mail leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonErrand(Head):
    """A claimed mail to a person; `token` is in no table and in no log.

    `customer` is whose people he belongs to, empty for the provider's own.
    """

    purpose: Purpose
    name: str
    customer: str
    token: str
    until: Instant


def put_person_mail(
    db: Connection, row: Any, purpose: Purpose, *, host: str, now: Instant
) -> bool:
    """Put a mail to the person of `row` into the outbox; False: one waits already.

    False, too, for a reset when he had `RESETS` of them within the hour.
    """
    thread = THREAD.format(person_id=row.person_id)
    mine = (
        mail_outbox.c.tenant_id == row.tenant_id,
        mail_outbox.c.window_thread == thread,
        mail_outbox.c.kind == KINDS[purpose],
    )
    waits = select(mail_outbox.c.mail_id).where(*mine, mail_outbox.c.state == "pending")
    if db.execute(waits.limit(1)).first() is not None:
        return False
    recent = select(func.count()).where(
        *mine, mail_outbox.c.created_us > now - RESET_SPAN_US
    )
    if purpose is Purpose.RESET and db.execute(recent).scalar_one() >= RESETS:
        return False
    language = select(tenant.c.language).where(tenant.c.tenant_id == row.tenant_id)
    mail = {
        "tenant_id": row.tenant_id,
        "window_thread": thread,
        "kind": KINDS[purpose],
        "rev": 1,
        "state": "pending",
        "message_id": f"<{KINDS[purpose]}.{secrets.token_hex(16)}@{host}>",
        "recipient": row.mail,
        "language": row.language or str(db.execute(language).scalar_one()),
        "created_us": now,
        "next_us": now,
    }
    db.execute(insert(mail_outbox).values(mail))
    return True


def drop_waiting(db: Connection, tenant_id: str, person_id: int) -> None:
    """Mails to somebody that nobody has sent are not sent."""
    db.execute(
        delete(mail_outbox).where(
            mail_outbox.c.tenant_id == tenant_id,
            mail_outbox.c.window_thread == THREAD.format(person_id=person_id),
            mail_outbox.c.state == "pending",
        )
    )


def person_errand(db: Connection, row: Any, fence: int, now: Instant) -> PersonErrand:
    """What the claimed outbox row `row` tells, with a new token."""
    purpose = next(one for one, kind in KINDS.items() if kind == row.kind)
    person_id = int(row.window_thread.rpartition("/")[2])
    facts = db.execute(
        select(person.c.name, person.c.language, tenant.c.name.label("customer"))
        .join(tenant, tenant.c.tenant_id == person.c.tenant_id)
        .where(person.c.tenant_id == row.tenant_id, person.c.person_id == person_id)
    ).one()
    token, until = secrets.token_urlsafe(32), Instant(now + LIVES_US[purpose])
    kept = {
        "tenant_id": row.tenant_id,
        "token_sha256": sha256(token.encode()).hexdigest(),
        "person_id": person_id,
        "purpose": purpose.value,
        "created_us": now,
        "expires_us": until,
    }
    db.execute(insert(person_token).values(kept))
    head = head_of(row, fence)
    head["language"] = facts.language or row.language
    return PersonErrand(
        **head,
        purpose=purpose,
        name=facts.name,
        customer="" if row.tenant_id.startswith("@") else facts.customer,
        token=token,
        until=until,
    )
