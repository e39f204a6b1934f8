"""How many mails of stages a ticket and a customer had of late, and when one more may
leave."""

from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

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

# Made once: making a statement costs more than running it.
_told = (
    mail_outbox.c.tenant_id == bindparam("tenant"),
    mail_outbox.c.state.in_(("pending", "sent")),
    mail_outbox.c.mail_id != bindparam("besides"),
    # Of stages only: a conversation keeps nobody from hearing that it is down again.
    mail_outbox.c.incident_id.is_not(None),
)
_late = _AT.op(">")(bindparam("since"))
_of_ticket = mail_outbox.c.ticket_id == bindparam("ticket")
_MAILS_OF_TICKET = select(_AT).where(*_told, _late, _of_ticket)
_LAST_OF_TICKET = select(func.max(_AT)).where(*_told, _of_ticket)
_MAILS_OF_CUSTOMER = select(_AT).where(
    *_told,
    _late,
    mail_outbox.c.ticket_id == ticket.c.ticket_id,
    ticket.c.tenant_id == bindparam("tenant"),
    ticket.c.audience == "customer",
)
_STORMY = (
    select(ticket.c.ticket_id)
    .where(
        ticket.c.tenant_id == bindparam("tenant"),
        ticket.c.storm_us > bindparam("since"),
    )
    .limit(1)
)


class Caps:
    """Reads the outbox within the transaction `db`; `besides` is a row left out."""

    def __init__(self, db: Connection, tenant_id: str, now: Instant) -> None:
        self._db = db
        self._tenant_id = tenant_id
        self._now = now

    def ticket(self, ticket_id: int, *, besides: Any = None) -> Instant:
        """When the ticket may have one more mail: 6 in 24 h at most."""
        told = self._told(besides) | {"ticket": ticket_id}
        mails = self._mails(_MAILS_OF_TICKET, told, TICKET_MAILS_US)
        return slot(self._now, mails, most=TICKET_MAILS, span_us=TICKET_MAILS_US)

    def customer(self, *, besides: Any = None) -> Instant:
        """When the customer may have one more mail: 3 in 10 min during a storm."""
        of_late = {"tenant": self._tenant_id, "since": self._now - STORM_HUSH_US}
        if self._db.execute(_STORMY, of_late).first() is None:
            return self._now
        mails = self._mails(_MAILS_OF_CUSTOMER, self._told(besides), STORM_MAILS_US)
        return slot(self._now, mails, most=STORM_MAILS, span_us=STORM_MAILS_US)

    def last(self, ticket_id: int, *, besides: Any = None) -> Instant | None:
        """When the ticket's last mail left or is to leave."""
        told = self._told(besides) | {"ticket": ticket_id}
        return self._db.execute(_LAST_OF_TICKET, told).scalar()

    def _told(self, besides: Any) -> dict[str, Any]:
        left_out = -1 if besides is None else int(besides.mail_id)
        return {"tenant": self._tenant_id, "besides": left_out}

    def _mails(
        self, mails: Select[Any], told: dict[str, Any], span_us: int
    ) -> list[Instant]:
        """Dates of the mails that left in the last span, or are to leave."""
        rows = self._db.execute(mails, told | {"since": self._now - span_us})
        return [Instant(at) for at in rows.scalars()]
