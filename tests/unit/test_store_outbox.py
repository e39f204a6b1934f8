"""Marks of the stream: acknowledged, rewound, set aside, numbered anew."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, func, select

from scudo_agent.model import Kind
from scudo_agent.store import schema
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import IncidentState
from support.storing import StoppedClock, opened, told


def filled(folder: Path, count: int, clock: StoppedClock | None = None) -> AgentStore:
    """A store with so many openings in epoch 1."""
    store = opened(folder, clock)
    store.grant(1).result()
    for number in range(1, count + 1):
        store.commit(told(number)).result()
    return store


def waiting(store: AgentStore) -> list[int]:
    """Numbers that the desk does not have."""
    return [row.seq for row in store.pending()]


def test_pending_is_in_order_and_at_most_the_limit(tmp_path: Path) -> None:
    store = filled(tmp_path, 5)
    assert [row.seq for row in store.pending(limit=3)] == [1, 2, 3]
    store.acknowledge("I", 2, {}).result()
    assert waiting(store) == [3, 4, 5]
    assert store.pending("L") == []
    store.close()


def test_an_acknowledgement_stores_tickets_time_and_epoch(tmp_path: Path) -> None:
    clock = StoppedClock()
    store = filled(tmp_path, 3, clock)
    clock.pass_s(7)
    store.acknowledge("I", 2, {1: "SC-1", 2: "SC-2"}).result()
    tickets = [row.ticket_ref for row in store.reader.incidents()]
    assert tickets == ["SC-1", "SC-2", None]
    store.rewind("I", 1).result()
    row = store.pending()[0]
    assert (row.seq, row.acked, row.epoch) == (2, None, None)
    store.close()


def test_the_mark_never_goes_back_by_a_late_acknowledgement(tmp_path: Path) -> None:
    store = filled(tmp_path, 3)
    store.acknowledge("I", 3, {}).result()
    store.acknowledge("I", 1, {}).result()
    assert store.head() == (3, 3)
    store.close()


def test_a_rewind_makes_the_same_bytes_wait_again(tmp_path: Path) -> None:
    store = filled(tmp_path, 3)
    before = [(row.seq, row.body, row.sha256) for row in store.pending()]
    store.acknowledge("I", 3, {1: "SC-1"}).result()
    store.rewind("I", 0).result()
    assert [(row.seq, row.body, row.sha256) for row in store.pending()] == before
    row = store.reader.incidents()[0]
    assert (row.state, row.ticket_ref) == (IncidentState.OPEN_LOCAL, "SC-1")
    store.rewind("I", 2).result()
    assert store.head() == (3, 0), "a rewind acknowledges nothing"
    store.close()


def test_an_event_set_aside_is_kept_in_its_place(tmp_path: Path) -> None:
    clock = StoppedClock()
    store = filled(tmp_path, 3, clock)
    store.note_attempt("I", (1, 2), "x" * 9_999).result()
    store.quarantine("I", 1, "422 severity 9").result()
    rows = store.pending()
    assert [row.attempts for row in rows] == [1, 1, 0]
    assert rows[1].last_error == "x" * 500
    assert rows[0].last_error == "422 severity 9"
    assert rows[0].quarantined == clock.now
    status = store.reader.outbox()
    assert (status.quarantined, status.head_seq, status.acked_seq) == (1, 3, 0)
    store.acknowledge("I", 1, {}).result()
    assert store.reader.outbox().quarantined == 1, "told of, and still kept"
    assert store.reader.incidents()[0].state is IncidentState.OPEN_ACKED
    store.close()


def test_age_counts_from_the_oldest_that_waits(tmp_path: Path) -> None:
    clock = StoppedClock()
    store = filled(tmp_path, 1, clock)
    clock.pass_s(60)
    store.commit(told(2)).result()
    clock.pass_s(30)
    assert store.outbox_age_us(store.timeline.now()) == 90_000_000
    store.quarantine("I", 1, "refused").result()
    assert store.outbox_age_us(store.timeline.now()) == 30_000_000
    store.acknowledge("I", 2, {}).result()
    assert store.outbox_age_us(store.timeline.now()) == 0
    store.close()


def test_a_first_epoch_changes_no_number(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.epoch() is None
    store.commit(told(1)).result()
    body = store.pending()[0].body
    assert store.grant(4).result() is False
    assert store.grant(4).result() is False
    assert store.epoch() == 4
    assert store.pending()[0].body == body
    store.close()


def test_another_epoch_tells_everything_that_is_kept_from_one_on(
    tmp_path: Path,
) -> None:
    clock = StoppedClock()
    store = filled(tmp_path, 2, clock)
    for number in (1, 2):
        store.commit(told(number, Kind.RECOVER)).result()
    store.acknowledge("I", 4, {}).result()
    for number in (3, 4):
        store.commit(told(number)).result()
    clock.pass_s(36 * 86_400)
    assert store.house_keep().result() == (2, 4)
    store.commit(told(3, Kind.RECOVER)).result()
    assert waiting(store) == [5, 6, 7]
    assert store.grant(2).result() is True
    rows = store.pending()
    assert [row.seq for row in rows] == [1, 2, 3]
    for row in rows:
        assert json.loads(row.body)["seq"] == row.seq
        assert row.sha256 == hashlib.sha256(row.body).hexdigest()
    assert [row.rev for row in rows] == [1, 1, 2]
    assert store.head() == (3, 0)
    assert store.commit(told(9)).result()[0].seq == 4
    store.close()


def test_marks_outlive_a_restart(tmp_path: Path) -> None:
    store = filled(tmp_path, 3)
    store.acknowledge("I", 2, {1: "SC-1"}).result()
    store.quarantine("I", 3, "refused").result()
    store.close()
    store = opened(tmp_path)
    assert store.epoch() == 1
    assert store.head() == (3, 2)
    assert store.pending()[0].quarantined is not None
    store.close()


def test_a_freeze_ends_with_another_identity_only(tmp_path: Path) -> None:
    """As another store it may be granted the same number by a desk made anew."""
    store = filled(tmp_path, 2)
    store.acknowledge("I", 2, {}).result()
    store.freeze(1).result()
    was = store.store_id
    assert store.grant(1).result() is False
    assert store.frozen() == 1
    fresh = asyncio.run(store.renew())
    store.close()
    store = opened(tmp_path)
    assert store.store_id == fresh != was
    assert (store.epoch(), store.frozen()) == (None, 0)
    assert store.grant(1).result() is True
    assert store.frozen() is None
    assert waiting(store) == [1, 2]
    store.close()


def test_as_many_incidents_are_acknowledged_at_once_as_there_are(
    tmp_path: Path,
) -> None:
    """A statement has a limit of values, 32,766 in SQLite as it is built mostly."""
    store = filled(tmp_path, 40)
    most = 0

    def note(_db: Any, _cursor: Any, _said: str, values: Any, *_rest: Any) -> None:
        nonlocal most
        most = max(most, len(values))

    try:
        event.listen(Engine, "before_cursor_execute", note)
        try:
            store.acknowledge("I", 40, {}).result()
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert 0 < most < 20
        count = select(schema.incident.c.state, func.count()).group_by("state")
        states = store.reader.read(lambda db: db.execute(count).all())
        assert states == [(IncidentState.OPEN_ACKED.value, 40)]
    finally:
        store.close()
