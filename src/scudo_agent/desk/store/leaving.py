"""Incidents that leave a storm: severity 1, still bad after 15 min.

Who is due follows from rows, whenever it is looked at, so that a desk that was
stopped moves the same ones, and each of them once.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from scudo_agent.desk.cadence import OWN_MAILS, OWN_TICKET_US
from scudo_agent.desk.lifecycle import HEADINGS, Condition, Status, born, joint
from scudo_agent.desk.store.clocking import clocked
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.post import Post, Posting
from scudo_agent.desk.store.row_statements import COUNTS
from scudo_agent.desk.store.rows import Rows
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.search import index_stage
from scudo_agent.desk.store.tables import incident, ticket, ticket_event
from scudo_agent.instant import Instant
from scudo_agent.model import Kind
from scudo_agent.wire import Stage

ACTOR = "desk"
MOVED_HERE = "moved_here"
_AT_ONCE = 100
"""Incidents in one transaction: others wait for the writer meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    who: AgentIdentity
    incident_id: str
    storm_id: int
    at: Instant


class Leaving:
    """Finds what is due and moves it."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def move_due(self) -> tuple[int, Instant | None]:
        """Give each that is due a ticket of its own; how many, and when the next is."""
        moved = 0
        while True:
            with self._database.read() as db:
                waiting = _waiting(db)
            now = self._now()
            if not any(one.at <= now for one in waiting):
                return moved, min((one.at for one in waiting), default=None)
            with self._database.write() as db:
                # Once more: an agent may have had its word meanwhile.
                due = [one for one in _waiting(db) if one.at <= now]
                moved += self._move(db, due, now)

    def _move(self, db: Connection, due: list[_Due], now: Instant) -> int:
        by_storm: dict[int, list[_Due]] = defaultdict(list)
        for one in due:
            by_storm[one.storm_id].append(one)
        left = _AT_ONCE
        for storm_id, ones in by_storm.items():
            alone = len(ones) <= OWN_MAILS
            for one in ones[:left]:
                self._give(db, one, now, alone=alone)
            _settle(db, storm_id, ones[0].who.tenant_id)
            left -= min(left, len(ones))
        return _AT_ONCE - left

    def _give(self, db: Connection, one: _Due, now: Instant, *, alone: bool) -> None:
        """Move one incident, with those that share its subject."""
        rows = Rows(db, one.who, now)
        known = rows.incident(one.incident_id)
        if known is None or known.ticket_id != one.storm_id:
            return  # it went along with another incident of its subject
        last, telling = _stages(db, one)
        ticket_id = rows.new_ticket(telling, born(known.incident))
        index_stage(db, one.who.tenant_id, ticket_id, telling)
        db.execute(
            update(incident)
            .where(
                incident.c.tenant_id == one.who.tenant_id,
                incident.c.site_id == one.who.site_id,
                incident.c.subject_key == known.incident.subject_key,
                incident.c.ticket_id == one.storm_id,
                incident.c.condition == Condition.BAD.value,
            )
            .values(ticket_id=ticket_id)
        )
        refs = {
            row.ticket_id: row.ref
            for row in db.execute(
                select(ticket.c.ticket_id, ticket.c.ref).where(
                    ticket.c.ticket_id.in_((one.storm_id, ticket_id))
                )
            )
        }
        event = {
            "tenant_id": one.who.tenant_id,
            "incident_id": one.incident_id,
            "at_us": now,
            "stored_us": now,
            "actor": ACTOR,
            "rev": last.rev,
        }
        here = {
            "ticket_id": ticket_id,
            "kind": MOVED_HERE,
            "severity": known.incident.severity,
            "rule": known.incident.rule,
            "data": {
                "stage": telling.model_dump(mode="json"),
                "from": refs[one.storm_id],
            },
        }
        there = {
            "ticket_id": one.storm_id,
            "kind": "moved",
            "data": {
                "ticket": refs[ticket_id],
                "subject": telling.subject.model_dump(mode="json"),
            },
        }
        db.execute(insert(ticket_event).values(event | there))
        query = insert(ticket_event).values(event | here)
        event_id = db.execute(query.returning(ticket_event.c.event_id)).scalar_one()
        clocked(db, ticket_id, now=now)
        post = Post(db, one.who.tenant_id, now=now, posting=self._posting)
        post.moved(
            last,
            ticket_id,
            event_id=int(event_id),
            storm_id=one.storm_id,
            alone=alone,
        )


def _waiting(db: Connection) -> list[_Due]:
    """Blocking incidents in open storms, with when each has been bad for 15 min."""
    event = ticket_event.alias()
    since = (
        select(func.max(event.c.at_us))
        .where(
            event.c.tenant_id == incident.c.tenant_id,
            event.c.incident_id == incident.c.incident_id,
            event.c.kind.in_((Kind.OPEN.value, Kind.REOPEN.value)),
        )
        .scalar_subquery()
    )
    rows = db.execute(
        select(
            incident.c.tenant_id,
            incident.c.site_id,
            incident.c.agent_id,
            incident.c.incident_id,
            incident.c.ticket_id,
            since.label("bad_us"),
        )
        .join(
            ticket,
            (ticket.c.tenant_id == incident.c.tenant_id)
            & (ticket.c.ticket_id == incident.c.ticket_id),
        )
        .where(
            ticket.c.storm_us.is_not(None),
            # What a person closed is left alone until the desk re-opens it.
            ticket.c.status != Status.CLOSED.value,
            incident.c.condition == Condition.BAD.value,
            incident.c.severity == 1,
            COUNTS,
        )
        .order_by(incident.c.opened_us, incident.c.incident_id)
    )
    return [
        _Due(
            who=AgentIdentity(
                tenant_id=row.tenant_id, site_id=row.site_id, agent_id=row.agent_id
            ),
            incident_id=row.incident_id,
            storm_id=row.ticket_id,
            at=Instant(row.bad_us + OWN_TICKET_US),
        )
        for row in rows
    ]


def _stages(db: Connection, one: _Due) -> tuple[Stage, Stage]:
    """The incident's last stage, and the last that gave it its headline."""
    rows = db.execute(
        select(ticket_event.c.data)
        .where(
            ticket_event.c.tenant_id == one.who.tenant_id,
            ticket_event.c.incident_id == one.incident_id,
            ticket_event.c.kind.in_([kind.value for kind in Kind]),
        )
        .order_by(ticket_event.c.rev)
    ).scalars()
    stages = [Stage.model_validate(data["stage"]) for data in rows]
    return stages[-1], [stage for stage in stages if stage.kind in HEADINGS][-1]


def _settle(db: Connection, storm_id: int, tenant_id: str) -> None:
    """A storm is as those are that stayed in it; with none, nothing measures it."""
    left = db.execute(
        select(incident.c.condition, func.max(incident.c.ended_us).label("ended_us"))
        .where(incident.c.tenant_id == tenant_id, incident.c.ticket_id == storm_id)
        .group_by(incident.c.condition)
    ).all()
    condition = (
        joint(Condition(row.condition) for row in left)
        if left
        else Condition.NOT_MEASURED
    )
    over = condition is Condition.RECOVERED
    ended = max((row.ended_us or 0 for row in left), default=0) if over else None
    db.execute(
        update(ticket)
        .where(ticket.c.ticket_id == storm_id)
        .values(condition=condition.value, recovered_us=ended)
    )
