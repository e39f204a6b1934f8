"""The mails' part of the checker (I5): one accepted mail a stage, or a fold to one."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail as the server took it."""

    message_id: str
    recipient: str
    text: str

    @classmethod
    def of(cls, mail: EmailMessage) -> "Letter":
        """The letter in a parsed mail."""
        body = mail.get_body(("plain",))
        return cls(
            message_id=str(mail["Message-ID"]).strip(),
            recipient=str(mail["To"] or ""),
            text=f"{mail['Subject']}\n{'' if body is None else body.get_content()}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """A row of the desk's outbox."""

    mail_id: int
    thread: str
    state: str
    folded_into: str | None
    deferred: bool


def mail_rows(desk: sqlite3.Connection, *, at_us: int) -> dict[str, MailRow]:
    """The rows by Message-ID.

    `deferred`: one that gathers or was put off, never tried, and not due by `at_us`.
    """
    found = {}
    for row in desk.execute("SELECT * FROM mail_outbox ORDER BY mail_id"):
        waits = row["state"] == "pending" and row["attempts"] == 0
        found[row["message_id"]] = MailRow(
            mail_id=row["mail_id"],
            thread=str(row["ticket_id"] or row["window_thread"]),
            state=row["state"],
            folded_into=row["folded_into"],
            deferred=waits and row["next_us"] > at_us,
        )
    return found


def mail_faults(
    rows: Mapping[str, MailRow], letters: Sequence[Letter], *, repeats: int
) -> Iterator[str]:
    """What is missing, was never meant, came too often or in a wrong order."""
    taken = Counter(letter.message_id for letter in letters)
    for id_, row in rows.items():
        if row.state == "sent" and not taken[id_]:
            yield f"{id_}: said to be sent, and no server took it"
        elif row.state == "folded":
            yield from _fold(id_, rows)
        elif row.state != "sent" and not row.deferred:
            yield f"{id_}: {row.state} at the end"
    for id_, count in taken.items():
        if id_ not in rows:
            yield f"{id_}: taken {count} times, and the desk has no such mail"
        elif rows[id_].state == "folded":
            yield f"{id_}: taken, and folded into another"
    again = sum(count - 1 for count in taken.values())
    if again > repeats:
        yield f"{again} mails came again, at most {repeats} may"
    yield from _order(rows, letters)


def _fold(id_: str, rows: Mapping[str, MailRow]) -> Iterator[str]:
    """A fold leads, over others if need be, to a mail that was sent or will be."""
    seen = {id_}
    into = rows[id_].folded_into
    while into is not None and into in rows and into not in seen:
        seen.add(into)
        row = rows[into]
        if row.state == "sent" or row.deferred:
            return
        into = row.folded_into
    yield f"{id_}: folded into {rows[id_].folded_into}, which leads to no mail"


def _order(rows: Mapping[str, MailRow], letters: Sequence[Letter]) -> Iterator[str]:
    """The mails of one ticket came first in the order of their stages."""
    last: dict[str, int] = {}
    seen: set[str] = set()
    for letter in letters:
        row = rows.get(letter.message_id)
        if row is None or letter.message_id in seen:
            continue
        seen.add(letter.message_id)
        if row.mail_id < last.get(row.thread, 0):
            yield f"{letter.message_id}: came after a later mail of its ticket"
        last[row.thread] = max(last.get(row.thread, 0), row.mail_id)
