"""The figures that are to wake somebody: each is there, moves, and has its alarm."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from scudo_agent.agent.measures import stream_snapshot
from scudo_agent.instant import SECOND, Instant
from scudo_agent.telemetry.catalogue import CATALOGUE
from scudo_agent.telemetry.desk_catalogue import DESK_METRICS
from support.desk_scene import play
from support.desking import Bench
from support.snapshots import metrics, snapshot
from support.storing import T0, opened, told

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
NAMED = {
    "oldest unacknowledged age": (
        "scudo_outbox_oldest_unacknowledged_age_seconds",
        "scudo_desk_agent_oldest_unacknowledged_age_seconds",
    ),
    "quarantine": ("scudo_outbox_quarantined_events", "scudo_desk_gaps_total"),
    "mail age": ("scudo_desk_oldest_mail_age_seconds",),
    "lease age": ("scudo_desk_mail_lease_age_seconds",),
    "free space": ("scudo_store_free_bytes", "scudo_desk_free_bytes"),
    "clock offset": ("scudo_clock_offset_seconds", "scudo_desk_clock_offset_seconds"),
}
ALL = [name for names in NAMED.values() for name in names]


@pytest.mark.parametrize("name", ALL)
def test_each_has_a_line_and_an_alarm_that_can_be_written_into_a_rule(
    name: str,
) -> None:
    known = {one.name: one for one in (*CATALOGUE, *DESK_METRICS)}
    assert re.search(r" [<>] \S+$", known[name].example or "")
    assert f"\n### `{name}`\n" in DOCS.read_text("utf-8")


def test_the_agents_move_with_its_store(tmp_path: Path) -> None:
    store = opened(tmp_path)
    try:
        store.grant(1).result()
        for number in (1, 2):
            store.commit(told(number)).result()
        store.quarantine("I", 1, "no such severity").result()
        later = Instant(T0 + 90 * SECOND)
        stream = stream_snapshot(store.reader.outbox(), later)
    finally:
        store.close()
    made = metrics()
    made.publish(snapshot(outbox={"I": stream}, free_bytes=7, clock_offset_s=-3_600.0))
    body, _ = made.exposition("")
    found = {
        sample.name: sample.value
        for family in parse(body.decode())
        for sample in family.samples
    }
    assert found["scudo_outbox_oldest_unacknowledged_age_seconds"] == 90
    assert found["scudo_outbox_quarantined_events"] == 1
    assert found["scudo_store_free_bytes"] == 7
    assert found["scudo_clock_offset_seconds"] == -3_600


class Usage(NamedTuple):
    """As `shutil.disk_usage` has it."""

    free: int


def test_the_desks_free_space_is_that_of_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(b: Bench) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(12_345))
        page = (await b.client.get("/metrics")).text
        assert "\nscudo_desk_free_bytes 12345\n" in page

    play(tmp_path, scene)
