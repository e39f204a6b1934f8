"""The metrics: names, values, both text formats, and what ends with its check."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from scudo_agent.instant import DAY, SECOND, Instant
from scudo_agent.model import Result, State
from scudo_agent.telemetry.catalogue import BY_NAME, CATALOGUE
from scudo_agent.telemetry.desk_catalogue import DESK_METRICS
from scudo_agent.telemetry.metric import DELIVERIES, Metric
from scudo_agent.telemetry.metrics import CheckSnapshot, Metrics
from scudo_agent.telemetry.reference import reference
from scudo_agent.ticketing.progress import DeliveryKind
from support.snapshots import AT, check, full, metrics, snapshot

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SITE = {"customer": "acme", "site": "acme-milano"}
WEB = SITE | {"target": "erp", "check": "web"}

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _read(made: Metrics, accept: str = "") -> Series:
    body, content_type = made.exposition(accept)
    parse = parse_openmetrics if "openmetrics" in content_type else parse_text
    out: Series = {}
    for family in parse(body.decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in out, key
            out[key] = sample.value
    return out


def _one(series: Series, name: str, **labels: str) -> float | None:
    return series.get((name, frozenset(labels.items())))


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_every_metric_of_the_catalogue_is_exposed_with_its_labels(accept: str) -> None:
    series = _read(full(), accept)
    seen: dict[str, set[str]] = {}
    for name, labels in series:
        if name.startswith("scudo_"):
            base = re.sub("_(bucket|sum|count)$", "", name)
            base = base if base in BY_NAME else name
            seen.setdefault(base, set()).update(key for key, _ in labels)
    expected = {metric.name: set(metric.labels) for metric in CATALOGUE}
    expected["scudo_probe_late_seconds"].add("le")
    assert seen == expected


def test_both_formats_say_the_same() -> None:
    made = full()
    plain = {k: v for k, v in _read(made).items() if k[0].startswith("scudo_")}
    assert plain == {
        k: v for k, v in _read(made, OPENMETRICS).items() if k[0].startswith("scudo_")
    }


def test_the_format_follows_the_request() -> None:
    made = full()
    body, content_type = made.exposition(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.count(b"# EOF") == 1
    assert body.endswith(b"# EOF\n")
    body, content_type = made.exposition("text/plain")
    assert content_type.startswith("text/plain; version=0.0.4")
    assert b"# EOF" not in body


def test_the_state_is_a_set_with_one_that_holds() -> None:
    made = metrics()
    made.publish(snapshot(check(state=State.DEGRADED)))
    series = _read(made)
    found = {
        state: _one(series, "scudo_check_state", **WEB, state=state) for state in State
    }
    assert found == {"up": 0, "degraded": 1, "down": 0, "unknown": 0}
    made.publish(snapshot(check(state=State.DOWN)))
    assert _one(_read(made), "scudo_check_state", **WEB, state="down") == 1
    service = SITE | {"service": "erp"}
    assert _one(series, "scudo_service_state", **service, state="down") == 1
    assert _one(series, "scudo_service_info", **service, contracted="true") == 1


def test_times_are_seconds_since_1970() -> None:
    series = _read(full())
    since = _one(series, "scudo_check_state_since_timestamp_seconds", **WEB)
    assert since == 1_795_426_910
    last = _one(series, "scudo_check_last_observation_timestamp_seconds", **WEB)
    assert last == 1_795_426_911.5


def test_observations_are_counted_from_zero() -> None:
    made = full()
    name = "scudo_probe_results_total"
    assert _one(_read(made), name, **WEB, result="failed") == 0
    made.observed("erp/web", Result.FAILED)
    made.observed("erp/web", Result.FAILED)
    made.observed("erp/web", Result.GOOD)
    series = _read(made)
    assert _one(series, name, **WEB, result="failed") == 2
    assert _one(series, name, **WEB, result="good") == 1
    assert _one(series, name, **WEB, result="unknown") == 0


def test_an_answer_that_is_missing_has_no_series() -> None:
    made = metrics()
    made.publish(snapshot(check(duration_s=None, warned=None, last_at=None)))
    series = _read(made)
    assert _one(series, "scudo_probe_duration_seconds", **WEB) is None
    assert _one(series, "scudo_check_warning", **WEB) is None
    made.publish(snapshot(desk_up=None, desk_answered=None, store_bytes=None))
    assert _one(_read(made), "scudo_desk_up", **SITE) is None


def test_a_forecast_is_an_instant_while_there_is_one() -> None:
    made, name = metrics(), "scudo_check_forecast_crossing_timestamp_seconds"
    made.publish(snapshot(check(crossing=Instant(1_795_500_000_500_000))))
    assert _one(_read(made), name, **WEB) == 1_795_500_000.5
    made.publish(snapshot(check(crossing=None)))
    assert _one(_read(made), name, **WEB) is None


def test_the_expiry_of_a_certificate_outlives_its_answer() -> None:
    made, labels = metrics(), SITE | {"target": "erp", "check": "tls"}
    name = "scudo_tls_certificate_expiry_timestamp_seconds"
    seen = check("erp/tls", kind="tls", last_at=AT, values={"days_left": 12.0})
    made.publish(snapshot(seen))
    assert _one(_read(made), name, **labels) == (AT + 12 * DAY) / SECOND
    later = Instant(AT + DAY)
    made.publish(snapshot(check("erp/tls", kind="tls", last_at=later)))
    assert _one(_read(made), name, **labels) == (AT + 12 * DAY) / SECOND
    late = {"days_left": 11.0 - 2 / 86_400}
    made.publish(snapshot(check("erp/tls", kind="tls", last_at=later, values=late)))
    assert _one(_read(made), name, **labels) == (AT + 12 * DAY) / SECOND
    renewed = {"days_left": 90.0}
    made.publish(snapshot(check("erp/tls", kind="tls", last_at=later, values=renewed)))
    assert _one(_read(made), name, **labels) == (AT + 91 * DAY) / SECOND


def test_series_end_with_their_check() -> None:
    made = full()
    made.observed("erp/web", Result.GOOD)
    made.publish(snapshot(check("other/web")))
    series = _read(made)
    assert not any(("target", "erp") in labels for _, labels in series)
    made.publish(snapshot(check("erp/web")))
    back = _one(_read(made), "scudo_probe_results_total", **WEB, result="good")
    assert back == 0


def test_a_check_that_became_another_kind_has_one_info() -> None:
    made = metrics()
    made.publish(snapshot(check()))
    _read(made)
    made.publish(snapshot(check(kind="tcp")))
    infos = [labels for name, labels in _read(made) if name == "scudo_check_info"]
    assert len(infos) == 1
    assert ("kind", "tcp") in infos[0]


def test_incidents_are_counted_by_severity() -> None:
    series = _read(full())
    found = [
        _one(series, "scudo_incidents_open", **SITE, severity=severity)
        for severity in ("1", "2", "3", "none")
    ]
    assert found == [1, 0, 0, 1]


def test_what_happens_is_counted() -> None:
    made = full()
    made.stepped(3 * SECOND)
    made.stepped(-3 * SECOND)
    made.stepped(-3 * SECOND)
    made.committed(done=True)
    made.committed(done=False)
    made.delivered("lost")
    series = _read(made)
    steps = "scudo_clock_steps_total"
    assert _one(series, steps, **SITE, direction="forward") == 1
    assert _one(series, steps, **SITE, direction="back") == 2
    assert _one(series, "scudo_store_commits_total", **SITE, outcome="done") == 1
    assert _one(series, "scudo_store_commits_total", **SITE, outcome="failed") == 1
    deliveries = "scudo_delivery_events_total"
    assert _one(series, deliveries, **SITE, event="lost") == 1
    assert _one(series, deliveries, **SITE, event="acknowledged") == 0
    with pytest.raises(KeyError):
        made.delivered("forgotten")


def test_every_event_of_the_delivery_is_counted() -> None:
    assert set(DELIVERIES) == {kind.value for kind in DeliveryKind}


def test_lateness_is_a_histogram() -> None:
    made = full()
    for late in (0.0, 0.05, 0.051, 99.0):
        made.fired(late)
    series = _read(made)
    name = "scudo_probe_late_seconds"
    assert _one(series, f"{name}_bucket", **SITE, le="0.05") == 2
    assert _one(series, f"{name}_bucket", **SITE, le="0.1") == 3
    assert _one(series, f"{name}_bucket", **SITE, le="60.0") == 3
    assert _one(series, f"{name}_bucket", **SITE, le="+Inf") == 4
    assert _one(series, f"{name}_count", **SITE) == 4
    assert _one(series, f"{name}_sum", **SITE) == pytest.approx(99.101)


def test_labels_are_escaped() -> None:
    made = metrics(customer='a"\\\n')
    made.publish(snapshot(check(address='x"y\\z')))
    for accept in ("", OPENMETRICS):
        series = _read(made, accept)
        info = [dict(labels) for name, labels in series if name == "scudo_check_info"]
        assert info[0]["address"] == 'x"y\\z'
        assert info[0]["customer"] == 'a"\\\n'


def test_too_many_series_are_dropped_and_counted() -> None:
    made = metrics(series_limit=36)
    made.publish(snapshot(*(check(f"a{n}/ping") for n in range(5))))
    series = _read(made)
    infos = [labels for name, labels in series if name == "scudo_check_info"]
    assert len(infos) == 2
    assert _one(_read(made), "scudo_series_dropped_total", **SITE) == 3 * 18


def test_no_check_has_more_series_than_the_limit_reckons_with() -> None:
    made = metrics()
    every = {"loss": 0.0, "rtt_s": 0.1, "rtt_max_s": 0.1, "days_left": 1.0}
    every |= {"used": 0.5, "free_bytes": 1.0, "load1_per_cpu": 1.0, "value": 1.0}
    for kind in ("icmp", "http", "tls", "snmp", "host"):
        made.publish(snapshot(check(kind=kind, warned=True, values=every)))
        mine = [labels for _, labels in _read(made) if ("target", "erp") in labels]
        assert len(mine) <= 18 + 3


def test_a_source_is_asked_at_each_scrape() -> None:
    made, asked = metrics(), []

    def give() -> object:
        asked.append(1)
        return snapshot()

    made.source = give  # type: ignore[assignment]
    made.exposition()
    made.exposition()
    assert len(asked) == 2


def test_the_callers_registry_is_exposed_too() -> None:
    registry = CollectorRegistry()
    Counter("demo_things", "Things.", registry=registry).inc()
    body, _ = metrics(registry=registry).exposition()
    assert b"demo_things_total 1.0" in body
    assert b"process_" not in body


def test_the_process_is_exposed() -> None:
    assert b"process_resident_memory_bytes" in metrics().exposition()[0]


@pytest.mark.parametrize(
    "metric", [*CATALOGUE, *DESK_METRICS], ids=lambda metric: metric.name
)
def test_a_name_keeps_to_the_convention(metric: Metric) -> None:
    assert re.fullmatch("scudo_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.type == "counter")
    assert metric.help.endswith(".")
    assert metric.name in metric.example
    assert not set(metric.labels) & {"job", "instance", "url", "ticket", "message"}


def test_the_reference_is_current() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == reference(), (
        "run python -m scudo_agent.telemetry.reference > docs/metrics.md"
    )
    for metric in (*CATALOGUE, *DESK_METRICS):
        assert f"### `{metric.name}`" in reference()


def test_ten_thousand_checks_are_written_whole() -> None:
    made = metrics()
    checks: list[CheckSnapshot] = [check(f"t{n}/web") for n in range(10_000)]
    made.publish(snapshot(*checks))
    body, _ = made.exposition()
    assert body.count(b"\nscudo_check_state{") == 40_000
