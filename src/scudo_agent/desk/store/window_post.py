"""The mails of windows: put into the outbox with what they tell, and read back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, insert, null, select

from scudo_agent.desk.store.errands import Head, head_of
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import mail_outbox, site, tenant
from scudo_agent.desk.store.window_rows import known_services, states
from scudo_agent.desk.store.window_tables import (
    window,
    window_announcement,
    window_cancellation,
    window_series,
)
from scudo_agent.instant import Instant
from scudo_agent.wire import Named
from scudo_agent.wire_site import WindowState


class WindowMail(StrEnum):
    """What a mail tells of a window."""

    ANNOUNCED = "window_announced"
    MOVED = "window_moved"
    CANCELLED = "window_cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowErrand(Head):
    """A claimed mail about windows, with all that its text needs.

    `windows` are those that it tells of, as they stood then. `rule` and `last` are
    those of their series; `reason` is why they were cancelled.
    """

    kind: WindowMail
    thread: str
    zone: str
    windows: tuple[WindowState, ...]
    services: tuple[Named, ...]
    reason: str = ""
    rule: str = ""


class WindowPost:
    """Writes outbox rows within the transaction `db`."""

    def __init__(self, db: Connection, message_host: str) -> None:
        self._db = db
        self._host = message_host

    def put(
        self, who: AgentIdentity, kind: WindowMail, thread: str, now: Instant
    ) -> int:
        """Put the customer's notice into the outbox; return its row's number."""
        reader = self._db.execute(
            select(tenant.c.mail, tenant.c.language).where(
                tenant.c.tenant_id == who.tenant_id
            )
        ).one()
        earlier = self._db.execute(
            select(func.count(), func.min(mail_outbox.c.mail_id)).where(
                mail_outbox.c.tenant_id == who.tenant_id,
                mail_outbox.c.window_thread == thread,
            )
        ).one()
        rev = int(earlier[0]) + 1
        row = {
            "tenant_id": who.tenant_id,
            "window_thread": thread,
            "kind": kind.value,
            "rev": rev,
            "state": "pending",
            "message_id": f"<{thread}.{kind.value}.{rev}@{self._host}>",
            "in_reply_to": self._message_id(earlier[1]),
            "recipient": str(reader.mail),
            "language": str(reader.language),
            "created_us": now,
            "next_us": now,
        }
        query = insert(mail_outbox).values(row).returning(mail_outbox.c.mail_id)
        return int(self._db.execute(query).scalar_one())

    def _message_id(self, mail_id: int | None) -> str | None:
        if mail_id is None:
            return None
        query = select(mail_outbox.c.message_id)
        return self._db.execute(query.where(mail_outbox.c.mail_id == mail_id)).scalar()


def window_errand(db: Connection, row: Any, fence: int) -> WindowErrand:
    """What the claimed outbox row `row` tells."""
    kind = WindowMail(row.kind)
    told = window_cancellation if kind is WindowMail.CANCELLED else window_announcement
    mine = (told.c.tenant_id == row.tenant_id, told.c.mail_id == row.mail_id)
    numbers = _numbers(db, told, mine)
    ids = list(numbers)
    facts = db.execute(_facts().where(window.c.window_id == ids[0])).one()
    who = AgentIdentity(tenant_id=row.tenant_id, site_id=facts.site_id, agent_id="")
    reason = ""
    if kind is WindowMail.CANCELLED:
        query = select(window_cancellation.c.reason).where(*mine).limit(1)
        reason = str(db.execute(query).scalar_one())
    return WindowErrand(
        **head_of(row, fence),
        kind=kind,
        thread=row.window_thread,
        zone=facts.timezone,
        windows=tuple(_as_of(one, numbers[one.id]) for one in states(db, who, ids=ids)),
        services=tuple(known_services(db, who)),
        reason=reason,
        rule=str(facts.rule or ""),
    )


def _facts() -> Any:
    return (
        select(window.c.site_id, site.c.timezone, window_series.c.rule)
        .join(
            site,
            (site.c.tenant_id == window.c.tenant_id)
            & (site.c.site_id == window.c.site_id),
        )
        .outerjoin(
            window_series,
            (window_series.c.tenant_id == window.c.tenant_id)
            & (window_series.c.series_id == window.c.series_id),
        )
    )


def _numbers(db: Connection, told: Any, mine: Any) -> dict[str, int | None]:
    """The mail's windows, each with the announcement told; None: its cancellation."""
    number = told.c.number if "number" in told.c else null()
    rows = db.execute(select(told.c.window_id, number.label("number")).where(*mine))
    return {row.window_id: row.number for row in rows}


def _as_of(state: WindowState, number: int | None) -> WindowState:
    """The window as the mail's transaction left it, whatever came since."""
    if number is None:
        return state
    told = state.announcements[:number]
    return state.model_copy(update={"announcements": told, "cancelled": None})
