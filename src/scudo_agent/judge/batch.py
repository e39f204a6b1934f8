"""What judging says: changes of state, stages of incidents, probes it wants.

`Judge` (in `judge.engine`) is fed events and returns a `Batch`; the pipeline
commits it in one transaction. The memory classes are what a restart needs, and
are the same the store keeps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

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

    `members` are the present ones, in file order; of a `recover` (and `retire`)
    those that were so since it opened or re-opened. In a storm they are many: a
    `join` is told by `joined` alone, the check that this stage is about (join,
    root), else None. `until` is the recovery's date. `previous` is the older
    incident of the same subject that a new one follows, `linked` the incidents
    that a person should see beside it (a check's warning and its outage).
    `affected` are the contracted services not up that it takes along. `held`, of
    an opening or re-opening, are the windows and mutes that put it off.
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
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMemory:
    """What outlives a restart of one check.

    `state` as last decided, `before` what an `unknown` member of an open incident
    was, `definition` of the check when this was so. `data` is the judge's own
    (JSON) and must be kept with it: the incident that it is a member of, since
    when it is pending, when it last answered.
    """

    check: str
    state: State
    since: Instant
    decided: Instant
    before: State | None = None
    definition: str = ""
    data: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentMemory:
    """What outlives a restart of one incident; `data` is the judge's own (JSON).

    `recovered` is None while it is open. An incident that was retired (its last
    member went out of the site file) has the instant of that in `recovered` and
    `{"retired": true}` in `data`. Members stand in `CheckMemory.data`.
    """

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
    """A `Withdrawal` is always followed by the check's change to unknown."""
    stages: tuple[IncidentStage, ...] = ()
    isolation: tuple[Isolation, ...] = ()
    checks: tuple[CheckMemory, ...] = ()
    incidents: tuple[IncidentMemory, ...] = ()
    probe: tuple[str, ...] = ()
    """Checks to be probed at once (ancestors, vantage checks, all of O)."""


def merged(batches: Sequence[Batch]) -> Batch:
    """Several batches as one; of each memory the last one counts."""
    if len(batches) < 2:
        return batches[0] if batches else Batch()
    checks = {memory.check: memory for batch in batches for memory in batch.checks}
    incidents = {i.incident: i for batch in batches for i in batch.incidents}
    return Batch(
        changes=tuple(c for batch in batches for c in batch.changes),
        stages=tuple(s for batch in batches for s in batch.stages),
        isolation=tuple(i for batch in batches for i in batch.isolation),
        checks=tuple(checks.values()),
        incidents=tuple(incidents.values()),
        probe=tuple(dict.fromkeys(p for batch in batches for p in batch.probe)),
    )


def fewest(batch: Batch) -> Batch:
    """The same, with the fewest changes that leave each check's timeline as it is.

    Left out is what a later change or withdrawal undoes, and what says again what
    holds. What is stored before and what comes after read the same.
    """
    kept: dict[str, list[tuple[int, Change | Withdrawal]]] = {}
    for place, change in enumerate(batch.changes):
        mine = kept.setdefault(change.check, [])
        if isinstance(change, Withdrawal):
            # What it withdraws, an earlier withdrawal of as much withdrew, too.
            mine[:] = [one for one in mine if one[1].since < change.since]
        else:
            mine[:] = [one for one in mine if not _undone(one[1], change)]
            if _holds(mine) is change.state:
                continue
        mine.append((place, change))
    left = sorted(
        (one for mine in kept.values() for one in mine), key=lambda one: one[0]
    )
    return replace(batch, changes=tuple(change for _, change in left))


def _holds(mine: Sequence[tuple[int, Change | Withdrawal]]) -> State | None:
    changes = (one for _, one in reversed(mine) if isinstance(one, Change))
    last = next(changes, None)
    return None if last is None else last.state


def _undone(one: Change | Withdrawal, by: Change) -> bool:
    return isinstance(one, Change) and one.since >= by.since
