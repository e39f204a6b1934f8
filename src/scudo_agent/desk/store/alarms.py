"""Alarms of tickets that nobody takes: which tickets begin one, and how it ends.

All that decides is in rows and histories: whatever process looks next goes on from
there.
"""

from typing import Any

from sqlalchemy import Connection, func, insert, literal_column, or_, select, update

from scudo_agent.desk.cadence import CALM_US
from scudo_agent.desk.escalation import BY_PERSON, End, Policy
from scudo_agent.desk.store.call_facts import (
    back_at,
    comes_back,
    family_of,
    storm_of,
    taken_by,
)
from scudo_agent.desk.store.call_post import drop_call_mails
from scudo_agent.desk.store.call_tables import alarm, call
from scudo_agent.desk.store.on_call_tables import rota
from scudo_agent.desk.store.tables import ticket, ticket_event
from scudo_agent.instant import Instant

_KNOWN = [how.value for how in BY_PERSON]


def running() -> Any:
    """Alarms that are not over, with what of their tickets decides."""
    same = (ticket.c.tenant_id == alarm.c.tenant_id) & (
        ticket.c.ticket_id == alarm.c.ticket_id
    )
    return (
        select(
            alarm,
            ticket.c.ref,
            ticket.c.site_id,
            ticket.c.status,
            ticket.c.condition,
            ticket.c.severity,
            ticket.c.category,
            ticket.c.origin,
            ticket.c.unstable_us,
        )
        .join(ticket, same)
        .where(alarm.c.ended_us.is_(None))
        .order_by(alarm.c.alarm_id)
    )


def candidates(policy: Policy) -> Any:
    """Tickets that nobody has taken, and of which no alarm tells yet.

    Nobody is called of what was there before the first rota was written down, nor of
    what hangs together with an alarm that runs: it is looked at when that is over.
    """
    begun = select(func.min(rota.c.stored_us)).scalar_subquery()
    new = (ticket.c.status == "new") & ticket.c.assignee_id.is_(None)
    calling = select(alarm.c.family).where(alarm.c.ended_us.is_(None))
    return (
        select(ticket)
        .where(
            # Written out and not bound: only so does the partial index fit.
            ticket.c.status != literal_column("'closed'"),
            ticket.c.audience == "customer",
            ticket.c.severity <= policy.severity,
            ticket.c.condition != "recovered",
            or_(new & (ticket.c.stored_us >= begun), ticket.c.status == "reopened"),
            select(rota.c.version).exists(),
            ~_told(),
            # Not even looked at: a storm must not keep others waiting.
            storm_of(ticket.c).not_in(calling),
        )
        .order_by(ticket.c.severity, ticket.c.ticket_id)
    )


def _told() -> Any:
    """Whether an alarm of the ticket runs, or somebody knows of how it is now."""
    again = (
        select(ticket_event.c.event_id)
        .where(
            ticket_event.c.tenant_id == alarm.c.tenant_id,
            ticket_event.c.ticket_id == alarm.c.ticket_id,
            ticket_event.c.stored_us > alarm.c.ended_us,
            comes_back(ticket.c.unstable_us),
        )
        .correlate(alarm, ticket)
        .exists()
    )
    return (
        select(alarm.c.alarm_id)
        .where(
            alarm.c.tenant_id == ticket.c.tenant_id,
            alarm.c.ticket_id == ticket.c.ticket_id,
            or_(alarm.c.ended_us.is_(None), alarm.c.ended_how.in_(_KNOWN) & ~again),
        )
        .correlate(ticket)
        .exists()
    )


def begin(db: Connection, row: Any, policy: Policy, now: Instant) -> bool:
    """Begin an alarm of the ticket `row`; False if one of the same storm tells of it.

    Where somebody knows of the storm since the ticket was back last, it is over with
    its begin.
    """
    family = family_of(db, row)
    mine = (alarm.c.tenant_id == row.tenant_id, alarm.c.ticket_id == row.ticket_id)
    last = db.execute(select(func.max(alarm.c.spell)).where(*mine)).scalar()
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "spell": 0 if last is None else last + 1,
        "family": family,
        "begun_us": now,
        "step": 0,
        "next_us": now + policy.steps[0].after_us,
    }
    if family != row.ref:
        kin = select(alarm).where(
            alarm.c.tenant_id == row.tenant_id, alarm.c.family == family
        )
        ones = db.execute(kin.order_by(alarm.c.alarm_id)).all()
        if any(one.ended_us is None for one in ones):
            return False
        back = back_at(db, row) or 0
        for one in ones:
            if one.ended_how in _KNOWN and one.ended_us >= back:
                values |= {"next_us": None, "ended_us": now}
                values |= {"ended_how": one.ended_how, "ended_by": one.ended_by}
                break
    db.execute(insert(alarm).values(values))
    return True


def over(db: Connection, row: Any, now: Instant) -> tuple[End, str] | None:
    """How the alarm ended meanwhile, and by whom.

    What is unstable has not recovered before it was calm for long.
    """
    begun = Instant(row.begun_us)
    if (actor := taken_by(db, row, begun)) is not None:
        # What was taken and is back since is nobody's again.
        back = back_at(db, row)
        if back is None or back <= begun:
            return End.TAKEN, actor
        if (actor := taken_by(db, row, back)) is not None:
            return End.TAKEN, actor
    up = row.condition == "recovered" and not restless(row, now)
    if up or row.status in ("resolved", "closed"):
        return End.RECOVERED, "desk"
    return None


def restless(row: Any, now: Instant) -> bool:
    """Whether the ticket `row` is unstable, and was not calm for long since."""
    return row.unstable_us is not None and now - row.unstable_us < CALM_US


def end(db: Connection, row: Any, how: End, actor: str, now: Instant) -> bool:
    """End an alarm and drop what waits of it; False if it was over."""
    this = (alarm.c.alarm_id == row.alarm_id, alarm.c.ended_us.is_(None))
    values = {"ended_us": now, "ended_how": how.value, "ended_by": actor}
    values["next_us"] = None  # type: ignore[assignment]
    if db.execute(update(alarm).where(*this).values(values)).rowcount != 1:
        return False
    waits = (call.c.alarm_id == row.alarm_id, call.c.state == "pending")
    open_ = db.execute(select(call.c.message_id).where(*waits)).scalars().all()
    drop_call_mails(db, [one for one in open_ if one])
    db.execute(update(call).where(*waits).values(state="dropped"))
    return True


def put(db: Connection, row: Any, **values: Any) -> None:
    """Write what of an alarm is another one now."""
    db.execute(update(alarm).where(alarm.c.alarm_id == row.alarm_id).values(**values))


def enter(
    db: Connection, row: Any, kind: str, actor: str, now: Instant, data: dict[str, Any]
) -> None:
    """An entry of the ticket's history; no customer reads it."""
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "kind": kind,
        "at_us": now,
        "stored_us": now,
        "actor": actor,
        "data": data | {"internal": True},
    }
    db.execute(insert(ticket_event).values(values))
