"""The statements of `mailbox` that every mail runs, each made once.

Making a statement costs more than running it.
"""

from typing import Any

from sqlalchemy import bindparam, case, insert, or_, select, update

from scudo_agent.desk.store.tables import mail_outbox, site, ticket, ticket_event
from scudo_agent.model import Kind


def _blocked() -> Any:
    """Where-clause: an older mail of the same thread has not left yet."""
    earlier = mail_outbox.alias()
    return (
        select(earlier.c.mail_id)
        .where(
            or_(
                earlier.c.ticket_id == mail_outbox.c.ticket_id,
                earlier.c.window_thread == mail_outbox.c.window_thread,
            ),
            earlier.c.state == "pending",
            earlier.c.mail_id < mail_outbox.c.mail_id,
            # What a person wrote does not wait for what agents may say only later.
            or_(
                mail_outbox.c.incident_id.is_not(None),
                mail_outbox.c.ticket_id.is_(None),
                earlier.c.attempts > 0,
                earlier.c.next_us <= bindparam("now"),
            ),
        )
        .exists()
    )


def _due() -> Any:
    """The oldest `:most` mails to send `:now`, one of each thread at most."""
    return (
        select(mail_outbox)
        .where(
            mail_outbox.c.state == "pending",
            mail_outbox.c.next_us <= bindparam("now"),
            or_(
                mail_outbox.c.lease_until_us.is_(None),
                mail_outbox.c.lease_until_us <= bindparam("now"),
            ),
            ~_blocked(),
        )
        .order_by(mail_outbox.c.mail_id)
        .limit(bindparam("most"))
    )


def _next_due() -> Any:
    """When the first pending mail wants to be looked at.

    What has to wait for an older one is none: its own time may be long past.
    """
    leased = mail_outbox.c.lease_until_us > mail_outbox.c.next_us
    at = case((leased, mail_outbox.c.lease_until_us), else_=mail_outbox.c.next_us)
    waits = (mail_outbox.c.state == "pending", ~_blocked())
    return select(at).where(*waits).order_by(at).limit(1)


DUE = _due()
NEXT_DUE = _next_due()
_this = mail_outbox.c.mail_id == bindparam("mail")
LEASE = (
    update(mail_outbox)
    .where(
        _this,
        mail_outbox.c.state == "pending",
        mail_outbox.c.fence == bindparam("seen"),
    )
    .values(
        owner=bindparam("who"),
        lease_until_us=bindparam("until_us"),
        fence=mail_outbox.c.fence + 1,
        attempts=mail_outbox.c.attempts + 1,
    )
    .returning(mail_outbox.c.fence)
)
COMPLETE = update(mail_outbox).where(
    _this,
    mail_outbox.c.owner == bindparam("who"),
    mail_outbox.c.fence == bindparam("held"),
    mail_outbox.c.state == "pending",
)
FACTS = (
    select(
        ticket.c.ref,
        ticket.c.site_id,
        ticket.c.incident_id,
        ticket.c.origin,
        ticket.c.received_us,
        ticket.c.condition,
        ticket.c.closed_us,
        ticket.c.closed_by,
        site.c.timezone,
        site.c.contract_id,
    )
    .join(
        site,
        (site.c.tenant_id == ticket.c.tenant_id) & (site.c.site_id == ticket.c.site_id),
    )
    .where(ticket.c.ticket_id == bindparam("ticket"))
)
HISTORY = (
    select(ticket_event.c.kind, ticket_event.c.severity, ticket_event.c.data)
    .where(
        ticket_event.c.tenant_id == bindparam("tenant"),
        ticket_event.c.incident_id == bindparam("incident"),
        ticket_event.c.rev.is_not(None),
        ticket_event.c.rev <= bindparam("upto"),
        ticket_event.c.kind.in_([kind.value for kind in Kind]),
    )
    .order_by(ticket_event.c.rev)
)
LATE = select(mail_outbox.c.mail_id).where(
    mail_outbox.c.tenant_id == bindparam("tenant"),
    mail_outbox.c.incident_id == bindparam("incident"),
    mail_outbox.c.folded_into == bindparam("into"),
    mail_outbox.c.fold_rule == "late",
    mail_outbox.c.kind == Kind.OPEN.value,
)
ENTER = insert(ticket_event)
