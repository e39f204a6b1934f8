"""The catalogue of metrics: every name that the agent exposes, and why.

Names keep to one convention: prefix `scudo_`, base units, counters end in
`_total`; labels are ids of the site file, bounded and stable, never free text,
addresses or ticket numbers (those stand on `_info` series, to be joined).
`docs/metrics.md` is made from this.
"""

from scudo_agent.telemetry.account_metrics import ACCOUNT_METRICS
from scudo_agent.telemetry.measured import VALUE_METRICS
from scudo_agent.telemetry.metric import CHECK, SITE, Metric, counter, gauge

CHECK_METRICS = (
    gauge(
        "scudo_check_info",
        "1",
        (*CHECK, "kind", "address"),
        "A check of the site file: its kind of probe and the target's address.",
        example="scudo_check_state{state='down'} == 1 and on(customer, site, target, "
        "check) scudo_check_info{kind='http'}",
    ),
    gauge(
        "scudo_check_state",
        "0 or 1",
        (*CHECK, "state"),
        "State of a check: 1 for the state that it is in, 0 for the others.",
        example="scudo_check_state{state='down'} == 1",
    ),
    gauge(
        "scudo_check_state_since_timestamp_seconds",
        "seconds since 1970",
        CHECK,
        "When the check's present state began, dated back to the first observation.",
        example="time() - scudo_check_state_since_timestamp_seconds",
    ),
    gauge(
        "scudo_check_last_observation_timestamp_seconds",
        "seconds since 1970",
        CHECK,
        "When the check was last observed.",
        example="time() - scudo_check_last_observation_timestamp_seconds > 300",
    ),
    gauge(
        "scudo_check_failing_observations",
        "observations",
        CHECK,
        "Failed observations in a row, before and after they are confirmed.",
        example="scudo_check_failing_observations > 0",
    ),
    gauge(
        "scudo_check_warning",
        "0 or 1",
        CHECK,
        "Whether the last answer was beyond a warn limit; absent without such limits.",
        example="scudo_check_warning == 1",
    ),
    gauge(
        "scudo_check_forecast_crossing_timestamp_seconds",
        "seconds since 1970",
        CHECK,
        "When the value is likely to reach its limit; absent when that is beyond the "
        "check's forecast.",
        example="scudo_check_forecast_crossing_timestamp_seconds - time() < 7 * 86400",
    ),
    gauge(
        "scudo_probe_duration_seconds",
        "seconds",
        CHECK,
        "Time from request to answer of the last run; absent without an answer.",
        example="max_over_time(scudo_probe_duration_seconds[1h])",
    ),
    counter(
        "scudo_probe_results_total",
        "observations",
        (*CHECK, "result"),
        "Observations since the agent's start, by result.",
        example="rate(scudo_probe_results_total{result='failed'}[15m]) > 0",
    ),
    counter(
        "scudo_probes_missed_total",
        "runs",
        CHECK,
        "Planned runs that did not take place, since the agent's start.",
        example="increase(scudo_probes_missed_total[1h]) > 0",
    ),
)
"""One series, or a fixed set of them, for each check."""

SERVICE_METRICS = (
    gauge(
        "scudo_service_info",
        "1",
        (*SITE, "service", "contracted"),
        "A service of the site file, and whether the contract is about it.",
        example="scudo_service_state{state='down'} * on(customer, site, service) "
        "group_left(contracted) scudo_service_info",
    ),
    gauge(
        "scudo_service_state",
        "0 or 1",
        (*SITE, "service", "state"),
        "State of a service: 1 for the state that it is in, 0 for the others.",
        example="scudo_service_state{state='down'} == 1",
    ),
    gauge(
        "scudo_service_state_since_timestamp_seconds",
        "seconds since 1970",
        (*SITE, "service"),
        "When the service's present state began.",
        example="time() - scudo_service_state_since_timestamp_seconds",
    ),
    gauge(
        "scudo_service_muted",
        "0 or 1",
        (*SITE, "service"),
        "Whether somebody muted the service or one of its checks: no tickets for it.",
        example="min_over_time(scudo_service_muted[1d]) == 1",
    ),
    gauge(
        "scudo_service_paused",
        "0 or 1",
        (*SITE, "service"),
        "Whether somebody paused the service or one of its checks: not probed.",
        example="scudo_service_paused == 1",
    ),
    gauge(
        "scudo_window_open",
        "0 or 1",
        (*SITE, "service", "kind"),
        "Whether a maintenance window of the kind is open for the service.",
        example="scudo_service_state{state='down'} == 1 unless on(customer, site, "
        "service) max by (customer, site, service) (scudo_window_open) == 1",
    ),
)

AGENT_METRICS = (
    gauge(
        "scudo_build_info",
        "1",
        ("version", "revision", "python_version"),
        "Which agent this is.",
        example="count by (version) (scudo_build_info)",
    ),
    gauge(
        "scudo_config_info",
        "1",
        (*SITE, "hash"),
        "Hash of the site file that is in force.",
        example="count by (hash) (scudo_config_info)",
    ),
    gauge(
        "scudo_config_last_reload_successful",
        "0 or 1",
        SITE,
        "Whether the site file was taken when it was last read; else the version "
        "before it is in force.",
        example="scudo_config_last_reload_successful == 0",
    ),
    gauge(
        "scudo_config_last_reload_success_timestamp_seconds",
        "seconds since 1970",
        SITE,
        "When the site file was last taken, at the start or by a reload.",
        example="time() - scudo_config_last_reload_success_timestamp_seconds < 600",
    ),
    gauge(
        "scudo_start_timestamp_seconds",
        "seconds since 1970",
        SITE,
        "When the agent began to watch the site.",
        example="time() - scudo_start_timestamp_seconds < 300",
    ),
    gauge(
        "scudo_liveness_timestamp_seconds",
        "seconds since 1970",
        SITE,
        "When the store was last told that the agent lives (every 10 s).",
        example="time() - scudo_liveness_timestamp_seconds > 60",
    ),
    gauge(
        "scudo_site_isolated",
        "0 or 1",
        SITE,
        "Whether nothing outside the agent's host answers it.",
        example="scudo_site_isolated == 1",
    ),
    gauge(
        "scudo_incidents_open",
        "incidents",
        (*SITE, "severity"),
        "Open incidents by severity; 'none' are the provider's own.",
        example="scudo_incidents_open{severity='1'} > 0",
    ),
    gauge(
        "scudo_outbox_oldest_unacknowledged_age_seconds",
        "seconds",
        (*SITE, "stream"),
        "Age of the oldest event that the desk has not confirmed; 0 without any.",
        example="scudo_outbox_oldest_unacknowledged_age_seconds > 120",
    ),
    gauge(
        "scudo_outbox_unacknowledged_events",
        "events",
        (*SITE, "stream"),
        "Events that the desk has not confirmed yet.",
        example="scudo_outbox_unacknowledged_events > 0",
    ),
    gauge(
        "scudo_outbox_quarantined_events",
        "events",
        (*SITE, "stream"),
        "Events that the desk refused for good and that a person must look at.",
        example="scudo_outbox_quarantined_events > 0",
    ),
    gauge(
        "scudo_desk_up",
        "0 or 1",
        SITE,
        "Whether the desk answered the last time; absent before the first attempt.",
        example="scudo_desk_up == 0",
    ),
    gauge(
        "scudo_desk_last_answer_timestamp_seconds",
        "seconds since 1970",
        SITE,
        "When the desk last answered.",
        example="time() - scudo_desk_last_answer_timestamp_seconds > 120",
    ),
    gauge(
        "scudo_agent_key_timestamp_seconds",
        "seconds since 1970",
        SITE,
        "Since when this agent's key is in use, as the desk says; absent before. "
        "One from `env:` or `credential:` is not renewed by the agent.",
        example="time() - scudo_agent_key_timestamp_seconds > 14 * 86400",
    ),
    gauge(
        "scudo_windows_copied_timestamp_seconds",
        "seconds since 1970",
        SITE,
        "When the desk's maintenance windows were last copied; absent before.",
        example="scudo_windows_copied_timestamp_seconds",
    ),
    gauge(
        "scudo_clock_offset_seconds",
        "seconds",
        SITE,
        "Wall clock minus the agent's timeline; beyond 2 s the clock was set.",
        example="abs(scudo_clock_offset_seconds) > 2",
    ),
    counter(
        "scudo_clock_steps_total",
        "steps",
        (*SITE, "direction"),
        "Steps of the wall clock by more than 2 s, forward or back.",
        example="increase(scudo_clock_steps_total[1d]) > 0",
    ),
    gauge(
        "scudo_store_size_bytes",
        "bytes",
        SITE,
        "Size of the agent's store on disk.",
        example="deriv(scudo_store_size_bytes[1d])",
    ),
    gauge(
        "scudo_store_free_bytes",
        "bytes",
        SITE,
        "What is free on the disk of the agent's store.",
        example="scudo_store_free_bytes < 200e6",
    ),
    gauge(
        "scudo_store_reserve_used",
        "0 or 1",
        SITE,
        "Whether the disk was full, so that the store's reserve was let go of.",
        example="scudo_store_reserve_used == 1",
    ),
    counter(
        "scudo_store_damaged_total",
        "times",
        SITE,
        "How often this agent's store was found damaged, and made anew.",
        example="increase(scudo_store_damaged_total[7d]) > 0",
    ),
    gauge(
        "scudo_backup_timestamp_seconds",
        "seconds since 1970",
        (*SITE, "of"),
        "When the newest backup was taken, of the agent's store or of the embedded "
        "desk's database; absent before the first one.",
        example="time() - scudo_backup_timestamp_seconds > 2 * 86400",
    ),
    counter(
        "scudo_store_commits_total",
        "transactions",
        (*SITE, "outcome"),
        "Transactions of the agent's store, by outcome: done or failed.",
        example="increase(scudo_store_commits_total{outcome='failed'}[5m]) > 0",
    ),
    counter(
        "scudo_delivery_events_total",
        "events",
        (*SITE, "event"),
        "What befell the delivery to the desk: answered, lost (no answer any more), "
        "refused, acknowledged, rewound, quarantined, frozen.",
        example="increase(scudo_delivery_events_total{event='quarantined'}[1d]) > 0",
    ),
    counter(
        "scudo_screenshots_total",
        "pictures",
        (*SITE, "result"),
        "Screenshots for tickets about web applications, by result: taken, nothing "
        "(the application gave no answer to look at), failed, dropped (too many "
        "waited), refused (by the desk).",
        example="increase(scudo_screenshots_total{result='failed'}[1d]) > 0",
    ),
    Metric(
        name="scudo_probe_late_seconds",
        type="histogram",
        unit="seconds",
        labels=SITE,
        help="How long after it was due a run of a check began.",
        example="histogram_quantile(0.99, rate(scudo_probe_late_seconds_bucket[5m]))",
    ),
    counter(
        "scudo_series_dropped_total",
        "series",
        SITE,
        "Series that are not exposed because the agent has too many.",
        example="scudo_series_dropped_total > 0",
    ),
)

CATALOGUE: tuple[Metric, ...] = (
    *AGENT_METRICS,
    *SERVICE_METRICS,
    *ACCOUNT_METRICS,
    *CHECK_METRICS,
    *(measured.metric for measured in VALUE_METRICS),
)
"""Everything with the prefix `scudo_`, in the order of the reference."""

BY_NAME = {metric.name: metric for metric in CATALOGUE}
