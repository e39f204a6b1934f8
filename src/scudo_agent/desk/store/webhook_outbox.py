"""What waits for webhooks: claimed by lease and fence, in each webhook's own order.

The rows are made by the database itself, with the entry of history that they tell
of (`program_tables.TELLS`). What is said is decided when a row is first claimed, and
kept: each attempt says the same. A row that is not for its webhook goes away then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.entries import entry_of
from scudo_agent.desk.store.program_tables import webhook, webhook_outbox
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import PROVIDER_TENANT, ticket, ticket_event
from scudo_agent.desk.store.views import line_of, ticket_lines
from scudo_agent.desk.webhook_body import body_of
from scudo_agent.instant import DAY, MINUTE, Instant
from scudo_agent.wire import canonical

LEASE_US = 2 * MINUTE
KEPT_US = 30 * DAY
"""So long what was sent, or failed, can be looked at."""

_PENDING = webhook_outbox.c.state == "pending"


def _due() -> Select[Any]:
    """The oldest delivery that is due at `:now` and has none of its webhook's before
    it."""
    earlier = webhook_outbox.alias()
    behind = (
        select(earlier.c.delivery_id)
        .where(
            earlier.c.webhook_id == webhook_outbox.c.webhook_id,
            earlier.c.state == "pending",
            earlier.c.delivery_id < webhook_outbox.c.delivery_id,
        )
        .exists()
    )
    now = bindparam("now", type_=BigInteger)
    until = webhook_outbox.c.lease_until_us
    return (
        select(webhook_outbox, webhook.c.url, webhook.c.secret, webhook.c.events)
        .join(webhook, webhook.c.webhook_id == webhook_outbox.c.webhook_id)
        .where(
            _PENDING,
            webhook_outbox.c.next_us <= now,
            webhook.c.disabled_us.is_(None),
            or_(until.is_(None), until <= now),
            ~behind,
        )
        .order_by(webhook_outbox.c.delivery_id)
        .limit(1)
    )


def _next() -> Select[Any]:
    """When the next delivery is due, or the lease of one ends."""
    next_us, until = webhook_outbox.c.next_us, webhook_outbox.c.lease_until_us
    at = case((until > next_us, until), else_=next_us)
    return select(func.min(at)).where(_PENDING)


# Made once: a worker with nothing to do asks every few seconds.
_DUE, _NEXT = _due(), _next()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A claimed delivery; `message_id` and `body` are the same at each attempt."""

    delivery_id: int
    webhook_id: int
    fence: int
    attempts: int
    first_tried: Instant
    url: str
    secret: str
    message_id: str
    body: dict[str, Any]


class WebhookOutbox:
    """Claims deliveries for one worker and records what became of them."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], *, owner: str
    ) -> None:
        self._database = database
        self._now = now
        self._owner = owner

    def claim(self) -> Parcel | None:
        """Lease the oldest that is due and has none of its webhook's before it."""
        now = self._now()
        due = self.next_due()
        if due is None or due > now:
            return None
        with self._database.write() as db:
            while (row := db.execute(_DUE, {"now": now}).first()) is not None:
                body = row.body or _said(db, row)
                if body is None:
                    this = webhook_outbox.c.delivery_id == row.delivery_id
                    db.execute(delete(webhook_outbox).where(this))
                    continue
                parcel = self._leased(db, row, body, now)
                if parcel is not None:
                    return parcel
        return None

    def sent(self, parcel: Parcel) -> bool:
        """It was taken; False if the lease was lost meanwhile."""
        values = {"state": "sent", "sent_us": self._now(), "last_error": None}
        with self._database.write() as db:
            return self._complete(db, parcel, values)

    def later(self, parcel: Parcel, error: str, *, next_us: int) -> None:
        """It was not taken: try again at `next_us`."""
        values = {
            "last_error": error,
            "next_us": next_us,
            "owner": None,
            "lease_until_us": None,
        }
        with self._database.write() as db:
            self._complete(db, parcel, values)

    def give_up(self, parcel: Parcel, error: str) -> None:
        """Tell this webhook nothing more, until a person has it tried again."""
        with self._database.write() as db:
            if not self._complete(db, parcel, {"state": "failed", "last_error": error}):
                return
            off = update(webhook).where(webhook.c.webhook_id == parcel.webhook_id)
            db.execute(off.values(disabled_us=self._now(), disabled_why=error))
            rest = update(webhook_outbox).where(
                webhook_outbox.c.webhook_id == parcel.webhook_id, _PENDING
            )
            db.execute(rest.values(state="failed", last_error=error))

    def next_due(self) -> Instant | None:
        """When the next delivery wants to be looked at; None if there is none."""
        with self._database.read() as db:
            due = db.execute(_NEXT).scalar()
        return None if due is None else Instant(int(due))

    def drop_due(self) -> tuple[int, Instant | None]:
        """Drop what was done with long ago; how many rows."""
        old = (~_PENDING, webhook_outbox.c.created_us <= self._now() - KEPT_US)
        with self._database.read() as db:
            first = select(webhook_outbox.c.delivery_id).where(*old).limit(1)
            if db.execute(first).first() is None:
                return 0, None
        with self._database.write() as db:
            return db.execute(delete(webhook_outbox).where(*old)).rowcount, None

    def _leased(
        self, db: Connection, row: Any, body: dict[str, Any], now: Instant
    ) -> Parcel | None:
        """The lease; None when another desk's worker was faster."""
        first = now if row.first_try_us is None else row.first_try_us
        taken = (
            update(webhook_outbox)
            .where(
                webhook_outbox.c.delivery_id == row.delivery_id,
                webhook_outbox.c.fence == row.fence,
            )
            .values(
                body=body,
                event=body["type"],
                owner=self._owner,
                lease_until_us=now + LEASE_US,
                fence=webhook_outbox.c.fence + 1,
                attempts=webhook_outbox.c.attempts + 1,
                first_try_us=first,
            )
            .returning(webhook_outbox.c.fence)
        )
        fence = db.execute(taken).scalar()
        if fence is None:
            return None
        # Not the row's number, which would tell how much all others are told; with the
        # body, since a desk that is put back from a copy gives numbers again.
        said = f"{row.secret}:{row.delivery_id}:".encode() + canonical(body)
        mark = sha256(said).hexdigest()[:32]
        return Parcel(
            delivery_id=row.delivery_id,
            webhook_id=row.webhook_id,
            fence=int(fence),
            attempts=row.attempts + 1,
            first_tried=Instant(first),
            url=row.url,
            secret=row.secret,
            message_id=f"msg_{mark}",
            body=body,
        )

    def _complete(self, db: Connection, parcel: Parcel, values: dict[str, Any]) -> bool:
        held = update(webhook_outbox).where(
            webhook_outbox.c.delivery_id == parcel.delivery_id,
            webhook_outbox.c.owner == self._owner,
            webhook_outbox.c.fence == parcel.fence,
            _PENDING,
        )
        return db.execute(held.values(values)).rowcount == 1


def _said(db: Connection, row: Any) -> dict[str, Any] | None:
    """What this webhook is told of the row's entry; None: nothing."""
    entry = db.execute(
        select(ticket_event).where(ticket_event.c.event_id == row.event_id)
    ).first()
    if entry is None:
        return None  # dropped with its ticket, eleven contract years later
    own = row.tenant_id == PROVIDER_TENANT
    scope = Scope.of_staff() if own else Scope(tenant_id=row.tenant_id)
    line = db.execute(
        ticket_lines(scope).where(ticket.c.ticket_id == entry.ticket_id)
    ).first()
    if line is None:
        return None
    body = body_of(line_of(line), entry_of(entry), internal=own)
    if body is None or (row.events and body["type"] not in row.events):
        return None
    return body
