"""Mails that wait or failed, for people: listed, and sent again on demand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select, update

from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.tables import mail_outbox, ticket
from scudo_agent.instant import Instant

LISTED = 100
"""So many mails are listed at once, failed ones first, then the oldest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """One mail that has not left.

    `ticket` is the public number, None for a notice of windows (`thread` names it).
    `next` is when it is tried again, None once it failed for good. `behind` is the
    older mail of the same thread that goes first.
    """

    mail: int
    tenant: str
    ticket: str | None
    thread: str | None
    kind: str
    rev: int
    recipient: str
    message_id: str
    failed: bool
    since: Instant
    next: Instant | None
    attempts: int
    error: str | None
    behind: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The first `LISTED` mails, and how many wait and failed in all."""

    mails: tuple[Unsent, ...]
    waiting: int
    failed: int


class UnsentMails:
    """Shows what has not left, and lets failed mails try again."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def listed(self) -> Listed:
        """What has not left."""
        count = select(mail_outbox.c.state, func.count()).where(_UNSENT)
        with self._database.read() as db:
            rows = db.execute(
                _ROWS.order_by(mail_outbox.c.state, mail_outbox.c.mail_id).limit(LISTED)
            ).all()
            found = db.execute(count.group_by(mail_outbox.c.state)).all()
        numbers = {str(state): int(many) for state, many in found}
        return Listed(
            mails=tuple(_unsent(row) for row in rows),
            waiting=numbers.get("pending", 0),
            failed=numbers.get("failed", 0),
        )

    def one(self, mail_id: int) -> Unsent | None:
        """A mail that has not left; None when there is no such one."""
        with self._database.read() as db:
            row = db.execute(_ROWS.where(mail_outbox.c.mail_id == mail_id)).first()
        return None if row is None else _unsent(row)

    def retry(self, mail_id: int | None) -> list[int]:
        """Let failed mails (None: all) try again, now; which ones.

        One that is older than the worker's patience has one attempt.
        """
        which = mail_outbox.c.state == "failed"
        if mail_id is not None:
            which &= mail_outbox.c.mail_id == mail_id
        change = (
            update(mail_outbox)
            .where(which)
            .values(
                state="pending",
                next_us=self._now(),
                attempts=0,
                owner=None,
                lease_until_us=None,
            )
            .returning(mail_outbox.c.mail_id)
        )
        with self._database.write() as db:
            return sorted(db.execute(change).scalars())


def _rows() -> Any:
    earlier = mail_outbox.alias()
    behind = (
        select(func.min(earlier.c.mail_id))
        .where(
            or_(
                earlier.c.ticket_id == mail_outbox.c.ticket_id,
                earlier.c.window_thread == mail_outbox.c.window_thread,
            ),
            earlier.c.state == "pending",
            earlier.c.mail_id < mail_outbox.c.mail_id,
        )
        .scalar_subquery()
    )
    return (
        select(mail_outbox, ticket.c.ref, behind.label("behind"))
        .join(ticket, ticket.c.ticket_id == mail_outbox.c.ticket_id, isouter=True)
        .where(_UNSENT)
    )


def _unsent(row: Any) -> Unsent:
    failed = row.state == "failed"
    return Unsent(
        mail=row.mail_id,
        tenant=row.tenant_id,
        ticket=row.ref,
        thread=row.window_thread,
        kind=row.kind,
        rev=row.rev,
        recipient=row.recipient,
        message_id=row.message_id,
        failed=failed,
        since=row.created_us,
        next=None if failed else row.next_us,
        attempts=row.attempts,
        error=row.last_error,
        behind=None if failed else row.behind,
    )


_UNSENT = mail_outbox.c.state.in_(("pending", "failed"))
_ROWS = _rows()
