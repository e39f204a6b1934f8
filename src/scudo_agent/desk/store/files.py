"""Files that people attach to tickets: kept with the ticket, found by their names."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, func, insert, select

from scudo_agent.desk.life_values import WORDS_LIMIT
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.attachment_tables import attachment
from scudo_agent.desk.store.attachments import (
    SHOWN_COLUMNS,
    Attachment,
    attachment_of,
)
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.kept_files import Kept as Kept
from scudo_agent.desk.store.scope import Person, within
from scudo_agent.desk.store.search import index
from scudo_agent.desk.store.tables import ticket
from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant
from scudo_agent.text import T, Text

FILE = "file"
FILE_LIMIT = 10 * 2**20
TICKET_LIMIT = 25 * 2**20
FILES_LIMIT = 100

REFUSED: dict[str, Text] = {
    "none": T("Choose a file first."),
    "empty": T("The file is empty."),
    "large": T(
        "The file is too large: {most} at most.", most={"bytes": float(FILE_LIMIT)}
    ),
    "full": T(
        "There is no room for it: the files of a ticket have {most} together.",
        most={"bytes": float(TICKET_LIMIT)},
    ),
    "many": T("A ticket has {n} files at most.", n=FILES_LIMIT),
    "words": T("That is too long: {n} signs at most.", n=WORDS_LIMIT),
    "broken": T("The file did not arrive whole: send it again."),
}
"""Why a file is not taken, to who sent it."""


class FileError(ScudoError):
    """It is not taken: `empty`, `large`, `full` (the ticket's room) or `many`."""


class Files:
    """Files of people at tickets that they may see."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def put(self, who: Person, ref: str, file: Kept) -> Attachment | None:
        """Keep a file at a ticket; None when `who` sees no such ticket.

        The same content again is the same file. A customer's is always public.
        `FileError` when it is empty or there is no room for it.
        """
        check_file(file)
        with self._database.write() as db:
            seen = select(ticket).where(ticket.c.ref == ref, *within(who.scope))
            row = db.execute(seen).first()
            return None if row is None else keep(db, who, row, file, self._now())


def check_file(file: Kept) -> None:
    """`FileError` for what no ticket takes, whichever it is."""
    if not file.content:
        raise FileError("empty")
    if len(file.content) > FILE_LIMIT:
        raise FileError("large")


def keep(db: Connection, who: Person, row: Any, file: Kept, now: Instant) -> Attachment:
    """Within a transaction: `Files.put` at the ticket of a row, of a checked file."""
    public = file.public or not who.may(Right.INTERNAL)
    if (known := _same(db, row, file.sha256, public=public)) is not None:
        return known
    _room(db, row, len(file.content))
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "kind": FILE,
        "media_type": file.media_type,
        "size": len(file.content),
        "sha256": file.sha256,
        "content": file.content,
        "taken_us": now,
        "stored_us": now,
        "actor": who.actor,
        "name": file.name,
        "public": public,
    }
    query = insert(attachment).values(values)
    made = db.execute(query.returning(*SHOWN_COLUMNS)).one()
    index(db, row.tenant_id, row.ticket_id, file.name, internal=not public)
    return attachment_of(made)


def _mine(row: Any) -> tuple[Any, ...]:
    return (
        attachment.c.tenant_id == row.tenant_id,
        attachment.c.ticket_id == row.ticket_id,
        attachment.c.kind == FILE,
    )


def _same(db: Connection, row: Any, sha256: str, *, public: bool) -> Attachment | None:
    """The file with this content that the same readers have already."""
    known = db.execute(
        select(*SHOWN_COLUMNS).where(
            *_mine(row),
            attachment.c.sha256 == sha256,
            attachment.c.public.is_(public),
        )
    ).first()
    return None if known is None else attachment_of(known)


def _room(db: Connection, row: Any, size: int) -> None:
    used = db.execute(
        select(func.count(), func.coalesce(func.sum(attachment.c.size), 0)).where(
            *_mine(row)
        )
    ).one()
    if used[0] >= FILES_LIMIT:
        raise FileError("many")
    if used[1] + size > TICKET_LIMIT:
        raise FileError("full")
