"""Incidents that the desk has open, taken over by a store that lacks them.

A store that was made anew knows none of them; one that was put back from a backup
knows some, perhaps as they were days ago. What it says next of an incident must
count on from what the desk has heard (`reliability.md` 1.7), else the desk would
take it for a repeat.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.sqlite import insert

from scudo_agent.instant import parse_instant
from scudo_agent.model import Kind
from scudo_agent.store import schema
from scudo_agent.store.values import IncidentState
from scudo_agent.wire import OpenIncident, canonical

_incident = schema.incident
_outbox = schema.outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The desk's open incidents against the store's: `missing` ones are unknown
    here or over; of those in `behind` the desk has heard more than was kept."""

    missing: tuple[OpenIncident, ...]
    behind: tuple[OpenIncident, ...]


def compare(connection: Connection, found: Sequence[OpenIncident]) -> Compared:
    """Which of the desk's open incidents must be taken over, and how."""
    missing, behind = [], []
    for one in found:
        own = connection.execute(
            select(_incident.c.rev, _incident.c.state).where(
                _incident.c.incident_id == one.incident_id
            )
        ).one_or_none()
        if own is None:
            missing.append(one)
        elif own.rev <= one.rev:
            untold = _untold(connection, one.incident_id)
            if untold or IncidentState(own.state).open:
                behind.append(one)
            else:
                # It was over when the backup was made, and opened again.
                missing.append(one)
    return Compared(missing=tuple(missing), behind=tuple(behind))


def take_over(connection: Connection, missing: Iterable[OpenIncident]) -> None:
    """Write them down as open, with the number of their last stage."""
    for one in missing:
        row = {
            "subject_key": one.subject_key,
            "audience": one.audience,
            "since_us": parse_instant(one.since),
            "opened_us": parse_instant(one.opened),
            "severity": one.severity,
            "rule": one.rule,
            "state": IncidentState.OPEN_ACKED.value,
            "rev": one.rev,
            "recovered_us": None,
            "reopen_count": one.reopen_count,
            "ticket_ref": one.ticket,
            "data": "{}",
        }
        connection.execute(
            insert(_incident)
            .values(row | {"incident_id": one.incident_id, "previous": None})
            .on_conflict_do_update(index_elements=["incident_id"], set_=row)
        )


def catch_up(connection: Connection, behind: Iterable[OpenIncident]) -> None:
    """Number what was not told yet behind what the desk has heard."""
    for one in behind:
        untold = _untold(connection, one.incident_id)
        last = one.rev + len(untold)
        # From the last one down: no number is taken twice meanwhile.
        for place, row in reversed(list(enumerate(untold, start=one.rev + 1))):
            body = canonical({**json.loads(row.body), "rev": place})
            connection.execute(
                update(_outbox)
                .where(_outbox.c.stream == row.stream, _outbox.c.seq == row.seq)
                .values(rev=place, body=body, sha256=hashlib.sha256(body).hexdigest())
            )
        connection.execute(
            update(_incident)
            .where(_incident.c.incident_id == one.incident_id)
            .values(rev=last, ticket_ref=one.ticket)
        )


def _untold(connection: Connection, incident_id: str) -> list[Row[Any]]:
    """Its stages that the desk never acknowledged; the opening it has, or had."""
    return list(
        connection.execute(
            select(_outbox.c.stream, _outbox.c.seq, _outbox.c.rev, _outbox.c.body)
            .where(
                _outbox.c.incident_id == incident_id,
                _outbox.c.acked_us.is_(None),
                _outbox.c.kind != Kind.OPEN.value,
            )
            .order_by(_outbox.c.rev)
        )
    )
