"""What programs send, noted where it belongs; nobody is answered (RFC 3834).

A mail of ours that came back is marked on its row, and its ticket says so to the
provider's people; an automatic answer is a line of the ticket's history that only
they see.
"""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from scudo_agent.desk.life import MAIL_BACK, MAIL_LATE, MAIL_NOTED
from scudo_agent.desk.mail.incoming import Incoming
from scudo_agent.desk.mail.kinds import Kind, Verdict
from scudo_agent.desk.mail.returned import about, reason, refusal
from scudo_agent.desk.store.mail_room import NOTES, noted
from scudo_agent.desk.store.mail_rules import Answered, sent_mails
from scudo_agent.desk.store.tables import mail_outbox, ticket, ticket_event
from scudo_agent.instant import Instant
from scudo_agent.locale.formats import clean

_WORDS = 500
_FOUND = (Kind.BOUNCE, Kind.DELAY, Kind.RECEIPT)
_ON_TICKETS = (Kind.AUTO, Kind.CALENDAR, *_FOUND)


def note(
    db: Connection,
    mail: Incoming,
    verdict: Verdict,
    to: Answered | None,
    *,
    number: int,
    now: Instant,
) -> Any:
    """Note a program's mail; what it is noted on (`ticket_id`, `ref`), None if nowhere.

    `number` is that of its own row.
    """
    if verdict.kind not in _ON_TICKETS:
        return None
    sent = _sent(db, mail) if verdict.kind in _FOUND else None
    row = None if to is None else to.row
    if sent is not None:
        mine = ticket.c.ticket_id == sent.ticket_id
        row = db.execute(select(ticket).where(mine)).first()
    back = verdict.kind is Kind.BOUNCE or (
        verdict.kind is Kind.RECEIPT and refusal(mail)
    )
    if back and sent is not None:
        told = {"bounced_us": now, "bounce": clean(reason(mail)) or "?"}
        this = mail_outbox.c.mail_id == sent.mail_id
        db.execute(update(mail_outbox).where(this).values(told))
    if row is None:
        return _NOWHERE if sent is not None else None
    if noted(db, row.ticket_id, now) < NOTES:
        _enter(db, row, _entry(mail, verdict, sent, number, back=back), now)
    return row


class _Nowhere:
    """A mail of the desk's that is of no ticket: noted on its own row only."""

    ticket_id: int | None = None
    ref: str | None = None


_NOWHERE = _Nowhere()


def _sent(db: Connection, mail: Incoming) -> Any:
    """The mail of ours that a report is about."""
    return next(iter(sent_mails(db, about(mail))), None)


def _entry(
    mail: Incoming, verdict: Verdict, sent: Any, number: int, *, back: bool
) -> tuple[str, dict[str, Any]]:
    """Kind and data of the line of history."""
    data: dict[str, Any] = {"internal": True, "mail_in": number}
    if sent is not None:
        data |= {"recipient": sent.recipient, "message_id": sent.message_id}
    if back and sent is not None:
        return MAIL_BACK, data | {"error": clean(reason(mail))}
    if verdict.kind is Kind.DELAY and sent is not None:
        return MAIL_LATE, data | {"error": clean(reason(mail))}
    said = clean(mail.body.said or mail.subject)[:_WORDS]
    what = {"what": verdict.kind.value, "sender": mail.sender, "said": said}
    return MAIL_NOTED, data | what


def _enter(
    db: Connection, row: Any, entry: tuple[str, dict[str, Any]], now: Instant
) -> None:
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "kind": entry[0],
        "at_us": now,
        "stored_us": now,
        "actor": "desk",
        "data": entry[1],
    }
    db.execute(insert(ticket_event).values(values))
