"""What goes into the agent's store and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scudo_agent.instant import Instant
from scudo_agent.judge.batch import (
    Change,
    CheckMemory,
    IncidentMemory,
    Isolation,
    Withdrawal,
)
from scudo_agent.judge.forecast import HourOf
from scudo_agent.model import Kind, Result
from scudo_agent.text import Text
from scudo_agent.wire import OpenIncident, PendingStage
from scudo_agent.wire_site import WindowsTaken


class RunKind(StrEnum):
    """What happened to the agent itself."""

    START = "start"
    STOP = "stop"
    STEP = "step"


class IncidentState(StrEnum):
    """How far an incident has come (`reliability.md` 1.2).

    `…_local` until the desk has acknowledged the stage that made it so; sealed
    when it can no longer re-open.
    """

    OPEN_LOCAL = "open_local"
    OPEN_ACKED = "open_acked"
    RECOVERED_LOCAL = "recovered_local"
    RECOVERED_ACKED = "recovered_acked"
    SEALED = "sealed"

    @property
    def open(self) -> bool:
        """Neither recovered nor retired."""
        return self in (IncidentState.OPEN_LOCAL, IncidentState.OPEN_ACKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """The agent started or stopped, or the wall clock stepped; `detail` is JSON."""

    kind: RunKind
    at: Instant
    detail: Mapping[str, object] = field(default_factory=dict)


class InterventionKind(StrEnum):
    """What a person told the agent to leave alone for a while."""

    MUTE = "mute"
    """No tickets; measured and counted as ever."""
    PAUSE = "pause"
    """Not probed: unknown."""


class Scope(StrEnum):
    """What an intervention is about."""

    SERVICE = "service"
    TARGET = "target"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """A mute or a pause: of what, from when to when, by whom and why.

    `name` is a service, a target or a check (`target/check`). It ends at `until`
    by itself, or at `ended` when a person ended it earlier.
    """

    id: str
    kind: InterventionKind
    scope: Scope
    name: str
    since: Instant
    until: Instant
    reason: str
    actor: str
    ended: Instant | None = None
    ended_by: str | None = None

    @property
    def end(self) -> Instant:
        """When it ends, or ended."""
        return self.until if self.ended is None else min(self.ended, self.until)

    def at(self, at: Instant) -> bool:
        """Whether it is in force at an instant."""
        return self.since <= at < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCopy:
    """The desk's windows as this agent last heard of them, and when it did."""

    fetched: Instant
    windows: WindowsTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """The agent lived at `at`; one row, updated in place every 10 s.

    `wall`, `mono_us` and `boot_id` are the clock's readings then, `offset_us` the
    wall clock minus the timeline; `clean` is the instant of a clean stop.
    """

    at: Instant
    wall: Instant
    mono_us: int
    boot_id: str
    offset_us: int
    pid: int
    clean: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last observation of a check, for people; it decides nothing.

    `failing` is the length of its run of failed ones. `last_good` is filled in
    by the store: the last good observation that it was ever given.
    """

    at: Instant
    result: Result
    seen: Text
    expected: Text | None = None
    duration_us: int | None = None
    failing: int = 0
    warned: bool | None = None
    last_good: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Everything that one commit must hold or not hold, as a whole.

    `adopted` are the desk's open incidents that this store takes over, `behind`
    those of which the desk has heard more than it kept (`store.adopted`). `gone`
    are checks that were removed from the site file: their state is dropped.
    """

    gone: tuple[str, ...] = ()
    changes: tuple[Change | Withdrawal, ...] = ()
    checks: tuple[CheckMemory, ...] = ()
    incidents: tuple[IncidentMemory, ...] = ()
    stages: tuple[PendingStage, ...] = ()
    isolation: tuple[Isolation, ...] = ()
    runs: tuple[RunEvent, ...] = ()
    liveness: Liveness | None = None
    seen: Mapping[str, Seen] = field(default_factory=dict)
    hours: tuple[HourOf, ...] = ()
    adopted: tuple[OpenIncident, ...] = ()
    behind: tuple[OpenIncident, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a restart finds.

    `incidents` are the open ones and those that can still re-open; `isolation`
    the one that lasts; `runs` the latest, oldest first; `last_instant` the latest
    instant that was ever stored (0 in a new store).
    """

    checks: tuple[CheckMemory, ...]
    incidents: tuple[IncidentMemory, ...]
    seen: Mapping[str, Seen]
    isolation: Isolation | None
    runs: tuple[RunEvent, ...]
    liveness: Liveness | None
    last_instant: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One event of a stream as it was written, and what became of it."""

    stream: str
    seq: int
    epoch: int | None
    body: bytes
    sha256: str
    created: Instant
    acked: Instant | None
    attempts: int
    last_error: str | None
    quarantined: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow(LedgerRow):
    """One event of stream I: a stage of an incident."""

    incident_id: str
    rev: int
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """One incident as `status` and `tickets` show it."""

    incident_id: str
    subject: str
    audience: str
    since: Instant
    opened: Instant
    severity: int | None
    rule: str | None
    state: IncidentState
    rev: int
    recovered: Instant | None
    reopen_count: int
    previous: str | None
    ticket_ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStatus:
    """How delivery stands: marks of stream I, what waits, what is set aside.

    `oldest` is the instant of the oldest event that waits for the desk, `frozen`
    the epoch in which nothing more is delivered.
    """

    epoch: int | None
    head_seq: int
    acked_seq: int
    oldest: Instant | None
    quarantined: int
    frozen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStatus:
    """How the delivery of the ledger stands; `hashes` of its head and its mark."""

    head_seq: int
    acked_seq: int
    oldest: Instant | None
    quarantined: int
    hashes: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """The store at one moment, enough for `status` without an agent."""

    store_id: str
    site: str
    checks: Mapping[str, CheckMemory]
    seen: Mapping[str, Seen]
    incidents: tuple[IncidentRow, ...]
    isolation: Isolation | None
    liveness: Liveness | None
    outbox: OutboxStatus
