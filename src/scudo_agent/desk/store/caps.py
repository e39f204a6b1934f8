"""How many mails a ticket and a customer had of late, and when one more may leave."""

from typing import Any

from sqlalchemy import Connection, func, select

from scudo_agent.desk.cadence import (
    STORM_HUSH_US,
    STORM_MAILS,
    STORM_MAILS_US,
    TICKET_MAILS,
    TICKET_MAILS_US,
    slot,
)
from scudo_agent.desk.store.tables import mail_outbox, ticket
from scudo_agent.instant import Instant

_AT = func.coalesce(mail_outbox.c.sent_us, mail_outbox.c.next_us)


class Caps:
    """Reads the outbox within the transaction `db`; `besides` is a row left out."""

    def __init__(self, db: Connection, tenant_id: str, now: Instant) -> None:
        self._db = db
        self._tenant_id = tenant_id
        self._now = now

    def ticket(self, ticket_id: int, *, besides: Any = None) -> Instant:
        """When the ticket may have one more mail: 6 in 24 h at most."""
        mails = self._mails(
            (mail_outbox.c.ticket_id == ticket_id,), TICKET_MAILS_US, besides
        )
        return slot(self._now, mails, most=TICKET_MAILS, span_us=TICKET_MAILS_US)

    def customer(self, *, besides: Any = None) -> Instant:
        """When the customer may have one more mail: 3 in 10 min during a storm."""
        storm = select(ticket.c.ticket_id).where(
            ticket.c.tenant_id == self._tenant_id,
            ticket.c.storm_us > self._now - STORM_HUSH_US,
        )
        if self._db.execute(storm.limit(1)).first() is None:
            return self._now
        of_customer = (
            mail_outbox.c.ticket_id == ticket.c.ticket_id,
            ticket.c.tenant_id == self._tenant_id,
            ticket.c.audience == "customer",
        )
        mails = self._mails(of_customer, STORM_MAILS_US, besides)
        return slot(self._now, mails, most=STORM_MAILS, span_us=STORM_MAILS_US)

    def last(self, ticket_id: int, *, besides: Any = None) -> Instant | None:
        """When the ticket's last mail left or is to leave."""
        query = select(func.max(_AT)).where(
            mail_outbox.c.tenant_id == self._tenant_id,
            mail_outbox.c.ticket_id == ticket_id,
            mail_outbox.c.state.in_(("pending", "sent")),
            mail_outbox.c.mail_id != _id(besides),
        )
        return self._db.execute(query).scalar()

    def _mails(
        self, which: tuple[Any, ...], span_us: int, besides: Any
    ) -> list[Instant]:
        """Dates of the mails that left in the last span, or are to leave."""
        rows = self._db.execute(
            select(_AT).where(
                mail_outbox.c.tenant_id == self._tenant_id,
                mail_outbox.c.state.in_(("pending", "sent")),
                mail_outbox.c.mail_id != _id(besides),
                _AT.op(">")(self._now - span_us),
                *which,
            )
        ).scalars()
        return [Instant(at) for at in rows]


def _id(row: Any) -> int:
    return -1 if row is None else int(row.mail_id)
