"""A pair of agents of one site: what the second says of what the first has told.

Both watch the same from two machines and name a subject alike. An outage has one
ticket whichever of them is heard first, or last (`docs/decisions/pair.md`).
"""

from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from scudo_agent.desk.lifecycle import Condition, Incident
from scudo_agent.desk.store.contracts import contract_of, last_version
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import incident
from scudo_agent.errors import ConfigError
from scudo_agent.instant import HOUR
from scudo_agent.wire import Stage

_REOPEN_US = 4 * HOUR
"""As agents go by without a contract."""

# Made once: making a statement costs more than running it.
_OTHERS = select(incident.c.ticket_id).where(
    incident.c.tenant_id == bindparam("tenant"),
    incident.c.site_id == bindparam("at_site"),
    incident.c.subject_key == bindparam("subject"),
    incident.c.agent_id != bindparam("agent"),
    incident.c.condition == Condition.RECOVERED.value,
    incident.c.audience == "customer",
)
_ANY = _OTHERS.limit(1)
_NEAREST = (
    _OTHERS.where(
        incident.c.ended_us > bindparam("from_us"),
        incident.c.since_us < bindparam("to_us"),
    )
    .order_by(
        func.abs(incident.c.since_us - bindparam("since")), incident.c.incident_id
    )
    .limit(1)
)


class Twins:
    """Incidents of a site's other agent, within the transaction `db`."""

    def __init__(self, db: Connection, who: AgentIdentity) -> None:
        self._db = db
        self._who = who
        self._span_us: int | None = None

    def ticket(self, stage: Stage, new: Incident) -> int | None:
        """The ticket of the other agent's incident about the same, which is over.

        That is the nearest one on this subject that was bad less than
        `tickets.reopen` before this opening's date or after it: as a relapse it
        would be the same ticket, too. None: there is no such incident.
        """
        if stage.audience != "customer" or not self._paired(new):
            return None
        span_us = self._reopen_us()
        near = {
            "from_us": new.since - span_us,
            "to_us": new.since + span_us,
            "since": new.since,
        }
        return self._db.execute(_NEAREST, self._others(new) | near).scalar()

    def _paired(self, new: Incident) -> bool:
        """Whether there is any: most sites have one agent, and need no contract."""
        return self._db.execute(_ANY, self._others(new)).first() is not None

    def _others(self, new: Incident) -> dict[str, Any]:
        return {
            "tenant": self._who.tenant_id,
            "at_site": self._who.site_id,
            "subject": new.subject_key,
            "agent": self._who.agent_id,
        }

    def _reopen_us(self) -> int:
        if self._span_us is None:
            self._span_us = self._agreed()
        return self._span_us

    def _agreed(self) -> int:
        contract_id, revision = contract_of(self._db, self._who)
        version = last_version(self._db, contract_id or "") if revision else None
        try:
            return _REOPEN_US if version is None else version.contract.tickets.reopen_us
        except ConfigError:
            return _REOPEN_US  # said aloud where the contract counts
