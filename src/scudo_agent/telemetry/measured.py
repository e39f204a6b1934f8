"""Metrics of what probes measure beyond state and duration."""

from dataclasses import dataclass

from scudo_agent.telemetry.metric import CHECK, Metric, gauge


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric of what one kind of probe measures, under one of these names."""

    kind: str
    values: tuple[str, ...]
    metric: Metric


EXPIRY = gauge(
    "scudo_tls_certificate_expiry_timestamp_seconds",
    "seconds since 1970",
    CHECK,
    "When the certificate that was last seen ends; kept while nothing answers.",
    example="scudo_tls_certificate_expiry_timestamp_seconds - time() < 14 * 86400",
)
VALUE_METRICS = (
    Measured(
        "icmp",
        ("loss",),
        gauge(
            "scudo_icmp_loss_ratio",
            "ratio 0–1",
            CHECK,
            "Share of echo requests without a reply in the last run.",
            example="avg_over_time(scudo_icmp_loss_ratio[10m]) > 0.05",
        ),
    ),
    Measured(
        "icmp",
        ("rtt_s",),
        gauge(
            "scudo_icmp_rtt_seconds",
            "seconds",
            CHECK,
            "Mean round trip of the last run's replies.",
            example="scudo_icmp_rtt_seconds > 0.2",
        ),
    ),
    Measured(
        "icmp",
        ("rtt_max_s",),
        gauge(
            "scudo_icmp_rtt_max_seconds",
            "seconds",
            CHECK,
            "Longest round trip of the last run's replies.",
            example="scudo_icmp_rtt_max_seconds",
        ),
    ),
    Measured(
        "http",
        ("status",),
        gauge(
            "scudo_http_status_code",
            "status code",
            CHECK,
            "Status of the last answer; absent without one.",
            example="scudo_http_status_code >= 500",
        ),
    ),
    Measured("tls", (), EXPIRY),
    Measured(
        "snmp",
        ("value",),
        gauge(
            "scudo_snmp_value",
            "the object's own",
            CHECK,
            "The object's value in the last answer, where it is a number.",
            example="scudo_snmp_value{target='ups'} < 20",
        ),
    ),
    Measured(
        "host",
        ("used",),
        gauge(
            "scudo_host_used_ratio",
            "ratio 0–1",
            CHECK,
            "Share in use of the disk, inodes, memory or swap that the check names.",
            example="predict_linear(scudo_host_used_ratio[6h], 86400) > 1",
        ),
    ),
    Measured(
        "host",
        ("free_bytes", "available_bytes"),
        gauge(
            "scudo_host_free_bytes",
            "bytes",
            CHECK,
            "What is free of the disk, or available of the memory.",
            example="scudo_host_free_bytes < 1e9",
        ),
    ),
    Measured(
        "host",
        ("load1_per_cpu", "load5_per_cpu", "load15_per_cpu"),
        gauge(
            "scudo_host_load_per_cpu",
            "processes",
            CHECK,
            "Mean number of processes that run or wait, for each CPU.",
            example="scudo_host_load_per_cpu > 2",
        ),
    ),
)
"""What is measured beyond state and duration; the expiry is reckoned from days."""
