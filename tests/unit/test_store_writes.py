"""What one commit holds, and that it holds it whole or not at all."""

import asyncio
import hashlib
import json
import sqlite3
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, OperationalError

from scudo_agent.errors import StoreError
from scudo_agent.instant import DAY, HOUR, SECOND, Instant
from scudo_agent.judge.batch import Change, CheckMemory, Isolation, Withdrawal
from scudo_agent.model import Kind, Result, State
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import (
    IncidentState,
    Liveness,
    RunEvent,
    RunKind,
    Seen,
    Write,
)
from scudo_agent.text import T
from support.storing import (
    T0,
    StoppedClock,
    incident_id,
    memory,
    opened,
    stage,
    told,
)


def at(seconds: float) -> Instant:
    """An instant so long after `T0`."""
    return Instant(T0 + round(seconds * SECOND))


def change(state: State, since: float, decided: float | None = None) -> Change:
    """A change of `web/http`."""
    when = since if decided is None else decided
    return Change(check="web/http", state=state, since=at(since), decided=at(when))


WHOLE = Write(
    changes=(change(State.DOWN, 0, 10),),
    checks=(
        CheckMemory(
            check="web/http",
            state=State.DOWN,
            since=at(0),
            decided=at(10),
            before=State.UP,
            definition="d-1",
            data={"member": "x"},
        ),
    ),
    incidents=(memory(1),),
    stages=(stage(1),),
    isolation=(Isolation(since=at(3), until=None),),
    runs=(RunEvent(kind=RunKind.START, at=at(1), detail={"version": "1"}),),
    liveness=Liveness(
        at=at(20), wall=at(21), mono_us=5, boot_id="b", offset_us=SECOND, pid=42
    ),
    seen={
        "web/http": Seen(
            at=at(9),
            result=Result.FAILED,
            seen=T("connection refused ({endpoint})", endpoint="web.example"),
            expected=T("status {status}", status=200),
            duration_us=1_500,
            failing=3,
            warned=True,
        )
    },
)


def test_what_was_written_is_what_a_restart_finds(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.commit(WHOLE).result()
    store.close()
    store = opened(tmp_path)
    found = store.load()
    assert found.checks == WHOLE.checks
    assert found.incidents == WHOLE.incidents
    assert found.runs == WHOLE.runs
    assert found.liveness == WHOLE.liveness
    assert found.isolation == WHOLE.isolation[0]
    assert found.seen == WHOLE.seen
    assert found.last_instant == at(20)
    assert store.timeline.now() >= at(20), "the timeline never goes back"
    store.close()


def test_stages_get_contiguous_numbers_and_their_bytes_are_kept(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path)
    first = store.commit(
        Write(incidents=(memory(1), memory(2)), stages=(stage(1), stage(2)))
    ).result()
    second = store.commit(
        Write(
            incidents=(memory(1), memory(3)),
            stages=(stage(1, Kind.RAISE), stage(3), stage(1, Kind.NOTE)),
        )
    ).result()
    assert [(s.seq, s.rev) for s in first + second] == [
        (1, 1),
        (2, 1),
        (3, 2),
        (4, 1),
        (5, 3),
    ]
    for row, numbered in zip(store.pending(), first + second, strict=True):
        assert json.loads(row.body) == json.loads(numbered.model_dump_json())
        assert row.sha256 == hashlib.sha256(row.body).hexdigest()
        assert row.created == T0
    store.close()


def test_a_write_that_fails_leaves_nothing_and_the_next_one_counts_on(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path)
    store.commit(told(1)).result()
    orphan = replace(WHOLE, incidents=(), stages=(stage(1), stage(9)))
    with pytest.raises(StoreError, match="which the store does not know"):
        store.commit(orphan).result()
    assert store.load().checks == ()
    assert store.head() == (1, 0)
    assert store.commit(told(2)).result()[0].seq == 2
    store.close()


def test_a_write_that_fails_in_a_group_leaves_the_others_alone(
    tmp_path: Path,
) -> None:
    with Grouped(tmp_path) as grouped:
        good = grouped.store.commit(told(1))
        bad = grouped.store.commit(Write(stages=(stage(9),)))
        after = grouped.store.commit(told(2))
    assert good.result()[0].seq == 1
    assert isinstance(bad.exception(), StoreError)
    assert after.result()[0].seq == 2


@pytest.mark.parametrize("inline", [True, False])
def test_what_the_database_refuses_is_a_store_error_with_its_cause(
    tmp_path: Path, inline: bool, caplog: pytest.LogCaptureFixture
) -> None:
    store = AgentStore.open(
        tmp_path, site="acme-milano", clock=StoppedClock(), inline=inline
    )

    def twice(db: Connection) -> None:
        for _ in range(2):
            db.execute(text("INSERT INTO meta VALUES ('x', 'y')"))

    for _ in range(2):
        error = store._writer.submit(twice).exception()
        assert isinstance(error, StoreError)
        assert isinstance(error.__cause__, IntegrityError)
    assert store.commit(told(1)).result()[0].seq == 1
    refused = [one for one in caplog.records if "refuses commits" in one.message]
    assert len(refused) == 1
    store.close()


def test_what_waits_goes_into_one_commit(tmp_path: Path) -> None:
    with Grouped(tmp_path) as grouped:
        futures = [grouped.store.commit(told(number)) for number in range(1, 41)]
        assert not any(future.done() for future in futures)
    assert [future.result()[0].seq for future in futures] == list(range(1, 41))
    assert grouped.commits == 2, "the one that was held, and one for all the rest"


def test_a_write_that_was_cancelled_before_its_turn_is_not_done(
    tmp_path: Path,
) -> None:
    with Grouped(tmp_path) as grouped:
        first = grouped.store.commit(told(1))
        assert first.cancel()
        second = grouped.store.commit(told(2))
    assert second.result()[0].seq == 1


@pytest.mark.parametrize("inline", [True, False])
def test_a_full_disk_fails_the_commit_and_later_ones_succeed(
    tmp_path: Path, inline: bool
) -> None:
    store = AgentStore.open(
        tmp_path, site="acme-milano", clock=StoppedClock(), inline=inline
    )
    store.commit(told(1)).result()
    pages = store._writer.submit(_pages).result()
    _limit(store, pages)
    big = replace(told(2), runs=(_big_run(),))
    for _ in range(2):
        with pytest.raises(StoreError, match="not stored: database or disk is full"):
            store.commit(big).result()
    assert store.head() == (1, 0)
    assert len(store.load().incidents) == 1
    _limit(store, 10**6)
    assert store.commit(big).result()[0].seq == 2
    store.close()
    again = opened(tmp_path)
    assert [row.seq for row in again.pending()] == [1, 2]
    again.close()


def test_all_of_a_group_fail_when_its_commit_fails(tmp_path: Path) -> None:
    with Grouped(tmp_path) as grouped:
        pages = _count(grouped.store)
        _limit(grouped.store, pages)
        small = grouped.store.commit(told(1))
        big = grouped.store.commit(replace(told(2), runs=(_big_run(),)))
    for future in (small, big):
        with pytest.raises(StoreError, match="not stored"):
            future.result()


def test_after_close_a_write_is_refused_at_once(tmp_path: Path) -> None:
    for inline in (True, False):
        store = AgentStore.open(
            tmp_path, site="acme-milano", clock=StoppedClock(), inline=inline
        )
        store.close()
        with pytest.raises(StoreError, match="is closed"):
            store.commit(told(1)).result()


def test_close_finishes_what_was_submitted(tmp_path: Path) -> None:
    store = AgentStore.open(tmp_path, site="acme-milano", clock=StoppedClock())
    futures = [store.commit(told(number)) for number in range(1, 30)]
    store.close()
    assert all(future.done() for future in futures)
    again = opened(tmp_path)
    assert again.head() == (29, 0)
    again.close()


@pytest.mark.parametrize("inline", [True, False])
def test_a_commit_can_be_awaited(tmp_path: Path, inline: bool) -> None:
    store = AgentStore.open(
        tmp_path, site="acme-milano", clock=StoppedClock(), inline=inline
    )

    async def both() -> list[int]:
        done = await asyncio.gather(store.acommit(told(1)), store.acommit(told(2)))
        return [stages[0].seq for stages in done]

    assert asyncio.run(both()) == [1, 2]
    store.close()


def test_an_incident_goes_through_its_states(tmp_path: Path) -> None:
    clock = StoppedClock()
    store = opened(tmp_path, clock)

    def state() -> IncidentState:
        return store.reader.incidents()[0].state

    store.commit(told(1)).result()
    assert state() is IncidentState.OPEN_LOCAL
    store.acknowledge("I", 1, {1: "SC-1"}).result()
    assert state() is IncidentState.OPEN_ACKED
    store.commit(told(1, Kind.RAISE)).result()
    assert state() is IncidentState.OPEN_ACKED, "a raise opens nothing"
    store.commit(told(1, Kind.RECOVER)).result()
    assert state() is IncidentState.RECOVERED_LOCAL
    store.acknowledge("I", 2, {}).result()
    assert state() is IncidentState.RECOVERED_LOCAL
    store.acknowledge("I", 3, {}).result()
    assert state() is IncidentState.RECOVERED_ACKED
    store.commit(told(1, Kind.REOPEN)).result()
    assert state() is IncidentState.OPEN_LOCAL
    store.commit(told(1, Kind.RECOVER)).result()
    store.acknowledge("I", 4, {}).result()
    assert state() is IncidentState.RECOVERED_LOCAL, "the re-opening is acknowledged"
    store.acknowledge("I", 5, {}).result()
    clock.pass_s(5 * 3600)
    assert store.house_keep().result() == (1, 0)
    row = store.reader.incidents()[0]
    assert row.state is IncidentState.SEALED
    assert (row.rev, row.reopen_count, row.ticket_ref) == (5, 1, "SC-1")
    store.close()


def test_only_what_can_reopen_is_loaded(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number, recovered in ((1, None), (2, at(60)), (3, at(4 * 3600))):
        kind = Kind.OPEN if recovered is None else Kind.RECOVER
        store.commit(
            Write(
                incidents=(memory(number, recovered=recovered),),
                stages=(stage(number, kind),),
            )
        ).result()
    store.commit(Write(runs=(RunEvent(kind=RunKind.STOP, at=at(5 * 3600)),))).result()
    found = store.load(4 * HOUR)
    assert [kept.incident for kept in found.incidents] == [
        incident_id(1),
        incident_id(3),
    ]
    store.close()


def test_withdrawn_changes_stay_and_are_told_as_such(tmp_path: Path) -> None:
    store = opened(tmp_path)
    withdrawal = Withdrawal(check="web/http", since=at(100), decided=at(130))
    written: tuple[Change | Withdrawal, ...] = (
        change(State.UP, 0),
        change(State.DOWN, 100, 110),
        change(State.UP, 120),
        withdrawal,
        change(State.UNKNOWN, 100, 130),
        change(State.UP, 200),
    )
    for one in written:
        store.commit(Write(changes=(one,))).result()
    assert store.reader.timelines(at(0), at(1000)) == {"web/http": list(written)}
    assert store.reader.timelines(at(150), at(1000)) == {
        "web/http": list(written[4:])
    }, "from the effective change that holds at the start"
    assert store.reader.timelines(at(0), at(0)) == {}
    store.close()


def test_the_last_good_observation_outlives_bad_ones(tmp_path: Path) -> None:
    store = opened(tmp_path)
    good = Seen(at=at(1), result=Result.GOOD, seen=T("200 in 3 ms"))
    bad = Seen(at=at(9), result=Result.FAILED, seen=T("no answer"), failing=1)
    store.commit(Write(seen={"web/http": good})).result()
    store.commit(Write(seen={"web/http": bad, "web/tls": bad})).result()
    seen = store.load().seen
    assert seen["web/http"] == replace(bad, last_good=at(1))
    assert seen["web/tls"].last_good is None
    store.close()


def test_the_liveness_time_is_one_row(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert WHOLE.liveness is not None
    for second in range(3):
        alive = replace(WHOLE.liveness, at=at(second), clean=at(second))
        store.commit(Write(liveness=alive)).result()
    assert store.reader.liveness() == alive
    rows = store._writer.submit(
        lambda db: db.execute(text("SELECT count(*) FROM liveness")).scalar_one()
    )
    assert rows.result() == 1
    store.close()


def test_removed_checks_are_forgotten_on_purpose_and_their_past_is_kept(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path)
    store.commit(WHOLE).result()
    store.forget(["web/http"]).result()
    assert store.load().checks == ()
    assert store.load().seen == {}
    assert store.reader.timelines(at(0), at(100)) == {
        "web/http": [change(State.DOWN, 0, 10)]
    }
    store.close()


def test_what_a_device_says_never_stops_a_write(tmp_path: Path) -> None:
    store = opened(tmp_path)
    hostile = "a\ud800b\x00c\x1b[31m"
    values = {"name": hostile, "load": float("nan"), "octets": 2**64 - 1}
    note = {"id": "name {name}", "values": values}
    seen = Seen(at=at(1), result=Result.FAILED, seen=T("name {name}", name=hostile))
    numbered = store.commit(
        Write(
            incidents=(memory(1),),
            stages=(stage(1).model_copy(update={"note": note}),),
            seen={"web/http": seen},
        )
    ).result()
    assert numbered[0].seq == 1
    kept = json.loads(store.pending()[0].body)["note"]["values"]
    assert kept == {
        "name": "a?b\ufffdc\x1b[31m",
        "load": "nan",
        "octets": "18446744073709551615",
    }
    assert store.load().seen["web/http"].seen.values == {"name": "a?b\x00c\x1b[31m"}
    store.close()


def test_acknowledged_rows_go_after_35_days_and_others_never(tmp_path: Path) -> None:
    """With their incident: an open one, or one that is not whole there, stays whole."""
    clock = StoppedClock()
    store = opened(tmp_path, clock)
    for number in range(1, 5):
        store.commit(told(number)).result()
    for number in (1, 2, 4):  # the third stays open
        store.commit(told(number, Kind.RECOVER)).result()
    store.quarantine("I", 2, "refused").result()
    store.acknowledge("I", 6, {}).result()
    clock.pass_s(34 * 86_400)
    assert store.house_keep().result() == (2, 0)
    clock.pass_s(2 * 86_400)
    assert store.house_keep().result() == (0, 2)
    assert [row.seq for row in store.pending()] == [7]
    assert store.head() == (7, 6)
    store.rewind("I", 0).result()
    assert [row.seq for row in store.pending()] == [2, 3, 4, 6, 7]
    store.acknowledge("I", 6, {}).result()
    assert store.outbox_age_us(store.timeline.now()) == 36 * DAY
    store.close()


class Grouped:
    """A store whose writer is held up while the block submits its writes."""

    def __init__(self, folder: Path) -> None:
        self.store = AgentStore.open(folder, site="acme-milano", clock=StoppedClock())
        self.commits = 0
        self._go = threading.Event()

    def __enter__(self) -> "Grouped":
        begun = threading.Event()

        def held(_: Connection) -> None:
            begun.set()
            assert self._go.wait(10)

        commit = self.store._writer._commit

        def counted(group: Any) -> None:
            self.commits += 1
            commit(group)

        self.store._writer._commit = counted  # type: ignore[method-assign]
        self._held: Future[None] = self.store._writer.submit(held)
        assert begun.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._go.set()
        self.store.close()


def _pages(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())


def _count(store: AgentStore) -> int:
    return int(store.reader.read(_pages))


def _limit(store: AgentStore, pages: int) -> None:
    """Let the file have so many pages: the next one is a full disk."""
    raw: Any = store._writer._connection.connection.driver_connection
    raw.execute(f"PRAGMA max_page_count = {pages}").close()


def _big_run() -> RunEvent:
    return RunEvent(kind=RunKind.STEP, at=T0, detail={"much": "x" * 100_000})


def test_a_store_that_refuses_again_and_again_logs_it_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(tmp_path)
    writer = store._writer

    def full(_db: Connection) -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("disk is full"))

    for _ in range(5):
        with pytest.raises(StoreError, match="disk is full"):
            writer.submit(full).result(10)
    writer.submit(lambda _db: None).result(10)
    writer.submit(lambda _db: None).result(10)
    store.close()
    said = [r.getMessage() for r in caplog.records if r.levelname != "INFO"]
    assert [one.partition("agent.db ")[2] for one in said] == [
        "refuses commits, they are tried again: disk is full",
        "takes commits again",
    ]
