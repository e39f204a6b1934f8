"""Open incidents that the desk has and this agent's store lacks: taken over.

That is after a store was lost, put back from a backup, or copied (`reliability.md`
1.7). What is taken over is judged, stored and told like everything else.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scudo_agent.instant import parse_instant
from scudo_agent.judge.adoption import Foundling
from scudo_agent.judge.batch import IncidentMemory, IncidentStage
from scudo_agent.model import Kind
from scudo_agent.text import T, Text
from scudo_agent.wire import OpenIncident

ADOPTED = T("the agent's store was lost: a new one goes on with this")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Incidents that the desk has open and this store lacks, or knows too little of.

    `stored` is set once they are taken over for good.
    """

    missing: tuple[OpenIncident, ...]
    behind: tuple[OpenIncident, ...]
    stored: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def found(self) -> tuple[Foundling, ...]:
        """What judging is to go on with."""
        return tuple(map(_foundling, self.missing))

    @property
    def remembered(self) -> Iterator[IncidentMemory]:
        """Since when they last: their lengths will be asked for."""
        for one in self.found:
            yield IncidentMemory(
                incident=one.incident,
                subject=one.subject,
                since=one.since,
                opened=one.opened,
                severity=one.severity,
                recovered=None,
            )


def said(
    stages: Iterable[IncidentStage], adoptions: Iterable[Adoption]
) -> Iterator[tuple[IncidentStage, Text | None]]:
    """Stages with what the notes among them say: judging itself has no words."""
    taken = {one.incident_id for adoption in adoptions for one in adoption.missing}
    for stage in stages:
        notes = stage.kind is Kind.NOTE and stage.incident in taken
        yield stage, ADOPTED if notes else None


def _foundling(one: OpenIncident) -> Foundling:
    return Foundling(
        incident=one.incident_id,
        subject=one.subject_key,
        since=parse_instant(one.since),
        opened=parse_instant(one.opened),
        severity=one.severity,
        rule=one.rule,
        members=one.members,
    )
