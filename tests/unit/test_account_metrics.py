"""The metrics of accounts as Prometheus reads them."""

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as plain

from support.snapshots import account, metrics, snapshot

OPEN = "application/openmetrics-text; version=1.0.0"


def test_seconds_by_class_are_a_gauge_and_add_up() -> None:
    shown = metrics()
    shown.publish(snapshot())
    for accept, read in (("", plain), (OPEN, openmetrics)):
        text = shown.exposition(accept)[0].decode()
        found = {one.name: one for one in read(text)}
        seconds = found["scudo_sla_seconds"]
        assert seconds.type == "gauge"
        assert sum(one.value for one in seconds.samples) == 1000 * 3600
        (lost,) = (s for s in seconds.samples if s.labels["class"] == "down_counted")
        assert lost.value == 3600
        assert lost.labels["service"] == "erp"
        (left,) = found["scudo_sla_budget_remaining_seconds"].samples
        assert left.value == 86.59 * 3600


def test_what_there_is_no_figure_of_is_absent() -> None:
    shown = metrics()
    shown.publish(
        snapshot(
            accounts=(
                account(availability=None, burn_rate=None, remaining_us=-1.5e6),
                account(service='a"b\\c'),
            )
        )
    )
    found = {one.name: one for one in plain(shown.exposition()[0].decode())}
    ratios = found["scudo_sla_availability_ratio"].samples
    assert [one.labels["service"] for one in ratios] == ['a"b\\c']
    assert len(found["scudo_sla_burn_rate"].samples) == 1
    assert found["scudo_sla_budget_remaining_seconds"].samples[0].value == -1.5


def test_without_accounts_there_is_no_series() -> None:
    shown = metrics()
    shown.publish(snapshot(accounts=()))
    assert "scudo_sla" not in shown.exposition()[0].decode()
