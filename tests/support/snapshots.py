"""Snapshots of an agent, as the metrics are made of."""

from typing import Any

from scudo_agent.instant import HOUR, Instant
from scudo_agent.model import State
from scudo_agent.telemetry.metrics import (
    CheckSnapshot,
    Metrics,
    ServiceSnapshot,
    Snapshot,
    StreamSnapshot,
)
from scudo_agent.telemetry.snapshot import SlaSnapshot

AT = Instant(1_795_426_910_000_000)


def metrics(**changes: Any) -> Metrics:
    """The metrics of an agent at a site."""
    fields: dict[str, Any] = {
        "customer": "acme",
        "site": "acme-milano",
        "version": "0.1.0",
    }
    return Metrics(**(fields | changes))


def check(path: str = "erp/web", **changes: Any) -> CheckSnapshot:
    """A check that is up."""
    fields: dict[str, Any] = {
        "path": path,
        "kind": "http",
        "address": "erp.example",
        "state": State.UP,
        "since": AT,
        "last_at": Instant(AT + 1_500_000),
        "duration_s": 0.0032,
    }
    return CheckSnapshot(**(fields | changes))


def account(**changes: Any) -> SlaSnapshot:
    """A service that was down for an hour of the first thousand of its year."""
    fields: dict[str, Any] = {
        "service": "erp",
        "at": AT,
        "year_start": AT,
        "classes_us": (996 * HOUR, 0, 2 * HOUR, HOUR, 0, HOUR, 0, 0, 0),
        "availability": 996 / 997,
        "worst_case": 996 / 999,
        "best_case": 998 / 999,
        "coverage": 997 / 999,
        "allowed_us": 87.59 * HOUR,
        "remaining_us": 86.59 * HOUR,
        "used_us": HOUR,
        "burn_rate": 0.1,
    }
    return SlaSnapshot(**(fields | changes))


def snapshot(*checks: CheckSnapshot, **changes: Any) -> Snapshot:
    """An agent whose desk answers, with everything filled in."""
    fields: dict[str, Any] = {
        "checks": checks,
        "services": (
            ServiceSnapshot(id="erp", contracted=True, state=State.DOWN, since=AT),
        ),
        "incidents": {1: 1, None: 1},
        "outbox": {"I": StreamSnapshot(oldest_age_s=2.5, waiting=3)},
        "desk_up": True,
        "desk_answered": AT,
        "key_since": AT,
        "clock_offset_s": -3.0,
        "started": AT,
        "liveness": AT,
        "store_bytes": 4096,
        "free_bytes": 2**30,
        "reserve_used": False,
        "windows_copied": AT,
        "config_taken": AT,
        "config_hash": "c0ffee",
        "accounts": (account(),),
        "backups": {"agent": AT, "desk": AT},
    }
    return Snapshot(**(fields | changes))


def full() -> Metrics:
    """Metrics with every series that there can be."""
    made = metrics()
    ping = {"loss": 0.25, "rtt_s": 0.001, "rtt_max_s": 0.002}
    made.publish(
        snapshot(
            check(warned=True, crossing=AT, failing=2, missed=1),
            check("gateway/ping", kind="icmp", values=ping),
            check("erp/tls", kind="tls", values={"days_left": 12.0}),
            check("erp/http", values={"status": 200.0, "latency_s": 0.1}),
            check("switch/uplink", kind="snmp", values={"value": 1.0}),
            check("here/disk", kind="host", values={"used": 0.61, "free_bytes": 7e9}),
            check("here/load", kind="host", values={"load5_per_cpu": 0.5}),
        )
    )
    return made
