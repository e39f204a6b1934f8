"""How much of the mail that comes in is kept, and how much of it makes anything.

Whoever knows the desk's address can fill a disk, and two programs that answer each
other never end (threat 23): so both are counted, from rows.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from scudo_agent.desk.mail.why import Outcome, Why
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.instant import DAY, HOUR, Instant

OPENINGS = 12
"""Requests that one sender's mails open within an hour."""

WORDS = 30
"""Mails of one sender that land within an hour, and mails that land on one ticket."""

NOTES = 20
"""What programs sent, in one ticket's history within an hour; the rest is counted."""

SPAN_US = HOUR

KEPT_ROOM = {
    Outcome.QUARANTINED: (2_000, 200 * 2**20),
    Outcome.DISCARDED: (2_000, 50 * 2**20),
}
"""So many mails, and so many bytes of them, are kept of what is on no ticket."""

RAW_BYTES = 25 * 2**20
"""Of what is larger the beginning is kept, so far as `HEAD_BYTES` go."""

HEAD_BYTES = 256 * 1024

RAW_US = 90 * DAY
"""So long the mail itself is kept beside what became of it."""

ROWS_US = 400 * DAY
"""So long it is known what became of a mail that is on no ticket."""


def too_many(db: Connection, sender: str, ticket_id: int | None, now: Instant) -> bool:
    """Whether a mail of this sender may do nothing by itself now.

    What was set aside for being too much counts on: it ends with an hour of quiet.
    """
    made = (Outcome.OPENED, Outcome.LANDED) if ticket_id else (Outcome.OPENED,)
    counts = or_(
        mail_in.c.outcome.in_([one.value for one in made]),
        mail_in.c.why == Why.TOO_MANY.value,
    )
    of_sender = _since(db, now, mail_in.c.sender == sender, counts)
    if of_sender >= (WORDS if ticket_id else OPENINGS):
        return True
    if ticket_id is None:
        return False
    return _since(db, now, mail_in.c.ticket_id == ticket_id, counts) >= WORDS


def noted(db: Connection, ticket_id: int, now: Instant) -> int:
    """How many mails of programs the ticket had within the hour."""
    mine = mail_in.c.ticket_id == ticket_id
    return _since(db, now, mine, mail_in.c.outcome == Outcome.NOTED.value)


def _since(db: Connection, now: Instant, *which: ColumnElement[bool]) -> int:
    late = mail_in.c.stored_us > now - SPAN_US
    query = select(func.count()).select_from(mail_in).where(late, *which)
    return int(db.execute(query).scalar_one())


def kept_bytes(size: int) -> int:
    """How much is kept of a mail of that size."""
    return size if size <= RAW_BYTES else HEAD_BYTES


def make_room(db: Connection, outcome: Outcome) -> int:
    """Let go of the oldest mails of an outcome beyond its room; how many.

    What waited for somebody is told apart from what somebody discarded (`no_room`).
    """
    if outcome not in KEPT_ROOM:
        return 0
    most, most_bytes = KEPT_ROOM[outcome]
    mine = (mail_in.c.outcome == outcome.value, mail_in.c.raw.is_not(None))
    rows = db.execute(
        select(mail_in.c.mail_in_id, mail_in.c.size)
        .where(*mine)
        .order_by(mail_in.c.mail_in_id.desc())
    )
    count, used, gone = 0, 0, []
    for number, size in rows:
        count, used = count + 1, used + kept_bytes(size)
        if count > most or used > most_bytes:
            gone.append(number)
    if gone:
        values: dict[str, Any] = {"raw": None}
        if outcome is Outcome.QUARANTINED:
            values |= {"outcome": "discarded", "why": Why.NO_ROOM.value}
        values["version"] = mail_in.c.version + 1
        these = mail_in.c.mail_in_id.in_(gone)
        db.execute(update(mail_in).where(these).values(values))
    return len(gone)


def drop_old(db: Connection, now: Instant) -> int:
    """Drop mails themselves after `RAW_US`, and rows on no ticket after `ROWS_US`.

    What somebody still has to decide stays whole.
    """
    decided = mail_in.c.outcome != Outcome.QUARANTINED.value
    old = (decided, mail_in.c.raw.is_not(None), mail_in.c.stored_us < now - RAW_US)
    done = db.execute(update(mail_in).where(*old).values(raw=None)).rowcount
    far = (decided, mail_in.c.ticket_id.is_(None), mail_in.c.stored_us < now - ROWS_US)
    return done + db.execute(delete(mail_in).where(*far)).rowcount
