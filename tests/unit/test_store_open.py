"""What the store refuses, and what it makes sure of before it is used."""

import multiprocessing
import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scudo_agent.errors import StoreError
from scudo_agent.store import engine
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.read import FILE, StoreReader
from support.storing import StoppedClock, opened, told


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with a store in it that was closed."""
    folder = tmp_path / "state"
    store = opened(folder)
    store.commit(told(1)).result()
    store.close()
    return folder


def test_a_new_store_knows_its_site_and_itself(tmp_path: Path) -> None:
    store = opened(tmp_path / "deep" / "state")
    try:
        assert store.site == "acme-milano"
        assert len(store.store_id) == 36
        assert store.sqlite_version == engine.dbapi().sqlite_version
        assert store.load().last_instant == 0
        folder = tmp_path / "deep" / "state"
        for file in (folder, *folder.iterdir()):
            mode = stat.S_IMODE(file.stat().st_mode)
            assert not mode & 0o077, f"others may read {file.name}"
    finally:
        store.close()


def test_the_identity_outlives_a_restart(state: Path) -> None:
    first = opened(state)
    kept = first.store_id
    first.close()
    again = opened(state)
    assert again.store_id == kept
    again.close()


def test_pragmas_hold_on_the_connections_in_use(state: Path) -> None:
    connection = engine.open_writer(state / FILE)
    got = {
        name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }
    connection.close()
    assert got == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_a_pragma_that_does_not_hold_stops_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A rollback journal in the place of the WAL stands for a file system on which
    # SQLite cannot have one.
    monkeypatch.setattr(engine, "_WRITER", {"journal_mode": ("DELETE", "wal")})
    with pytest.raises(StoreError, match="keeps journal_mode = delete where"):
        opened(tmp_path)
    monkeypatch.undo()
    opened(tmp_path).close()


def test_a_reader_cannot_write(state: Path) -> None:
    connection = engine.open_reader(state / FILE)
    with pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("DELETE FROM outbox")
    connection.rollback()
    connection.close()


def _hold(folder: Path, ready: "multiprocessing.synchronize.Event") -> None:
    store = opened(folder)
    store.commit(told(8)).result()
    ready.set()
    multiprocessing.get_context("spawn").Event().wait(30)
    store.close()


@pytest.fixture
def holder(state: Path) -> Iterator[int]:
    """Another process that has the store; its number."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    child = spawn.Process(target=_hold, args=(state, ready))
    child.start()
    try:
        assert ready.wait(30)
        assert child.pid is not None
        yield child.pid
    finally:
        child.kill()
        child.join(10)
        child.close()


def test_a_second_agent_is_refused_until_the_first_is_gone(
    state: Path, holder: int
) -> None:
    with pytest.raises(StoreError, match=rf"another agent \(process {holder}\)"):
        opened(state)


def test_the_lock_ends_with_the_process_that_held_it(state: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    child = spawn.Process(target=_hold, args=(state, ready))
    child.start()
    assert ready.wait(30)
    child.kill()
    child.join(10)
    child.close()
    reader = StoreReader.open(state)
    assert reader.outbox().head_seq == 2, "what a killed agent leaves can be read"
    reader.close()
    store = opened(state)
    assert store.head() == (2, 0)
    store.close()


def test_the_store_of_another_site_is_refused(state: Path) -> None:
    with pytest.raises(StoreError, match="store of site 'acme-milano', and this is"):
        AgentStore.open(state, site="acme-roma", clock=StoppedClock(), inline=True)
    opened(state).close()


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE notes (line TEXT)")
        db.execute("INSERT INTO notes VALUES ('mine')")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is no store of an agent"):
        opened(tmp_path)
    with pytest.raises(StoreError, match="is no store of an agent"):
        StoreReader.open(tmp_path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mark", [7, 0x7FFFFFFF])
def test_another_programs_mark_is_refused_even_without_tables(
    tmp_path: Path, mark: int
) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute(f"PRAGMA application_id = {mark}")
    db.close()
    with pytest.raises(StoreError, match="is no store of an agent"):
        opened(tmp_path)


def test_a_later_schema_is_refused(state: Path) -> None:
    with sqlite3.connect(state / FILE) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(StoreError, match="has schema 999, and this version knows"):
        opened(state)
    with pytest.raises(StoreError, match="later scudo-agent wrote it"):
        StoreReader.open(state)


def test_what_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"certainly no database" * 400)
    with pytest.raises(StoreError, match=r"is damaged"):
        StoreReader.open(tmp_path)


def test_a_damaged_page_is_found_when_the_store_is_opened(state: Path) -> None:
    path = state / FILE
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = os.urandom(64)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="is damaged"):
        engine.open_writer(path)


def test_a_cut_file_is_found_when_the_store_is_opened(state: Path) -> None:
    path = state / FILE
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreError, match="is damaged"):
        engine.open_writer(path)


def test_a_folder_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    with pytest.raises(StoreError, match="state: cannot make it: File exists"):
        opened(tmp_path / "state")


def test_no_store_is_told_apart_from_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has the agent ever run here"):
        StoreReader.open(tmp_path)


def test_a_refused_store_leaves_the_lock_free(state: Path) -> None:
    with pytest.raises(StoreError):
        AgentStore.open(state, site="other", clock=StoppedClock(), inline=True)
    opened(state).close()
    opened(state).close()


def test_a_reader_works_in_a_folder_that_may_only_be_read(state: Path) -> None:
    # What a closed store leaves is one file without a WAL: that alone must do.
    assert [entry.name for entry in sorted(state.iterdir())] == [
        "agent.db",
        "agent.db.mark",
        "agent.lock",
    ]
    connection = engine.open_reader(state / FILE)
    connection.close()
    reader = StoreReader.open(state)
    assert reader.status().outbox.head_seq == 1
    reader.close()


def test_reading_after_close_is_one_clear_line(state: Path) -> None:
    reader = StoreReader.open(state)
    reader.close()
    with pytest.raises(StoreError, match=r"agent\.db: is closed"):
        reader.status()


def test_the_systems_sqlite_does_where_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pysqlite3.dbapi2", None)
    store = opened(tmp_path)
    assert store.sqlite_version == sqlite3.sqlite_version
    store.commit(told(1)).result()
    store.acknowledge("I", 1, {1: "SC-1"}).result()
    store.close()
    store = opened(tmp_path)
    assert store.commit(told(2)).result()[0].seq == 2
    assert store.reader.incidents()[0].ticket_ref == "SC-1"
    store.close()


def test_a_reader_sees_what_a_running_agent_commits(state: Path) -> None:
    store = opened(state)
    reader = StoreReader.open(state)
    store.commit(told(2)).result()
    assert reader.status().outbox.head_seq == 2
    store.close()
    reader.close()


def test_a_path_with_odd_characters_is_opened_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "sì? 100% #1"
    store = opened(folder)
    store.commit(told(1)).result()
    store.close()
    assert (folder / FILE).exists()
    reader = StoreReader.open(folder)
    assert reader.outbox().head_seq == 1
    reader.close()
