"""Which webhooks there are: who added them, what of, and whether they are at work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, delete, func, insert, select, update

from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.program_tables import webhook, webhook_outbox
from scudo_agent.desk.store.tables import PROVIDER_TENANT, tenant
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, format_instant

HOOKS_LIMIT = 20
"""Webhooks of one customer, or of the provider."""

GAP = "desk.gap"
"""What tells a receiver from when to when it heard nothing."""

DELIVERIES = 100
"""Deliveries that are listed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook; `customer` is None for the provider's, which hears of everybody's."""

    webhook_id: int
    tenant_id: str
    url: str
    events: tuple[str, ...]
    created: Instant
    disabled: Instant | None
    why: str | None
    actor: str
    waiting: int
    failed: int

    @property
    def customer(self) -> str | None:
        """Whose it is."""
        return None if self.tenant_id == PROVIDER_TENANT else self.tenant_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one webhook, and what became of it so far."""

    delivery_id: int
    event: str
    state: str
    created: Instant
    next: Instant
    attempts: int
    sent: Instant | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """How many messages are sent once more, and what was `missed` in between.

    `missed` has `since`, `until` and `fetch`; None: it had not been stopped.
    """

    messages: int
    missed: dict[str, str] | None


class Webhooks:
    """The webhooks of all customers; each method is one transaction."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def add(
        self,
        customer: str | None,
        url: str,
        *,
        events: Sequence[str],
        secret: str,
        actor: str,
    ) -> Webhook:
        """Tell this URL from now on; `events` empty: of everything."""
        whose = PROVIDER_TENANT if customer is None else customer
        row = {
            "tenant_id": whose,
            "url": url,
            "events": sorted(set(events)),
            "secret": secret,
            "created_us": self._now(),
            "actor": actor,
        }
        with self._database.write() as db:
            known = select(tenant.c.tenant_id).where(tenant.c.tenant_id == whose)
            if db.execute(known).first() is None:
                raise InputError(f"'{customer}' is no customer of this desk")
            if len(_listed(db, webhook.c.tenant_id == whose)) >= HOOKS_LIMIT:
                raise InputError(f"there are {HOOKS_LIMIT} webhooks already")
            made = insert(webhook).values(row).returning(webhook.c.webhook_id)
            hook_id = db.execute(made).scalar_one()
            return _listed(db, webhook.c.webhook_id == hook_id)[0]

    def lines(self) -> list[Webhook]:
        """All webhooks, the oldest first."""
        with self._database.read() as db:
            return _listed(db)

    def one(self, webhook_id: int) -> tuple[Webhook, str] | None:
        """A webhook with its secret."""
        this = webhook.c.webhook_id == webhook_id
        with self._database.read() as db:
            found = _listed(db, this)
            if not found:
                return None
            return found[0], db.execute(
                select(webhook.c.secret).where(this)
            ).scalar_one()

    def remove(self, webhook_id: int) -> bool:
        """Tell it nothing more, and forget it; False if there is none."""
        with self._database.write() as db:
            mine = webhook_outbox.c.webhook_id == webhook_id
            db.execute(delete(webhook_outbox).where(mine))
            gone = delete(webhook).where(webhook.c.webhook_id == webhook_id)
            return db.execute(gone).rowcount == 1

    def deliveries(self, webhook_id: int) -> list[Delivery]:
        """Its latest deliveries, the newest first."""
        query = (
            select(webhook_outbox)
            .where(webhook_outbox.c.webhook_id == webhook_id)
            .order_by(webhook_outbox.c.delivery_id.desc())
            .limit(DELIVERIES)
        )
        with self._database.read() as db:
            return [_delivery(row) for row in db.execute(query)]

    def retry(self, webhook_id: int) -> Again | None:
        """Have it at work again, and send what failed once more.

        Of one that was stopped the receiver is told first from when to when it heard
        nothing, and where that can be read. None if there is no such webhook.
        """
        now = self._now()
        again = {
            "state": "pending",
            "attempts": 0,
            "created_us": now,
            "first_try_us": None,
            "next_us": now,
            "owner": None,
            "lease_until_us": None,
        }
        with self._database.write() as db:
            this = webhook.c.webhook_id == webhook_id
            row = db.execute(select(webhook).where(this)).first()
            if row is None:
                return None
            on = update(webhook).where(this)
            db.execute(on.values(disabled_us=None, disabled_why=None))
            failed = update(webhook_outbox).where(
                webhook_outbox.c.webhook_id == webhook_id,
                webhook_outbox.c.state == "failed",
            )
            many = db.execute(failed.values(again)).rowcount
            if row.disabled_us is None:
                return Again(messages=many, missed=None)
            missed = _missed(row.disabled_us, now)
            body = {"type": GAP, "timestamp": missed["until"], "data": missed}
            gap = {
                "tenant_id": row.tenant_id,
                "webhook_id": webhook_id,
                "event": GAP,
                "body": body,
                "state": "pending",
                "created_us": now,
                "next_us": now,
            }
            db.execute(insert(webhook_outbox).values(gap))
            return Again(messages=many, missed=missed)


def _missed(since: Instant, until: Instant) -> dict[str, str]:
    told = {"since": format_instant(since), "until": format_instant(until)}
    query = urlencode({"since": told["since"]})
    return told | {"fetch": f"/v1/desk/events?{query}"}


def _listed(db: Connection, *which: Any) -> list[Webhook]:
    def many(state: str) -> Any:
        return (
            select(func.count())
            .where(
                webhook_outbox.c.webhook_id == webhook.c.webhook_id,
                webhook_outbox.c.state == state,
            )
            .scalar_subquery()
        )

    query = (
        select(
            webhook, many("pending").label("waiting"), many("failed").label("failed")
        )
        .where(*which)
        .order_by(webhook.c.webhook_id)
    )
    return [
        Webhook(
            webhook_id=row.webhook_id,
            tenant_id=row.tenant_id,
            url=row.url,
            events=tuple(row.events),
            created=row.created_us,
            disabled=row.disabled_us,
            why=row.disabled_why,
            actor=row.actor,
            waiting=row.waiting,
            failed=row.failed,
        )
        for row in db.execute(query)
    ]


def _delivery(row: Any) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        event=row.event,
        state=row.state,
        created=row.created_us,
        next=row.next_us,
        attempts=row.attempts,
        sent=row.sent_us,
        error=row.last_error,
    )
