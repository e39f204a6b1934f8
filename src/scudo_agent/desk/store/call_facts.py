"""What decides whether somebody is called now: hours, windows, what was taken."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from scudo_agent.contract.hours import TicketFacts
from scudo_agent.desk.escalation import Hours
from scudo_agent.desk.lifecycle import HEADINGS, Status
from scudo_agent.desk.store.clocking import calendar_of
from scudo_agent.desk.store.coverage import promised
from scudo_agent.desk.store.entries import stage_in
from scudo_agent.desk.store.leaving import MOVED_HERE
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import ticket, ticket_event
from scudo_agent.desk.store.window_rows import states
from scudo_agent.desk.windows import EVERY, Phase, phase, standing, window_of
from scudo_agent.errors import ConfigError
from scudo_agent.instant import DAY, Instant
from scudo_agent.model import Kind

_AHEAD_DAYS = 40
"""A contract without service hours for so long is looked at again tomorrow."""

_turned = ticket_event.c.data[("status", "to")].as_string()
_FLAPS = (Kind.OPEN.value, Kind.REOPEN.value)
_TAKES = ("triaged", "severity_set", "assigned", "estimated", "status", "closed")


def free_at(db: Connection, row: Any, hours: Hours, now: Instant) -> Instant:
    """From when on somebody may be called about the ticket `row`; `now`: at once."""
    later = max(_covered_at(db, row, hours, now), _window_end(db, row, now))
    return max(now, later)


def family_of(db: Connection, row: Any) -> str:
    """The number of the storm that the ticket left, else its own."""
    query = select(ticket_event.c.data).where(
        *_of(row), ticket_event.c.kind == MOVED_HERE
    )
    data = db.execute(query.order_by(ticket_event.c.event_id).limit(1)).scalar()
    return str((data or {}).get("from") or row.ref)


def storm_of(one: Any) -> ColumnElement[str]:
    """The number of the storm that the ticket of the columns `one` left, or empty."""
    moved = (
        select(ticket_event.c.data["from"].as_string())
        .where(
            ticket_event.c.tenant_id == one.tenant_id,
            ticket_event.c.ticket_id == one.ticket_id,
            ticket_event.c.kind == MOVED_HERE,
        )
        .order_by(ticket_event.c.event_id)
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(moved, "")


def comes_back(unstable: ColumnElement[int]) -> ColumnElement[bool]:
    """Which entries of a history say that the ticket is back, whoever knew before.

    Where it is `unstable`, what agents see come and go is nothing new.
    """
    back = or_(
        _turned == Status.REOPENED.value,
        ticket_event.c.data["back"].as_boolean().is_(True),
    )
    return and_(back, or_(unstable.is_(None), ticket_event.c.kind.not_in(_FLAPS)))


def back_at(db: Connection, row: Any) -> Instant | None:
    """When the ticket `row` was back last; None if it never was away."""
    mine = (
        ticket.c.tenant_id == row.tenant_id,
        ticket.c.ticket_id == row.ticket_id,
    )
    query = (
        select(func.max(ticket_event.c.stored_us))
        .join(ticket, ticket.c.ticket_id == ticket_event.c.ticket_id)
        .where(*_of(row), *mine, comes_back(ticket.c.unstable_us))
    )
    found = db.execute(query).scalar()
    return None if found is None else Instant(int(found))


def taken_by(db: Connection, row: Any, since: Instant) -> str | None:
    """Who of the provider's people did something that takes the ticket since then."""
    query = (
        select(ticket_event.c.actor, ticket_event.c.kind, ticket_event.c.data)
        .where(
            *_of(row),
            ticket_event.c.stored_us >= since,
            ticket_event.c.kind.in_(_TAKES),
            ticket_event.c.actor.like("person:%"),
            func.coalesce(_turned, "") != Status.REOPENED.value,
        )
        .order_by(ticket_event.c.event_id)
    )
    for one in db.execute(query):
        if one.kind == "assigned" and one.data.get("to") is None:
            continue  # given back to the queue: nobody has it
        return str(one.actor)
    return None


def _covered_at(db: Connection, row: Any, hours: Hours, now: Instant) -> Instant:
    if hours is Hours.ALWAYS:
        return now
    version = promised(db, row.tenant_id, row.site_id, now)
    if version is None:
        return now
    try:
        calendar = calendar_of(version)
    except ConfigError:  # the log says so where contracts are read
        return now
    facts = TicketFacts(severity=row.severity, category=row.category, origin=row.origin)
    day = calendar.local_day(now)
    # The day before, too: its hours may end after midnight.
    for number in range(-1, _AHEAD_DAYS):
        for start, end in calendar.service(day + timedelta(days=number), facts):
            if now < end:
                return Instant(max(now, start))
    return Instant(now + DAY)


def _window_end(db: Connection, row: Any, now: Instant) -> Instant:
    """When the maintenance is over that all of the ticket's services are in."""
    who = AgentIdentity(tenant_id=row.tenant_id, site_id=row.site_id, agent_id="")
    going_on = [
        one for one in map(window_of, states(db, who)) if phase(one, now) is Phase.OPEN
    ]
    if not going_on:
        return now
    wanted = _affected(db, row)
    whole = [one for one in going_on if EVERY in one.services]
    ends = [standing(one).end for one in whole]
    covered = {name for one in going_on for name in one.services}
    if wanted and wanted <= covered:
        ends += [standing(one).end for one in going_on if wanted & set(one.services)]
    return max(ends, default=now)


def _affected(db: Connection, row: Any) -> set[str]:
    query = (
        select(ticket_event.c.data)
        .where(*_of(row), ticket_event.c.kind.in_([kind.value for kind in HEADINGS]))
        .order_by(ticket_event.c.event_id.desc())
        .limit(1)
    )
    stage = stage_in(db.execute(query).scalar())
    return set() if stage is None else {one.id for one in stage.affected}


def _of(row: Any) -> tuple[Any, Any]:
    return (
        ticket_event.c.tenant_id == row.tenant_id,
        ticket_event.c.ticket_id == row.ticket_id,
    )
