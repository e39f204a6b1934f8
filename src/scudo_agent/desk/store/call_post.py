"""The mails that call somebody: put into the outbox, and what their text needs.

They hang on no ticket's thread: a customer's mail that cannot leave holds up none.
The token of the link is made when the mail leaves, and only its hash is kept.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from scudo_agent.desk.escalation import LINK_US
from scudo_agent.desk.store.call_tables import alarm, call, call_link
from scudo_agent.desk.store.errands import Head, head_of
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import PROVIDER_TENANT, mail_outbox, ticket
from scudo_agent.desk.store.views import TicketLine, line_of, ticket_lines
from scudo_agent.instant import Instant

CALL = "on_call"
"""Kind of a row in the outbox that calls somebody."""

THREAD = "on-call/{call_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallErrand(Head):
    """A claimed mail that calls somebody; `token` is in no table and in no log.

    `step` counts from 1, `name` is empty for the queue's address. `fault`: which call
    failed, when that is why the queue is written to.
    """

    line: TicketLine
    step: int
    name: str
    token: str
    until: Instant
    fault: str = ""


def put_call_mail(
    db: Connection, made: Any, ref: str, reader: tuple[str, str], *, host: str
) -> str:
    """Put the mail of the call `made` into the outbox; its Message-ID."""
    message_id = f"<{ref}.on-call.{made.call_id}.{secrets.token_hex(4)}@{host}>"
    values = {
        "tenant_id": PROVIDER_TENANT,
        "window_thread": THREAD.format(call_id=made.call_id),
        "kind": CALL,
        "rev": made.step + 1,
        "state": "pending",
        "message_id": message_id,
        "recipient": reader[0],
        "language": reader[1],
        "created_us": made.created_us,
        "next_us": made.created_us,
    }
    db.execute(insert(mail_outbox).values(values))
    return message_id


def drop_call_mails(db: Connection, message_ids: list[str]) -> None:
    """Calls that nobody has sent are not sent."""
    db.execute(
        delete(mail_outbox).where(
            mail_outbox.c.tenant_id == PROVIDER_TENANT,
            mail_outbox.c.message_id.in_(message_ids),
            mail_outbox.c.state == "pending",
        )
    )


def needless(db: Connection, row: Any) -> bool:
    """Whether the call of an outbox row is for nothing by now; it is dropped then."""
    query = (
        select(alarm.c.ended_us, ticket.c.condition, ticket.c.unstable_us)
        .join(
            alarm,
            (alarm.c.tenant_id == call.c.tenant_id)
            & (alarm.c.alarm_id == call.c.alarm_id),
        )
        .join(
            ticket,
            (ticket.c.tenant_id == alarm.c.tenant_id)
            & (ticket.c.ticket_id == alarm.c.ticket_id),
        )
        .where(call.c.call_id == _number(row))
    )
    found = db.execute(query).first()
    if found is not None and found.ended_us is None:
        # What is unstable is up for a moment only; its alarm ends when it is calm.
        up = found.condition == "recovered" and found.unstable_us is None
        if not up:
            return False
    drop_call_mails(db, [row.message_id])
    return True


def call_errand(db: Connection, row: Any, fence: int, now: Instant) -> CallErrand:
    """What the claimed outbox row `row` tells, with a new token."""
    made = db.execute(
        select(call, alarm.c.ticket_id, person.c.name, person.c.language)
        .join(
            alarm,
            (alarm.c.tenant_id == call.c.tenant_id)
            & (alarm.c.alarm_id == call.c.alarm_id),
        )
        .outerjoin(person, person.c.person_id == call.c.person_id)
        .where(call.c.call_id == _number(row))
    ).one()
    query = ticket_lines(Scope.of_staff()).where(ticket.c.ticket_id == made.ticket_id)
    line = line_of(db.execute(query).one())
    token, until = new_link(db, made, now)
    head = head_of(row, fence)
    head["language"] = made.language or row.language
    return CallErrand(
        **head,
        line=line,
        step=made.step + 1,
        name=made.name or "",
        token=token,
        until=until,
        fault=(made.last_error or "") if made.target.startswith("fault/") else "",
    )


def new_link(db: Connection, made: Any, now: Instant) -> tuple[str, Instant]:
    """A token for the call `made`, and until when it works; its hash is kept."""
    token, until = secrets.token_urlsafe(32), Instant(now + LINK_US)
    kept = {
        "token_sha256": sha256(token.encode()).hexdigest(),
        "tenant_id": made.tenant_id,
        "call_id": made.call_id,
        "created_us": now,
        "expires_us": until,
    }
    db.execute(insert(call_link).values(kept))
    return token, until


def _number(row: Any) -> int:
    return int(row.window_thread.rpartition("/")[2])
