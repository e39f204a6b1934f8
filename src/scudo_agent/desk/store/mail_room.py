"""How much of the mail that comes in is kept, and how much of it makes anything.

Whoever knows the desk's address can fill a disk, and two programs that answer each
other never end (threat 23): so both are counted, from rows.
"""

from collections import defaultdict
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from scudo_agent.desk.mail.incoming import HEADER_BYTES, left_out
from scudo_agent.desk.mail.why import Outcome, Why
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.instant import DAY, HOUR, Instant

OPENINGS = 12
"""Requests that one sender's mails open within an hour."""

WORDS = 30
"""Mails of one sender that land within an hour, and mails that land on one ticket."""

NOTES = 20
"""What programs sent, in one ticket's history within an hour; the rest is counted."""

A_DAY = 40
"""Mails of one sender that open or land by themselves within a day: two programs that
answer each other slowly end, too."""

KEPT_ROOM = {
    Outcome.QUARANTINED: (2_000, 200 * 2**20),
    Outcome.DISCARDED: (2_000, 50 * 2**20),
}
"""So many mails, and so many bytes of them, are kept of what is on no ticket."""

RAW_BYTES = 25 * 2**20
"""Of what is larger the headers are kept."""

HEAD_BYTES = HEADER_BYTES
"""So much is kept of a mail that nobody can read."""

SENDER_ROOM = (500, 50 * 2**20)
"""So many mails, and so many bytes of them, wait of one sender."""

RAW_US = 90 * DAY
"""So long the mail itself is kept beside what became of it."""

ROWS_US = 400 * DAY
"""So long it is known what became of a mail that is on no ticket."""


def too_many(db: Connection, sender: str, ticket_id: int | None, now: Instant) -> int:
    """Within which span (us) there are too many mails for this one to do anything.

    0: there are not. What was set aside for being too much within an hour counts on:
    it ends with an hour of quiet. Of a day only what did something counts.
    """
    made = (Outcome.OPENED, Outcome.LANDED) if ticket_id else (Outcome.OPENED,)
    counts = or_(
        mail_in.c.outcome.in_([one.value for one in made]),
        mail_in.c.why == Why.TOO_MANY.value,
    )
    of_sender = mail_in.c.sender == sender
    if _since(db, now - HOUR, of_sender, counts) >= (WORDS if ticket_id else OPENINGS):
        return HOUR
    if ticket_id is not None:
        on_ticket = mail_in.c.ticket_id == ticket_id
        if _since(db, now - HOUR, on_ticket, counts) >= WORDS:
            return HOUR
    itself = mail_in.c.decided_us.is_(None)
    did = mail_in.c.outcome.in_((Outcome.OPENED.value, Outcome.LANDED.value))
    return DAY if _since(db, now - DAY, of_sender, did, itself) >= A_DAY else 0


def noted(db: Connection, ticket_id: int, now: Instant) -> int:
    """How many mails of programs the ticket had within the hour."""
    mine = mail_in.c.ticket_id == ticket_id
    return _since(db, now - HOUR, mine, mail_in.c.outcome == Outcome.NOTED.value)


def _since(db: Connection, after: int, *which: ColumnElement[bool]) -> int:
    late = mail_in.c.stored_us > after
    query = select(func.count()).select_from(mail_in).where(late, *which)
    return int(db.execute(query).scalar_one())


def kept(raw: bytes, *, hostile: bool) -> bytes:
    """What is kept of a mail: all of it, or its headers where it is too much.

    Of one that is `hostile` nobody reads more than that.
    """
    most = HEAD_BYTES + 1024 if hostile else RAW_BYTES
    return raw if len(raw) <= most else left_out(raw, len(raw))


def make_room(db: Connection, outcome: Outcome) -> int:
    """Let go of the oldest mails of an outcome beyond its room; how many.

    Of what waits for somebody the strangers' go first, of which nobody knows where
    they belong, and one sender has no more than `SENDER_ROOM`: nobody can push out
    what customers wrote. It is told apart from what was discarded (`no_room`).
    """
    if outcome not in KEPT_ROOM:
        return 0
    waits = outcome is Outcome.QUARANTINED
    used, gone = _Used(KEPT_ROOM[outcome]), []
    by_sender: defaultdict[str, _Used] = defaultdict(lambda: _Used(SENDER_ROOM))
    order = (_STRANGERS_LAST, _NEWEST_FIRST) if waits else (_NEWEST_FIRST,)
    query = _KEPT.where(mail_in.c.outcome == outcome.value).order_by(*order)
    for row in db.execute(query):
        ours = not waits or by_sender[row.sender].takes(row.bytes)
        if not (ours and used.takes(row.bytes)):
            gone.append(row.mail_in_id)
    if gone:
        values: dict[str, Any] = {"raw": None}
        if waits:
            values |= {"outcome": "discarded", "why": Why.NO_ROOM.value}
        values["version"] = mail_in.c.version + 1
        these = mail_in.c.mail_in_id.in_(gone)
        db.execute(update(mail_in).where(these).values(values))
    return len(gone)


class _Used:
    """What is taken up of a room of so many mails and so many bytes."""

    def __init__(self, room: tuple[int, int]) -> None:
        self._left, self._bytes_left = room

    def takes(self, size: int) -> bool:
        """Whether it has room for one more; it is full once it had none."""
        self._left, self._bytes_left = self._left - 1, self._bytes_left - size
        return self._left >= 0 and self._bytes_left >= 0


_KEPT = select(
    mail_in.c.mail_in_id,
    mail_in.c.sender,
    func.length(mail_in.c.raw).label("bytes"),
).where(mail_in.c.raw.is_not(None))
_NEWEST_FIRST = mail_in.c.mail_in_id.desc()
_STRANGE = mail_in.c.customer.is_(None) & mail_in.c.proposed.is_(None)
_STRANGERS_LAST = case((_STRANGE, 1), else_=0)


def drop_old(db: Connection, now: Instant) -> int:
    """Drop mails themselves after `RAW_US`, and rows on no ticket after `ROWS_US`.

    What somebody still has to decide stays whole.
    """
    decided = mail_in.c.outcome != Outcome.QUARANTINED.value
    old = (decided, mail_in.c.raw.is_not(None), mail_in.c.stored_us < now - RAW_US)
    done = db.execute(update(mail_in).where(*old).values(raw=None)).rowcount
    far = (decided, mail_in.c.ticket_id.is_(None), mail_in.c.stored_us < now - ROWS_US)
    return done + db.execute(delete(mail_in).where(*far)).rowcount
