"""The metrics of accounts: what they are called, and what is read of an account.

All of them are gauges, seconds included: states that are dated back and corrections
move them either way.
"""

from collections.abc import Callable

from scudo_agent.instant import SECOND
from scudo_agent.telemetry.metric import SITE, Metric, gauge
from scudo_agent.telemetry.snapshot import SlaSnapshot

Read = Callable[[SlaSnapshot], float | None]

_SERVICE = (*SITE, "service")

SLA_SECONDS = gauge(
    "scudo_sla_seconds",
    "seconds",
    (*_SERVICE, "class"),
    "The contract year so far in classes, each second in one: up, degraded, unknown, "
    "down_counted, down_excluded, and by kind of window what it excludes of the rest. "
    "A gauge: what is dated back moves it.",
    example="sum by (service) (scudo_sla_seconds{class=~'down_.*'}) / 3600",
)

_READ: tuple[tuple[Metric, Read], ...] = (
    (
        gauge(
            "scudo_sla_year_start_timestamp_seconds",
            "seconds since 1970",
            _SERVICE,
            "When the contract year began.",
            example="time() - scudo_sla_year_start_timestamp_seconds",
        ),
        lambda one: one.year_start / SECOND,
    ),
    (
        gauge(
            "scudo_sla_availability_ratio",
            "0 to 1",
            _SERVICE,
            "Availability of the time that counts; absent where there is none.",
            example="scudo_sla_availability_ratio < 0.99",
        ),
        lambda one: one.availability,
    ),
    (
        gauge(
            "scudo_sla_worst_case_ratio",
            "0 to 1",
            _SERVICE,
            "Availability with unknown time as down.",
            example="scudo_sla_best_case_ratio - scudo_sla_worst_case_ratio > 0.01",
        ),
        lambda one: one.worst_case,
    ),
    (
        gauge(
            "scudo_sla_best_case_ratio",
            "0 to 1",
            _SERVICE,
            "Availability with unknown time as up.",
            example="scudo_sla_best_case_ratio",
        ),
        lambda one: one.best_case,
    ),
    (
        gauge(
            "scudo_sla_coverage_ratio",
            "0 to 1",
            _SERVICE,
            "The part of the time that was seen.",
            example="scudo_sla_coverage_ratio < 0.95",
        ),
        lambda one: one.coverage,
    ),
    (
        gauge(
            "scudo_sla_budget_allowed_seconds",
            "seconds",
            _SERVICE,
            "What may be lost in the whole contract year.",
            example="scudo_sla_budget_used_seconds / scudo_sla_budget_allowed_seconds",
        ),
        lambda one: one.allowed_us / SECOND,
    ),
    (
        gauge(
            "scudo_sla_budget_used_seconds",
            "seconds",
            _SERVICE,
            "What was lost of it: down outside excluded time.",
            example="delta(scudo_sla_budget_used_seconds[1d]) > 3600",
        ),
        lambda one: one.used_us / SECOND,
    ),
    (
        gauge(
            "scudo_sla_budget_remaining_seconds",
            "seconds",
            _SERVICE,
            "What is left of it; negative once it is breached.",
            example="scudo_sla_budget_remaining_seconds < 4 * 3600",
        ),
        lambda one: one.remaining_us / SECOND,
    ),
    (
        gauge(
            "scudo_sla_burn_rate",
            "1",
            _SERVICE,
            "How fast the budget is used: 1 uses it up exactly at the year's end; "
            "absent where nothing may be lost and something was.",
            example="scudo_sla_burn_rate > 2",
        ),
        lambda one: one.burn_rate,
    ),
)

ACCOUNT_METRICS = (SLA_SECONDS, *(metric for metric, _ in _READ))
"""Of each contracted service, once its contract year has begun."""

READ = {metric.name: read for metric, read in _READ}
"""What each of them but `scudo_sla_seconds` reads."""
