"""What requests with an idempotency key were answered, for a week.

The key is claimed before the request is served and the answer put beside it
afterwards: whatever ends in between, a repeat is never served a second time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.program_tables import kept_reply
from scudo_agent.instant import DAY, Instant

KEPT_US = 7 * DAY
UNDER_WAY = 0
"""Stands for the status of a request whose answer is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One request of a program: whose, its key, and what it asks for."""

    tenant_id: str
    owner: str
    key_sha256: str
    request_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An earlier request with the same key; `status` may be `UNDER_WAY`."""

    request_sha256: str
    status: int
    body: dict[str, Any]


class Replies:
    """The answers of all programs; each method is one transaction."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def begin(self, claim: Claim) -> Kept | None:
        """Claim a key; what came before with it, or None if it is this one's."""
        now = self._now()
        with self._database.write() as db:
            row = db.execute(select(kept_reply).where(*_this(claim))).first()
            if row is not None and row.stored_us > now - KEPT_US:
                return Kept(
                    request_sha256=row.request_sha256, status=row.status, body=row.body
                )
            db.execute(delete(kept_reply).where(*_this(claim)))
            values = {
                "tenant_id": claim.tenant_id,
                "owner": claim.owner,
                "key_sha256": claim.key_sha256,
                "request_sha256": claim.request_sha256,
                "status": UNDER_WAY,
                "body": {},
                "stored_us": now,
            }
            db.execute(insert(kept_reply).values(values))
        return None

    def finish(self, claim: Claim, status: int, body: dict[str, Any]) -> None:
        """Keep what was answered."""
        kept = update(kept_reply).where(*_this(claim))
        with self._database.write() as db:
            db.execute(kept.values(status=status, body=body))

    def forget(self, claim: Claim) -> None:
        """Nothing was done: the key is free again."""
        with self._database.write() as db:
            db.execute(delete(kept_reply).where(*_this(claim)))

    def drop_due(self) -> tuple[int, Instant | None]:
        """Drop what was kept for long enough; how many rows."""
        old = kept_reply.c.stored_us <= self._now() - KEPT_US
        with self._database.read() as db:
            if (
                db.execute(select(kept_reply.c.owner).where(old).limit(1)).first()
                is None
            ):
                return 0, None
        with self._database.write() as db:
            return db.execute(delete(kept_reply).where(old)).rowcount, None


def _this(claim: Claim) -> tuple[Any, ...]:
    return (
        kept_reply.c.tenant_id == claim.tenant_id,
        kept_reply.c.owner == claim.owner,
        kept_reply.c.key_sha256 == claim.key_sha256,
    )
