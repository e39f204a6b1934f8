"""The rows behind one stage: each method is one statement or two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from scudo_agent.desk.cadence import Steadiness
from scudo_agent.desk.lifecycle import (
    Condition,
    Incident,
    Status,
    Ticket,
    storm_ref,
    ticket_ref,
)
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import held_stage, incident, ticket, ticket_event
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.wire import Stage

ORIGIN = "AltecMonitor"
"""How a report by an agent came in (`domain.md` 5)."""


COUNTS = func.coalesce(incident.c.aside_us, 0) == 0
"""What is set aside says nothing of how its ticket is (`desk.store.pairs`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIncident:
    """An incident as it is stored, with its site and its ticket."""

    incident: Incident
    site_id: str
    ticket_id: int
    aside: bool = False
    """Its agent is silent, and the other one of the pair saw the end of it."""


class Rows:
    """Reads and writes of one agent's tenant within the transaction `db`."""

    def __init__(self, db: Connection, who: AgentIdentity, now: Instant) -> None:
        self._db = db
        self._who = who
        self._now = now
        self._refs: dict[int, str] = {}

    def incident(self, incident_id: str) -> KnownIncident | None:
        """The incident of this tenant with that id."""
        row = self._db.execute(
            select(incident).where(*self._incident(incident_id))
        ).first()
        if row is None:
            return None
        return KnownIncident(
            incident=_incident(row),
            site_id=row.site_id,
            ticket_id=row.ticket_id,
            aside=bool(row.aside_us),
        )

    def new_incident(
        self, stage: Stage, new: Incident, *, ticket_id: int, subject_open: bool
    ) -> None:
        """Insert it; the partial unique key guards the subject."""
        row = {
            "tenant_id": self._who.tenant_id,
            "incident_id": stage.incident_id,
            "site_id": self._who.site_id,
            "agent_id": self._who.agent_id,
            "ticket_id": ticket_id,
            "subject_open": subject_open,
            "audience": stage.audience,
            "previous": stage.previous,
            "stored_us": self._now,
        }
        self._db.execute(insert(incident).values(row | _columns(new)))

    def put_incident(
        self, incident_id: str, new: Incident, *, subject_open: bool
    ) -> None:
        """Write what a stage changed."""
        values = {**_columns(new), "subject_open": subject_open}
        if new.condition is not Condition.BAD:
            values["aside_us"] = None
        self._db.execute(
            update(incident).where(*self._incident(incident_id)).values(values)
        )

    def move_incident(self, incident_id: str, ticket_id: int) -> None:
        """Point an incident to another ticket."""
        self._db.execute(
            update(incident)
            .where(*self._incident(incident_id))
            .values(ticket_id=ticket_id)
        )

    def holder(self, subject_key: str, *, besides: str) -> int | None:
        """Ticket of the other open incident that holds the subject."""
        return self._db.execute(
            select(incident.c.ticket_id).where(
                *self._subject(subject_key),
                incident.c.subject_open,
                incident.c.incident_id != besides,
            )
        ).scalar()

    def hand_over(self, subject_key: str) -> None:
        """If nobody holds the subject, the first incident still bad on it does."""
        if self.holder(subject_key, besides="") is not None:
            return
        heir = self._db.execute(
            select(incident.c.incident_id)
            .where(
                *self._subject(subject_key),
                incident.c.condition == Condition.BAD.value,
                COUNTS,
            )
            .order_by(incident.c.opened_us, incident.c.incident_id)
            .limit(1)
        ).scalar()
        if heir is not None:
            self._db.execute(
                update(incident).where(*self._incident(heir)).values(subject_open=True)
            )

    def conditions(self, ticket_id: int, *, besides: str) -> Sequence[Condition]:
        """How the other incidents of a ticket are, each condition once.

        One look into the index for each: a storm has thousands of incidents.
        """
        return [
            condition
            for condition in Condition
            if self._db.execute(
                select(incident.c.incident_id)
                .where(
                    incident.c.tenant_id == self._who.tenant_id,
                    incident.c.ticket_id == ticket_id,
                    incident.c.condition == condition.value,
                    incident.c.incident_id != besides,
                    COUNTS,
                )
                .limit(1)
            ).first()
        ]

    def ended(self, ticket_id: int, *, besides: str) -> int | None:
        """When the last of a ticket's other incidents was over."""
        query = select(func.max(incident.c.ended_us)).where(
            incident.c.tenant_id == self._who.tenant_id,
            incident.c.ticket_id == ticket_id,
            incident.c.incident_id != besides,
        )
        return self._db.execute(query).scalar()

    def reported(self, ticket_id: int, *, besides: str) -> int | None:
        """The worst severity that agents reported of a ticket's other incidents."""
        query = select(func.min(incident.c.severity)).where(
            incident.c.tenant_id == self._who.tenant_id,
            incident.c.ticket_id == ticket_id,
            incident.c.incident_id != besides,
        )
        return self._db.execute(query).scalar()

    def hold(self, stage: Stage) -> None:
        """Keep a stage whose predecessor has not arrived."""
        mine = (
            held_stage.c.tenant_id == self._who.tenant_id,
            held_stage.c.incident_id == stage.incident_id,
            held_stage.c.rev == stage.rev,
        )
        if self._db.execute(select(held_stage.c.rev).where(*mine)).first():
            return
        row = {
            "tenant_id": self._who.tenant_id,
            "incident_id": stage.incident_id,
            "rev": stage.rev,
            "agent_id": self._who.agent_id,
            "stage": stage.model_dump(mode="json"),
            "stored_us": self._now,
        }
        self._db.execute(insert(held_stage).values(row))

    def release(self, incident_id: str, rev: int) -> Stage | None:
        """Take a held stage out."""
        mine = (
            held_stage.c.tenant_id == self._who.tenant_id,
            held_stage.c.incident_id == incident_id,
            held_stage.c.rev == rev,
            held_stage.c.agent_id == self._who.agent_id,
        )
        data = self._db.execute(select(held_stage.c.stage).where(*mine)).scalar()
        if data is None:
            return None
        self._db.execute(delete(held_stage).where(*mine))
        return Stage.model_validate(data)

    def ref_of(self, incident_id: str) -> str:
        """Number of the ticket that an incident belongs to, or an empty text."""
        mine = select(incident.c.ticket_id).where(*self._incident(incident_id))
        ticket_id = self._db.execute(mine).scalar()
        if ticket_id is None:
            return ""
        if ticket_id not in self._refs:
            ref = select(ticket.c.ref).where(ticket.c.ticket_id == ticket_id)
            self._refs[ticket_id] = str(self._db.execute(ref).scalar_one())
        return self._refs[ticket_id]

    def ticket(self, ticket_id: int) -> Ticket:
        """What a stage can change of a ticket."""
        row = self._db.execute(
            select(ticket).where(ticket.c.ticket_id == ticket_id)
        ).one()
        return Ticket(
            title=row.title,
            status=Status(row.status),
            condition=Condition(row.condition),
            severity=row.severity,
            rule=row.rule,
            reopen_count=row.reopen_count,
            recovered=row.recovered_us,
            steadiness=Steadiness(
                relapses=tuple((row.relapses or {}).get("us", ())),
                unstable=row.unstable_us,
            ),
            storm=row.storm_us,
            edited=row.edited,
        )

    def new_ticket(self, stage: Stage, new: Ticket) -> int:
        """Insert the ticket of an opening under a number that is free.

        A storm's is no incident's own: each of them may still get one.
        """
        collision = 0
        number = ticket_ref if new.storm is None else storm_ref
        while self._taken(ref := number(stage.incident_id, collision)):
            collision += 1
        row = {
            "tenant_id": self._who.tenant_id,
            "site_id": self._who.site_id,
            "ref": ref,
            "incident_id": stage.incident_id if new.storm is None else None,
            "origin": ORIGIN,
            "audience": stage.audience,
            "since_us": parse_instant(stage.since),
            "received_us": parse_instant(stage.at),
            "stored_us": self._now,
        }
        query = insert(ticket).values(row | _ticket_columns(new))
        return int(self._db.execute(query.returning(ticket.c.ticket_id)).scalar_one())

    def put_ticket(self, ticket_id: int, new: Ticket) -> None:
        """Write what a stage changed."""
        self._put(ticket_id, _ticket_columns(new))

    def put_condition(self, ticket_id: int, condition: Condition) -> None:
        """Write the condition alone."""
        self._put(ticket_id, {"condition": condition.value})

    def mark_late(self, ticket_id: int) -> None:
        """Its incident was over when the desk heard of it."""
        self._put(ticket_id, {"reported_late": True})

    def note(self, stage: Stage, ticket_id: int, after: Ticket) -> int:
        """One entry of history for one stage; return its id."""
        row = {
            "tenant_id": self._who.tenant_id,
            "ticket_id": ticket_id,
            "incident_id": stage.incident_id,
            "kind": stage.kind.value,
            "at_us": parse_instant(stage.at),
            "stored_us": self._now,
            "actor": self._who.actor,
            "rev": stage.rev,
            "severity": after.severity,
            "rule": after.rule,
            "data": {"stage": stage.model_dump(mode="json")},
        }
        query = insert(ticket_event).values(row).returning(ticket_event.c.event_id)
        return int(self._db.execute(query).scalar_one())

    def note_moved(self, stage: Stage, ticket_id: int, holder: int) -> None:
        """The ticket that an incident left says where it went."""
        ref = select(ticket.c.ref).where(ticket.c.ticket_id == holder)
        row = {
            "tenant_id": self._who.tenant_id,
            "ticket_id": ticket_id,
            "incident_id": stage.incident_id,
            "kind": "moved",
            "at_us": parse_instant(stage.at),
            "stored_us": self._now,
            "actor": self._who.actor,
            "rev": stage.rev,
            "data": {"ticket": self._db.execute(ref).scalar_one()},
        }
        self._db.execute(insert(ticket_event).values(row))

    def _put(self, ticket_id: int, values: dict[str, Any]) -> None:
        mine = ticket.c.ticket_id == ticket_id
        self._db.execute(update(ticket).where(mine).values(values))

    def _taken(self, ref: str) -> bool:
        query = select(ticket.c.ticket_id).where(ticket.c.ref == ref)
        return self._db.execute(query).first() is not None

    def _incident(self, incident_id: str) -> tuple[Any, ...]:
        return (
            incident.c.tenant_id == self._who.tenant_id,
            incident.c.incident_id == incident_id,
        )

    def _subject(self, subject_key: str) -> tuple[Any, ...]:
        return (
            incident.c.tenant_id == self._who.tenant_id,
            incident.c.site_id == self._who.site_id,
            incident.c.subject_key == subject_key,
        )


def _incident(row: Row[Any]) -> Incident:
    return Incident(
        subject_key=row.subject_key,
        title=row.title,
        since=row.since_us,
        opened=row.opened_us,
        severity=row.severity,
        rule=row.rule,
        condition=Condition(row.condition),
        ended=row.ended_us,
        reopen_count=row.reopen_count,
        rev=row.rev,
    )


def _columns(new: Incident) -> dict[str, Any]:
    return {
        "subject_key": new.subject_key,
        "title": new.title,
        "since_us": new.since,
        "opened_us": new.opened,
        "severity": new.severity,
        "rule": new.rule,
        "condition": new.condition.value,
        "ended_us": new.ended,
        "reopen_count": new.reopen_count,
        "rev": new.rev,
    }


def _ticket_columns(new: Ticket) -> dict[str, Any]:
    # A stage re-opens and never closes: who closed it also wrote when.
    open_ = {"closed_us": None, "closed_by": None}
    steady = new.steadiness
    # A real relapse: what the desk insisted on before is another matter.
    spell = {"insisted_us": None} if new.condition is Condition.RECOVERED else {}
    return (
        ({} if new.status is Status.CLOSED else open_)
        | spell
        | {
            "relapses": {"us": list(steady.relapses)} if steady.relapses else None,
            "unstable_us": steady.unstable,
            "storm_us": new.storm,
            "edited": new.edited,
            "title": new.title,
            "status": new.status.value,
            "condition": new.condition.value,
            "severity": new.severity,
            "rule": new.rule,
            "reopen_count": new.reopen_count,
            "recovered_us": new.recovered,
        }
    )
