"""The words of the domain as values (`domain.md` 1 and 2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scudo_agent.instant import Instant
from scudo_agent.text import Text


class State(StrEnum):
    """State of a check or of a service."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"

    @property
    def bad(self) -> bool:
        """Down or degraded (`judging.md`)."""
        return self in (State.DOWN, State.DEGRADED)


class Result(StrEnum):
    """What one observation says; `unknown` is the agent's own fault."""

    GOOD = "good"
    DEGRADED = "degraded"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def answer(self) -> bool:
        """Good or degraded (`judging.md`): something answered."""
        return self in (Result.GOOD, Result.DEGRADED)


class Kind(StrEnum):
    """Stage of an incident (`reliability.md` 1.1), the same word everywhere."""

    OPEN = "open"
    JOIN = "join"
    ROOT = "root"
    RAISE = "raise"
    NOTE = "note"
    RECOVER = "recover"
    REOPEN = "reopen"
    RETIRE = "retire"


MAILED = frozenset({Kind.OPEN, Kind.RAISE, Kind.RECOVER, Kind.REOPEN})
"""Stages that become a mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound on one measured value.

    `value` names an entry of `Outcome.values`; `above` says on which side of
    `bound` the limit is crossed (strictly).
    """

    value: str
    bound: float
    above: bool = True

    def crossed(self, values: Mapping[str, float]) -> bool:
        """Whether `values` holds the value and it lies beyond the bound."""
        seen = values.get(self.value)
        if seen is None:
            return False
        return seen > self.bound if self.above else seen < self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a probe reports of one run; it never decides.

    `answered` is true when the target answered as it was asked to, false when
    not, and None when the agent itself was at fault (no right, no socket).
    `values` are measurements in base units (seconds, ratios 0–1, days, counts).
    `expected` is what was asked for, in words; `duration_s` the time from
    request to answer, None without an answer.
    """

    answered: bool | None
    seen: Text
    expected: Text | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The outcome of one run of a check, with its time, graded by its limits.

    `at` is the instant at which the agent had the outcome. `warned` tells
    whether a `warn` limit is crossed (None: it cannot be told from this run).
    """

    check: str
    at: Instant
    result: Result
    warned: bool | None = None
    outcome: Outcome | None = None
