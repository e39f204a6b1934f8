"""Which openings belong to a storm: decided in the transaction of the opening (1.4).

By the dates of the openings and not by when the desk heard of them: what an agent
reports after three days without a line was no storm because it arrives at once.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from scudo_agent.desk.cadence import (
    STORM_OPENINGS,
    STORM_SPAN_US,
    STORM_TAIL_US,
    crowded,
)
from scudo_agent.desk.lifecycle import Incident, Ticket, born
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import incident, ticket
from scudo_agent.instant import Instant
from scudo_agent.wire import Stage

# Made once: making a statement costs more than running it.
_STORM = (
    select(ticket.c.ticket_id)
    .where(
        ticket.c.tenant_id == bindparam("tenant"),
        ticket.c.storm_us > bindparam("after"),
        ticket.c.storm_us < bindparam("before"),
    )
    .order_by(ticket.c.storm_us.desc(), ticket.c.ticket_id.desc())
    .limit(1)
)
_OPENINGS = select(
    incident.c.site_id, incident.c.subject_key, incident.c.opened_us
).where(
    incident.c.tenant_id == bindparam("tenant"),
    incident.c.audience == "customer",
    incident.c.opened_us.between(bindparam("first"), bindparam("last")),
)
_BEFORE = _OPENINGS.order_by(incident.c.opened_us.desc())
_AFTER = _OPENINGS.order_by(incident.c.opened_us)


class Storms:
    """Storms of one agent's customer within the transaction `db`."""

    def __init__(self, db: Connection, who: AgentIdentity) -> None:
        self._db = db
        self._who = who

    def joined(self, stage: Stage, new: Incident) -> int | None:
        """The storm ticket that an opening goes into, if there is one.

        One that its own opening came at most 10 min after (or before, from a site
        that reports late).
        """
        if stage.audience != "customer":
            return None
        near = {
            "tenant": self._who.tenant_id,
            "after": new.opened - STORM_TAIL_US,
            "before": new.opened + STORM_TAIL_US,
        }
        return self._db.execute(_STORM, near).scalar()

    def born(self, stage: Stage, new: Incident) -> Ticket:
        """The ticket of an opening that goes into none: its own, or a new storm's."""
        alone = born(new)
        if stage.audience != "customer" or not crowded(new.opened, self._near(new)):
            return alone
        return replace(alone, title={}, storm=new.opened)

    def grown(self, storm: Ticket, new: Incident) -> Ticket:
        """The storm ticket after one more opening."""
        return replace(storm, storm=max(storm.storm or new.opened, new.opened))

    def _near(self, new: Incident) -> list[Instant]:
        """The openings of other subjects next to this one, two on each side.

        A second agent's report of the same subject is no second opening.
        """
        own, at = new.subject_key, new.opened
        return [
            *self._dates(_BEFORE, own, at - STORM_SPAN_US, at),
            *self._dates(_AFTER, own, at + 1, at + STORM_SPAN_US),
        ]

    def _dates(
        self, openings: Select[Any], own: str, first: int, last: int
    ) -> list[Instant]:
        span = {"tenant": self._who.tenant_id, "first": first, "last": last}
        rows = self._db.execute(openings, span)
        dates: dict[tuple[str, str], Instant] = {}
        for row in rows:
            subject = (row.site_id, row.subject_key)
            if subject != (self._who.site_id, own):
                dates.setdefault(subject, Instant(row.opened_us))
            if len(dates) == STORM_OPENINGS - 1:
                break
        rows.close()
        return list(dates.values())
