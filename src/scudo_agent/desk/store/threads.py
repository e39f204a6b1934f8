"""What a mail of a ticket refers to: the whole thread, as its reader has it.

Programs for mail show as one conversation what refers to a mail that they have. So
each mail names the first one of the ticket, the reader's own, and those that went to
him before, the nearest last (RFC 5322, 3.6.4).
"""

from typing import Any

from sqlalchemy import Connection, bindparam, select

from scudo_agent.desk.store.tables import mail_outbox

LONGEST = 20
"""So many of the last mails are named, beside the first."""

_mine = (
    mail_outbox.c.tenant_id == bindparam("tenant"),
    mail_outbox.c.ticket_id == bindparam("ticket"),
    mail_outbox.c.mail_id < bindparam("mail"),
    mail_outbox.c.recipient == bindparam("reader"),
)
_BEFORE = (
    select(mail_outbox.c.message_id, mail_outbox.c.in_reply_to)
    .where(*_mine, mail_outbox.c.state == "sent")
    # Hence the `+`: SQLite would go through all mails for the order.
    .order_by(mail_outbox.c.mail_id.op("+")(0).desc())
    .limit(LONGEST)
)


def thread(db: Connection, row: Any) -> tuple[str, ...]:
    """Message-IDs that the mail of a row refers to; none for the first of a thread."""
    if row.in_reply_to is None:
        return ()
    if row.ticket_id is None:
        return (row.in_reply_to,)
    of = {
        "tenant": row.tenant_id,
        "ticket": row.ticket_id,
        "mail": row.mail_id,
        "reader": row.recipient,
    }
    before = db.execute(_BEFORE, of).all()[::-1]
    known = [one.message_id for one in before]
    first = [one.in_reply_to for one in before[:1] if one.in_reply_to]
    return tuple(dict.fromkeys([*first, row.in_reply_to, *known]))
