"""What the metrics are made of at one moment.

The agent fills these from what is committed; nothing here changes once made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scudo_agent.instant import Instant
from scudo_agent.model import State


# Ten thousand of these are made at a scrape; frozen ones take three times as long.
@dataclass(slots=True, kw_only=True)
class CheckSnapshot:
    """One check; `values` and `duration_s` are those of its last outcome.

    `failing` is the number of failed observations in a row, `missed` the number of
    planned runs that did not take place since the agent's start, `crossing` when
    the value is likely to reach its limit.
    """

    path: str
    kind: str
    address: str | None
    state: State
    since: Instant
    last_at: Instant | None = None
    duration_s: float | None = None
    warned: bool | None = None
    crossing: Instant | None = None
    failing: int = 0
    missed: int = 0
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSnapshot:
    """One service of the site.

    `muted` and `paused` are whether it, or one of its checks, is; `windows` the kinds
    of maintenance windows that are open for it.
    """

    id: str
    contracted: bool
    state: State
    since: Instant
    muted: bool = False
    paused: bool = False
    windows: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class SlaSnapshot:
    """The account of one contracted service in its contract year, as of `at`.

    `classes_us` are in the order of `metric.SLA_CLASSES`. Ratios over nothing are
    None; `burn_rate` is None where nothing may be lost and something was.
    """

    service: str
    at: Instant
    year_start: Instant
    classes_us: Sequence[int]
    availability: float | None
    worst_case: float | None
    best_case: float | None
    coverage: float
    allowed_us: float
    remaining_us: float
    used_us: int
    burn_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSnapshot:
    """One stream of the outbox: what the desk has not confirmed yet."""

    oldest_age_s: float = 0
    waiting: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One agent at one moment.

    `incidents` counts open incidents by severity; the provider's own, which have
    none, stand under None. `desk_up` is None before the first attempt to reach it.
    `key_since` is when the desk first saw the agent's key, `windows_copied` when its
    windows were last copied, `config_taken` when the site file was last taken,
    `reload_refused` whether a newer one was not.
    `damaged` is how often the store was, `backups` when each was taken last.
    `store_bytes` is the size of the store's files, `free_bytes` what is left on their
    disk, `reserve_used` whether that was none and the reserve is let go of, `liveness`
    the last instant at which the store was told that the agent lives.
    """

    checks: Sequence[CheckSnapshot] = ()
    services: Sequence[ServiceSnapshot] = ()
    isolated_since: Instant | None = None
    incidents: Mapping[int | None, int] = field(default_factory=dict)
    outbox: Mapping[str, StreamSnapshot] = field(default_factory=dict)
    desk_up: bool | None = None
    desk_answered: Instant | None = None
    key_since: Instant | None = None
    clock_offset_s: float = 0
    started: Instant | None = None
    liveness: Instant | None = None
    store_bytes: int | None = None
    free_bytes: int | None = None
    reserve_used: bool = False
    windows_copied: Instant | None = None
    accounts: Sequence[SlaSnapshot] = ()
    damaged: int = 0
    backups: Mapping[str, Instant] = field(default_factory=dict)
    config_hash: str = ""
    reload_refused: bool = False
    config_taken: Instant | None = None
