"""A real Prometheus reads what the agent exposes, and promtool finds no fault."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scudo_agent.model import Result
from scudo_agent.telemetry.catalogue import CATALOGUE
from scudo_agent.telemetry.web import TelemetryServer
from support.prometheus import scraping
from support.snapshots import full

pytestmark = [pytest.mark.real, pytest.mark.prometheus]


@pytest.fixture
def server() -> Iterator[TelemetryServer]:
    metrics = full()
    metrics.observed("erp/web", Result.FAILED)
    metrics.fired(0.02)
    made = TelemetryServer(
        "127.0.0.1", 0, metrics=metrics, ready=lambda: (True, ""), status=dict
    )
    made.start()
    try:
        yield made
    finally:
        made.close()


def test_promtool_finds_no_fault() -> None:
    body, _ = full().exposition()
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_prometheus_scrapes_and_answers(
    server: TelemetryServer, tmp_path: Path
) -> None:
    with scraping(f"127.0.0.1:{server.port}", tmp_path) as prometheus:
        (up,) = prometheus.wait('up{job="scudo"} == 1')
        assert up["value"][1] == "1"
        (state,) = prometheus.wait("scudo_check_state{check='web', state='up'} == 1")
        assert state["metric"]["target"] == "erp"
        (failed,) = prometheus.wait("scudo_probe_results_total{result='failed'} > 0")
        assert failed["metric"]["check"] == "web"
        (kind,) = prometheus.wait(
            "scudo_check_state{state='up', target='gateway'} == 1 "
            "and on(customer, site, target, check) scudo_check_info{kind='icmp'}"
        )
        assert kind["metric"]["check"] == "ping"
        names = set(prometheus.get("/api/v1/label/__name__/values"))
        families = {metric.name for metric in CATALOGUE} - {"scudo_probe_late_seconds"}
        assert families | {"scudo_probe_late_seconds_bucket"} <= names
        (target,) = prometheus.get("/api/v1/targets")["activeTargets"]
        assert target["lastError"] == ""


def test_every_example_of_the_reference_is_a_query_that_prometheus_takes(
    server: TelemetryServer, tmp_path: Path
) -> None:
    with scraping(f"127.0.0.1:{server.port}", tmp_path) as prometheus:
        for metric in CATALOGUE:
            prometheus.query(metric.example)
