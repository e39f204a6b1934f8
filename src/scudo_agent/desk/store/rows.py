"""The rows behind one stage: each method is one statement or two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row

from scudo_agent.desk.cadence import Steadiness
from scudo_agent.desk.life import turn
from scudo_agent.desk.lifecycle import (
    MEASURED,
    Condition,
    Incident,
    Status,
    Ticket,
    storm_ref,
    ticket_ref,
)
from scudo_agent.desk.store import row_statements as do
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.search import index_born, index_stage
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.wire import Stage

WAITED_FOR = "waited_for"
"""Kind of the entry that says so: a silent agent's word counts again."""

ORIGIN = "AltecMonitor"
"""How a report by an agent came in (`domain.md` 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIncident:
    """An incident as it is stored, with its site and its ticket."""

    incident: Incident
    site_id: str
    ticket_id: int
    audience: str = "customer"
    aside: bool = False
    """Its agent is silent, and the other one of the pair saw the end of it."""


class Rows:
    """Reads and writes of one agent's tenant within the transaction `db`.

    What was read or written once is known from then on: nobody else writes to
    these incidents and tickets while the transaction lasts.
    """

    def __init__(self, db: Connection, who: AgentIdentity, now: Instant) -> None:
        self._db = db
        self._who = who
        self._now = now
        self._mine = {"tenant": who.tenant_id}
        self._refs: dict[int, str] = {}
        self._incidents: dict[str, KnownIncident | None] = {}
        self._tickets: dict[int, Ticket] = {}
        self._any_held: bool | None = None

    def look_up(self, incidents: Iterable[str]) -> None:
        """Read these incidents in one go: a batch will ask for each of them."""
        wanted = [one for one in incidents if one not in self._incidents]
        self._incidents |= dict.fromkeys(wanted)
        for row in self._db.execute(do.INCIDENTS, {**self._mine, "ids": wanted}):
            self._incidents[row.incident_id] = _known(row)

    def incident(self, incident_id: str) -> KnownIncident | None:
        """The incident of this tenant with that id."""
        if incident_id not in self._incidents:
            row = self._db.execute(do.INCIDENT, self._one(incident_id)).first()
            self._incidents[incident_id] = None if row is None else _known(row)
        return self._incidents[incident_id]

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
        self._db.execute(do.NEW_INCIDENT, row | _columns(new))
        self._incidents[stage.incident_id] = KnownIncident(
            incident=new,
            site_id=self._who.site_id,
            ticket_id=ticket_id,
            audience=stage.audience,
        )

    def put_incident(
        self, incident_id: str, new: Incident, *, subject_open: bool
    ) -> None:
        """Write what a stage changed."""
        values = {**_columns(new), "subject_open": subject_open}
        bad = new.condition is Condition.BAD
        if not bad:
            values["aside_us"] = None
        self._db.execute(do.PUT_INCIDENT, self._one(incident_id) | values)
        if (known := self._incidents.get(incident_id)) is not None:
            aside = known.aside and bad
            self._incidents[incident_id] = replace(known, incident=new, aside=aside)

    def move_incident(self, incident_id: str, ticket_id: int) -> None:
        """Point an incident to another ticket."""
        self._db.execute(
            do.PUT_INCIDENT, self._one(incident_id) | {"ticket_id": ticket_id}
        )
        if (known := self._incidents.get(incident_id)) is not None:
            self._incidents[incident_id] = replace(known, ticket_id=ticket_id)

    def holder(self, subject_key: str, *, besides: str) -> int | None:
        """Ticket of the other open incident that holds the subject."""
        subject = self._subject(subject_key) | {"besides": besides}
        return self._db.execute(do.HOLDER, subject).scalar()

    def hand_over(self, subject_key: str) -> None:
        """If nobody holds the subject, the first incident still bad on it does."""
        if self.holder(subject_key, besides="") is not None:
            return
        heir = self._db.execute(do.HEIR, self._subject(subject_key)).scalar()
        if heir is not None:
            self._db.execute(do.PUT_INCIDENT, self._one(heir) | {"subject_open": True})

    def wait_for_silent(self, stage: Stage, ticket_id: int) -> None:
        """What was set aside counts again if nobody else is left to see the end.

        That is so when `stage` retires the last incident of the ticket that was bad.
        """
        besides = stage.incident_id
        if Condition.BAD in self.conditions(ticket_id, besides=besides):
            return
        of_ticket = {**self._mine, "ticket": ticket_id, "besides": besides}
        for row in self._db.execute(do.SILENT, of_ticket).all():
            mine = self._one(row.incident_id)
            self._db.execute(do.PUT_INCIDENT, mine | {"aside_us": None})
            self._incidents.pop(row.incident_id, None)
            self.hand_over(row.subject_key)
            told = {"kind": WAITED_FOR, "incident_id": row.incident_id, "data": {}}
            told |= {"rev": None, "actor": "desk"}
            self._db.execute(do.NOTE, self._entry(stage, ticket_id) | told)

    def conditions(self, ticket_id: int, *, besides: str) -> Sequence[Condition]:
        """How the other incidents of a ticket are, each condition once.

        One look into the index for each: a storm has thousands of incidents.
        """
        of_ticket = {**self._mine, "ticket": ticket_id, "besides": besides}
        return [
            condition
            for condition in MEASURED
            if self._db.execute(do.IS_SO, {**of_ticket, "so": condition.value}).first()
        ]

    def ended(self, ticket_id: int, *, besides: str) -> int | None:
        """When the last of a ticket's other incidents was over."""
        of_ticket = {**self._mine, "ticket": ticket_id, "besides": besides}
        return self._db.execute(do.ENDED, of_ticket).scalar()

    def reported(self, ticket_id: int, *, besides: str) -> int | None:
        """The worst severity that agents reported of a ticket's other incidents."""
        of_ticket = {**self._mine, "ticket": ticket_id, "besides": besides}
        return self._db.execute(do.WORST, of_ticket).scalar()

    def hold(self, stage: Stage) -> None:
        """Keep a stage whose predecessor has not arrived."""
        if self._db.execute(do.HELD, self._held(stage.incident_id, stage.rev)).first():
            return
        row = {
            "tenant_id": self._who.tenant_id,
            "incident_id": stage.incident_id,
            "rev": stage.rev,
            "agent_id": self._who.agent_id,
            "stage": stage.model_dump(mode="json"),
            "stored_us": self._now,
        }
        self._db.execute(do.HOLD, row)
        self._any_held = True

    def release(self, incident_id: str, rev: int) -> Stage | None:
        """Take a held stage out."""
        if self._any_held is None:
            self._any_held = (
                self._db.execute(do.ANY_HELD, self._own()).first() is not None
            )
        if not self._any_held:
            return None
        mine = self._held(incident_id, rev) | self._own()
        data = self._db.execute(do.OWN_HELD, mine).scalar()
        if data is None:
            return None
        self._db.execute(do.RELEASE, mine)
        return Stage.model_validate(data)

    def ref_of(self, incident_id: str) -> str:
        """Number of the ticket that an incident belongs to, or an empty text."""
        known = self.incident(incident_id)
        return "" if known is None else self._ref(known.ticket_id)

    def _ref(self, ticket_id: int) -> str:
        if ticket_id not in self._refs:
            ref = self._db.execute(do.REF, {"ticket": ticket_id}).scalar_one()
            self._refs[ticket_id] = str(ref)
        return self._refs[ticket_id]

    def ticket(self, ticket_id: int) -> Ticket:
        """What a stage can change of a ticket."""
        if ticket_id not in self._tickets:
            row = self._db.execute(do.TICKET, {"ticket": ticket_id}).one()
            self._tickets[ticket_id] = _ticket(row)
        return self._tickets[ticket_id]

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
        made = self._db.execute(do.NEW_TICKET, row | _ticket_columns(new))
        ticket_id = int(made.scalar_one())
        self._tickets[ticket_id], self._refs[ticket_id] = new, ref
        index_born(self._db, self._who.tenant_id, ticket_id, ref)
        return ticket_id

    def put_ticket(self, ticket_id: int, new: Ticket) -> None:
        """Write what a stage changed, if it changed anything."""
        if self.ticket(ticket_id) != new:
            self._put(ticket_id, _ticket_columns(new))
            self._tickets[ticket_id] = new

    def put_condition(self, ticket_id: int, condition: Condition) -> None:
        """Write the condition alone."""
        self._put(ticket_id, {"condition": condition.value})
        if (known := self._tickets.get(ticket_id)) is not None:
            self._tickets[ticket_id] = replace(known, condition=condition)

    def mark_late(self, ticket_id: int) -> None:
        """Its incident was over when the desk heard of it."""
        self._put(ticket_id, {"reported_late": True})

    def note(
        self, stage: Stage, ticket_id: int, after: Ticket, *, before: Ticket
    ) -> int:
        """One entry of history for one stage; return its id.

        `before`: the ticket as it was, the same if the stage made it.
        """
        data: dict[str, Any] = {"stage": stage.model_dump(mode="json")}
        if before.status is not after.status:
            data["status"] = turn(before.status, after.status)
        if after.condition is Condition.BAD and before.condition is not after.condition:
            data["back"] = True
        row = self._entry(stage, ticket_id) | {
            "kind": stage.kind.value,
            "severity": after.severity,
            "rule": after.rule,
            "data": data,
        }
        index_stage(self._db, self._who.tenant_id, ticket_id, stage)
        return int(self._db.execute(do.NOTE, row).scalar_one())

    def note_moved(self, stage: Stage, ticket_id: int, holder: int) -> None:
        """The ticket that an incident left says where it went."""
        told = {"kind": "moved", "data": {"ticket": self._ref(holder)}}
        self._db.execute(do.NOTE, self._entry(stage, ticket_id) | told)

    def _entry(self, stage: Stage, ticket_id: int) -> dict[str, Any]:
        return {
            "tenant_id": self._who.tenant_id,
            "ticket_id": ticket_id,
            "incident_id": stage.incident_id,
            "at_us": parse_instant(stage.at),
            "stored_us": self._now,
            "actor": self._who.actor,
            "rev": stage.rev,
        }

    def _put(self, ticket_id: int, values: dict[str, Any]) -> None:
        self._db.execute(do.PUT_TICKET, {"ticket": ticket_id, **values})

    def _taken(self, ref: str) -> bool:
        return self._db.execute(do.TAKEN, {"number": ref}).first() is not None

    def _one(self, incident_id: str) -> dict[str, Any]:
        return {**self._mine, "id": incident_id}

    def _subject(self, subject_key: str) -> dict[str, Any]:
        return {**self._mine, "at_site": self._who.site_id, "subject": subject_key}

    def _own(self) -> dict[str, Any]:
        return {**self._mine, "agent": self._who.agent_id}

    def _held(self, incident_id: str, rev: int) -> dict[str, Any]:
        return {**self._mine, "id": incident_id, "number": rev}


def _known(row: Row[Any]) -> KnownIncident:
    return KnownIncident(
        incident=_incident(row),
        site_id=row.site_id,
        ticket_id=row.ticket_id,
        audience=row.audience,
        aside=bool(row.aside_us),
    )


def _ticket(row: Row[Any]) -> Ticket:
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
