"""What a mail of a ticket refers to: the whole thread, as its reader has it.

Programs for mail show as one conversation what refers to a mail that they have. So
each mail names the first one of the ticket, those that went to its reader before, and
those that he wrote himself, the nearest last (RFC 5322, 3.6.4).
"""

from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.desk.store.tables import mail_outbox

LONGEST = 20
"""So many of the last mails each way are named, beside the first."""

_SENT = (
    select(mail_outbox.c.message_id, mail_outbox.c.in_reply_to, mail_outbox.c.sent_us)
    .where(
        mail_outbox.c.tenant_id == bindparam("tenant"),
        mail_outbox.c.ticket_id == bindparam("ticket"),
        mail_outbox.c.mail_id < bindparam("mail"),
        mail_outbox.c.recipient == bindparam("reader"),
        mail_outbox.c.state == "sent",
    )
    # Hence the `+`: SQLite would go through all mails for the order.
    .order_by(mail_outbox.c.mail_id.op("+")(0).desc())
    .limit(LONGEST)
)
_CAME = (
    select(mail_in.c.message_id, mail_in.c.stored_us)
    .where(
        mail_in.c.ticket_id == bindparam("ticket"),
        mail_in.c.sender == func.lower(bindparam("reader")),
        mail_in.c.outcome.in_(("landed", "opened")),
        mail_in.c.message_id.is_not(None),
    )
    .order_by(mail_in.c.mail_in_id.op("+")(0).desc())
    .limit(LONGEST)
)


def thread(db: Connection, row: Any) -> tuple[str, ...]:
    """Message-IDs that the mail of a row refers to; none for the first of a thread."""
    if row.in_reply_to is None:
        return ()
    if row.ticket_id is None:
        return (row.in_reply_to,)
    of = {"ticket": row.ticket_id, "reader": row.recipient}
    mine = of | {"tenant": row.tenant_id, "mail": row.mail_id}
    sent = db.execute(_SENT, mine).all()[::-1]
    came = db.execute(_CAME, of).all()
    first = [one.in_reply_to for one in sent[:1] if one.in_reply_to]
    known = sorted(
        [(one.sent_us or 0, one.message_id) for one in sent]
        + [(one.stored_us, one.message_id) for one in came]
    )
    ids = [*first, row.in_reply_to, *(message_id for _, message_id in known)]
    return tuple(dict.fromkeys(ids))
