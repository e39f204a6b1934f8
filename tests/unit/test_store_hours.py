"""Hours of values with a forecast: written, put back, trimmed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scudo_agent.instant import DAY, HOUR, Instant
from scudo_agent.judge.forecast import Hour, HourOf
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import Write
from support.storing import T0, StoppedClock, opened


def hour(number: int, *, check: str = "here/disk", measure: str = "disk /") -> HourOf:
    """One hour of three values."""
    one = Hour(
        start=Instant(T0 + number * HOUR),
        n=3,
        offset_us=HOUR,
        sum=1.5,
        min=0.4,
        max=0.6,
        last=0.5 + number / 1000,
    )
    return HourOf(check=check, measure=measure, hour=one)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AgentStore]:
    store = opened(tmp_path)
    yield store
    store.close()


def read(store: AgentStore, measure: str = "disk /") -> list[Hour]:
    return store.reader.hours({"here/disk": measure})["here/disk"]


def test_hours_come_back_in_order_and_exactly(store: AgentStore) -> None:
    store.commit(Write(hours=(hour(2), hour(0), hour(1)))).result()

    assert read(store) == [hour(number).hour for number in range(3)]


def test_an_hour_that_goes_on_replaces_what_was_kept_of_it(store: AgentStore) -> None:
    store.commit(Write(hours=(hour(0),))).result()
    more = hour(0)
    more.hour.add(0.9, Instant(T0 + HOUR // 2))
    store.commit(Write(hours=(more,))).result()

    [only] = read(store)
    assert (only.n, only.max, only.last) == (4, 0.9, 0.9)


def test_another_measure_is_no_history_and_is_dropped(store: AgentStore) -> None:
    theirs = hour(0, check="here/memory", measure="memory")
    store.commit(Write(hours=(hour(0), hour(1), theirs))).result()
    assert read(store, "disk /srv") == []

    store.keep_hours({"here/disk": "disk /srv", "here/memory": "memory"}).result()

    assert read(store) == []
    assert len(store.reader.hours({"here/memory": "memory"})["here/memory"]) == 1


def test_eight_weeks_are_kept(tmp_path: Path) -> None:
    clock = StoppedClock()
    store = opened(tmp_path, clock)
    store.commit(Write(hours=tuple(hour(number) for number in range(5)))).result()
    clock.pass_s((56 * DAY + 2 * HOUR) / 1_000_000)

    store.house_keep().result()

    assert [one.start for one in read(store)] == [T0 + n * HOUR for n in (2, 3, 4)]
    store.close()


def test_a_refused_commit_keeps_no_hour(tmp_path: Path, store: AgentStore) -> None:
    bad = hour(0)
    bad.hour.n = 0  # refused by the table's own rule
    future = store.commit(Write(hours=(hour(1), bad)))

    with pytest.raises(Exception, match="not stored"):
        future.result()
    assert read(store) == []
