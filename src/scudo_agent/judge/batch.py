"""What judging says: changes of state, stages of incidents, probes it wants.

`Judge` (in `judge.engine`) is fed events and returns a `Batch`; the pipeline
commits it in one transaction. The memory classes are what a restart needs, and
are the same the store keeps.
"""

from dataclasses import dataclass, field

from scudo_agent.instant import Instant
from scudo_agent.model import Kind, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A check's change of state, dated back to `since`, decided at `decided`."""

    check: str
    state: State
    since: Instant
    decided: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Isolation began at `since`: the check's changes from then on do not count.

    They stay in its `changes`; its timeline is as if they had not been.
    """

    check: str
    since: Instant
    decided: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A check in an incident, with the state and date of the moment."""

    check: str
    state: State
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentStage:
    """One stage of an incident, as it stands at the end of its instant.

    `members` are the present ones, in file order; `joined` the check that this
    stage is about (join, root), else None. `until` is the recovery's date.
    `affected` are the contracted services that it takes along.
    """

    incident: str
    kind: Kind
    at: Instant
    subject: str
    since: Instant
    severity: int | None
    rule: str | None
    members: tuple[Member, ...]
    joined: str | None = None
    until: Instant | None = None
    previous: str | None = None
    linked: tuple[str, ...] = ()
    affected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMemory:
    """What outlives a restart of one check.

    `state` as last decided, `before` what an `unknown` member of an open incident
    was, `definition` of the check when this was so.
    """

    check: str
    state: State
    since: Instant
    decided: Instant
    before: State | None = None
    definition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentMemory:
    """What outlives a restart of one incident; `data` is the judge's own (JSON)."""

    incident: str
    subject: str
    since: Instant
    opened: Instant
    severity: int | None
    recovered: Instant | None
    data: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """The agent became isolated (`until` None) or is so no longer."""

    since: Instant
    until: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Everything that some events changed, in order."""

    changes: tuple[Change | Withdrawal, ...] = ()
    stages: tuple[IncidentStage, ...] = ()
    isolation: tuple[Isolation, ...] = ()
    checks: tuple[CheckMemory, ...] = ()
    incidents: tuple[IncidentMemory, ...] = ()
    probe: tuple[str, ...] = ()
    """Checks to be probed at once (ancestors, vantage checks, all of O)."""
