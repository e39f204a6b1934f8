"""What a metric is, and the fixed sets that labels are taken from."""

from dataclasses import dataclass
from typing import Literal

SITE = ("customer", "site")
CHECK = (*SITE, "target", "check")
STATES = ("up", "degraded", "down", "unknown")
RESULTS = ("good", "degraded", "failed", "unknown")
LATE_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
"""Upper bounds of the histogram of how late a probe began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric: what it is called, what it means, how it is asked for."""

    name: str
    type: Literal["gauge", "counter", "histogram"]
    unit: str
    labels: tuple[str, ...]
    help: str
    example: str


def gauge(
    name: str, unit: str, labels: tuple[str, ...], help_: str, *, example: str
) -> Metric:
    """A value that goes up and down."""
    return Metric(
        name=name, type="gauge", unit=unit, labels=labels, help=help_, example=example
    )


def counter(
    name: str, unit: str, labels: tuple[str, ...], help_: str, *, example: str
) -> Metric:
    """A count since the agent's start."""
    return Metric(
        name=name, type="counter", unit=unit, labels=labels, help=help_, example=example
    )


CLOCK_STEPS = ("forward", "back")
COMMITS = ("done", "failed")
DELIVERIES = (
    *("answered", "lost", "refused", "acknowledged"),
    *("rewound", "quarantined", "frozen"),
)
SCREENSHOTS = ("taken", "nothing", "failed", "dropped", "refused")
WINDOWS = ("ordinary", "extraordinary", "upgrade", "occasional")
SEVERITIES = ("1", "2", "3", "none")
SLA_CLASSES = (
    *("up", "degraded", "unknown", "down_counted", "down_excluded"),
    *WINDOWS,
)
"""What an elapsed instant of a contract year is in; the windows: not down in one."""
