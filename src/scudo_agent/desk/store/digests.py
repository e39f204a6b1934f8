"""What a mail that gathers has to tell, read when it is about to leave."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, func, or_, select

from scudo_agent.desk.lifecycle import Condition
from scudo_agent.desk.store.post import MOVED
from scudo_agent.desk.store.tables import incident, mail_outbox, ticket
from scudo_agent.instant import Instant
from scudo_agent.model import Kind
from scudo_agent.wire import Named

FIRST_FEW = 4
"""So many incidents of a storm are named in its mail; the page has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One incident of a storm; `ref` when it went on in a ticket of its own."""

    name: Named
    ended: Instant | None
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StormNews:
    """A storm as it stands; `again`: its readers had a mail about it before.

    `parts` are the first few that go on, or of all when none does.
    """

    total: int
    bad: int
    unmeasured: int
    parts: tuple[Part, ...]
    moved: tuple[Part, ...]
    moved_count: int
    since: Instant
    until: Instant | None
    severity: int | None
    rule: str | None
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlapNews:
    """An unstable ticket: how often it was re-opened in all, and since the last mail.

    `ended` is set when it is over for now; `told_from` is when the first stage
    happened that this mail tells of.
    """

    relapses: int
    in_all: int
    told_from: Instant
    bad: bool
    ended: Instant | None
    severity: int | None
    rule: str | None
    unstable: bool


def news(db: Connection, row: Any) -> StormNews | FlapNews | None:
    """What the claimed outbox row tells if it gathers; None if it does not."""
    if not row.digest:
        return None
    facts = db.execute(select(ticket).where(ticket.c.ticket_id == row.ticket_id)).one()
    if facts.storm_us is not None:
        return _storm(db, row, facts)
    return _flap(db, row, facts)


def told(row: Any) -> Any:
    """Where-clause: the row itself and what was folded into it."""
    return and_(
        mail_outbox.c.tenant_id == row.tenant_id,
        or_(
            mail_outbox.c.mail_id == row.mail_id,
            mail_outbox.c.folded_into == row.message_id,
        ),
    )


def _storm(db: Connection, row: Any, facts: Any) -> StormNews:
    mine = and_(
        incident.c.tenant_id == row.tenant_id, incident.c.ticket_id == row.ticket_id
    )
    counts = {
        condition: int(count)
        for condition, count in db.execute(
            select(incident.c.condition, func.count())
            .where(mine)
            .group_by(incident.c.condition)
        )
    }
    bad = counts.get(Condition.BAD.value, 0)
    first = db.execute(
        select(incident)
        .where(mine, *([incident.c.condition == Condition.BAD.value] if bad else []))
        .order_by(
            incident.c.severity.is_(None),
            incident.c.severity,
            incident.c.opened_us,
            incident.c.incident_id,
        )
        .limit(FIRST_FEW)
    )
    parts = tuple(_part(one) for one in first)
    moved, count = _moved(db, row)
    until = db.execute(select(func.max(incident.c.ended_us)).where(mine)).scalar()
    return StormNews(
        total=sum(counts.values()) + count,
        bad=bad,
        unmeasured=counts.get(Condition.NOT_MEASURED.value, 0),
        parts=parts,
        moved=moved,
        moved_count=count,
        since=Instant(facts.since_us),
        until=None if bad or until is None else Instant(until),
        severity=facts.severity,
        rule=facts.rule,
        again=_again(db, row),
    )


def _moved(db: Connection, row: Any) -> tuple[tuple[Part, ...], int]:
    """Incidents that went on in tickets of their own, as this mail tells."""
    rows = db.execute(
        select(incident, ticket.c.ref)
        .join(
            mail_outbox,
            and_(
                mail_outbox.c.tenant_id == incident.c.tenant_id,
                mail_outbox.c.incident_id == incident.c.incident_id,
            ),
        )
        .join(ticket, ticket.c.ticket_id == incident.c.ticket_id)
        .where(told(row), mail_outbox.c.kind == MOVED)
        .order_by(mail_outbox.c.mail_id)
    ).all()
    return tuple(_part(one, one.ref) for one in rows[:FIRST_FEW]), len(rows)


def _part(row: Any, ref: str = "") -> Part:
    name = Named(id=row.subject_key.partition(":")[2], title=row.title)
    return Part(name=name, ended=row.ended_us, ref=ref)


def _again(db: Connection, row: Any) -> bool:
    query = select(mail_outbox.c.mail_id).where(
        mail_outbox.c.tenant_id == row.tenant_id,
        mail_outbox.c.ticket_id == row.ticket_id,
        mail_outbox.c.state == "sent",
    )
    return db.execute(query.limit(1)).first() is not None


def _flap(db: Connection, row: Any, facts: Any) -> FlapNews:
    relapses, first = db.execute(
        select(
            func.sum(case((mail_outbox.c.kind == Kind.REOPEN.value, 1), else_=0)),
            func.min(mail_outbox.c.created_us),
        ).where(told(row))
    ).one()
    bad = facts.condition == Condition.BAD.value
    return FlapNews(
        relapses=int(relapses or 0),
        in_all=facts.reopen_count,
        told_from=Instant(first),
        bad=bad,
        ended=None if bad else facts.recovered_us,
        severity=facts.severity,
        rule=facts.rule,
        unstable=facts.unstable_us is not None,
    )
