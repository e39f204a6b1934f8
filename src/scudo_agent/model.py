"""The words of the domain as values (`domain.md` 1 and 2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scudo_agent.instant import Instant
from scudo_agent.text import Text, Value


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

SPAN_LIMIT = 10_000
"""Events of a stream that one gap stands for, at most."""


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


class Shape(StrEnum):
    """How people read a measured value."""

    RATIO = "ratio"
    NUMBER = "number"
    DAYS = "days"

    def shown(self, value: float) -> Value:
        """The value as one of a sentence; a number with three digits that count."""
        if self is Shape.RATIO:
            return {"ratio": value}
        return int(value) if value == int(value) else float(f"{value:.3g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """What is to be foreseen of one measured value: a crossing of its limits.

    `limits` all name that value; `within_us` is how long before a crossing
    someone wants to be told. `measure` says what the number is of: another one
    begins a new history. `pace` is what each day adds, where that is known and
    need not be measured.
    """

    limits: tuple[Limit, ...]
    within_us: int
    measure: str
    shape: Shape = Shape.NUMBER
    pace: float | None = None


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
    whether a `warn` limit is crossed (None: it cannot be told from this run),
    `predicted` whether one will be before long (None: that cannot be told).
    """

    check: str
    at: Instant
    result: Result
    warned: bool | None = None
    predicted: bool | None = None
    outcome: Outcome | None = None
