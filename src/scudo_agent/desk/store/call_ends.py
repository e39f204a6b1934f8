"""What became of calls: mails that left or were refused, channels that failed."""

from typing import Any

from sqlalchemy import Connection, and_, literal_column, or_, select, update

from scudo_agent.desk.escalation import Policy
from scudo_agent.desk.store.alarms import enter
from scudo_agent.desk.store.call_tables import alarm, call
from scudo_agent.desk.store.channel_calls import LEASE_US
from scudo_agent.desk.store.tables import PROVIDER_TENANT, mail_outbox, ticket
from scudo_agent.instant import Instant

FAILED = "call_failed"
FAULT = "fault/{channel_id}"
"""Target of the mail that tells the provider of a channel that failed."""


def settled() -> Any:
    """Calls whose mails left, or were refused for good."""
    return (
        select(call, alarm.c.ticket_id, mail_outbox.c.state.label("mail_state"),
               mail_outbox.c.sent_us.label("left_us"),
               mail_outbox.c.last_error.label("why"))
        .join(
            mail_outbox,
            (mail_outbox.c.tenant_id == PROVIDER_TENANT)
            & (mail_outbox.c.message_id == call.c.message_id),
        )
        .join(alarm, alarm.c.alarm_id == call.c.alarm_id)
        .where(
            # Written out and not bound: only so does the partial index fit.
            call.c.state == literal_column("'pending'"),
            mail_outbox.c.state.in_(("sent", "failed")),
        )
    )  # fmt: skip


def settle(db: Connection, policy: Policy, now: Instant) -> None:
    """Take down what became of calls; of one that failed the next step is due."""
    rows = db.execute(settled()).all()
    for row in rows:
        values = {"state": row.mail_state, "sent_us": row.left_us}
        values["last_error"] = row.why
        this = update(call).where(call.c.call_id == row.call_id)
        db.execute(this.values(values))
    # Only then: another call of the same step may have left.
    for row in rows:
        if row.mail_state == "failed":
            data = {"step": row.step + 1, "way": row.way, "person": row.person_id}
            enter(db, row, FAILED, "desk", now, data | {"error": row.why})
            hasten(db, row, policy, now)


def broken(now: Instant) -> Any:
    """Calls by channels that failed, or that nobody has made or done with in time."""
    unclaimed = and_(
        call.c.channel_id.is_not(None),
        call.c.lease_us.is_(None),
        call.c.created_us <= now - LEASE_US,
    )
    return (
        select(call, alarm.c.ticket_id, ticket.c.ref)
        .join(alarm, alarm.c.alarm_id == call.c.alarm_id)
        .join(ticket, ticket.c.ticket_id == alarm.c.ticket_id)
        .where(
            # Written out and not bound: only so does the partial index fit.
            call.c.state == literal_column("'pending'"),
            or_(call.c.lease_us <= now, unclaimed),
        )
        .order_by(call.c.call_id)
    )


def hasten(db: Connection, row: Any, policy: Policy, now: Instant) -> None:
    """The step after that of the failed call `row` is due at once.

    Not where another call of the same step left; and never a repeat: these are for
    who was reached and did not answer, and keep their time.
    """
    reached = select(call.c.call_id).where(
        call.c.alarm_id == row.alarm_id,
        call.c.step == row.step,
        call.c.state == "sent",
        call.c.target.not_like(FAULT.format(channel_id="%")),
    )
    if db.execute(reached.limit(1)).first() is not None:
        return
    waits = (
        alarm.c.alarm_id == row.alarm_id,
        alarm.c.ended_us.is_(None),
        alarm.c.next_us.is_not(None),
        alarm.c.step == row.step + 1,
        alarm.c.step < len(policy.steps),
    )
    db.execute(update(alarm).where(*waits).values(next_us=now))
