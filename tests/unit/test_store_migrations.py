"""From every earlier step, with rows in it, to the tables that are declared."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from scudo_agent.errors import StoreError
from scudo_agent.store import engine, schema
from scudo_agent.store.migrations import STEPS, migrate
from scudo_agent.store.read import FILE, StoreReader
from scudo_agent.store.values import IncidentState
from support.storing import StoppedClock, incident_id, opened, told

Fill = Callable[[Connection], None]


def _fill_0(connection: Connection) -> None:
    """An empty file holds nothing."""


def _fill_1(connection: Connection) -> None:
    """A store of the first release, written as its SQL was then."""
    for statement in (
        "INSERT INTO meta VALUES ('store_id', 's-1'), ('site', 'acme-milano')",
        "INSERT INTO liveness VALUES (1, 900, 901, 17, 'boot', 1, 4711, NULL)",
        "INSERT INTO check_state VALUES"
        " ('web/http', 'down', 500, 520, NULL, 'd1', '{}')",
        "INSERT INTO check_seen VALUES ('web/http', 890, 'failed',"
        ' \'{"id":"refused","values":{}}\', NULL, NULL, 3, NULL, 400)',
        "INSERT INTO check_change VALUES (1, 'web/http', 'up', 100, 100, NULL),"
        " (2, 'web/http', 'down', 500, 520, NULL)",
        "INSERT INTO agent_run VALUES (1, 'start', 90, '{}')",
        "INSERT INTO isolation VALUES (300, 310)",
        f"INSERT INTO incident VALUES ('{incident_id(1)}', 'service:web', 'customer',"
        " 500, 520, 1, 'S1', 'open_local', 1, NULL, 0, NULL, NULL, '{}')",
        f"INSERT INTO outbox VALUES ('I', 1, NULL, '{incident_id(1)}', 1, 'open',"
        " x'7b7d', 'ab', 520, NULL, 0, NULL, NULL)",
        "INSERT INTO stream_head VALUES ('I', 1, 0)",
    ):
        connection.exec_driver_sql(statement)


def _fill_2(connection: Connection) -> None:
    """The second schema: hours of a value that has a forecast."""
    _fill_1(connection)
    connection.exec_driver_sql(
        "INSERT INTO hourly VALUES"
        " ('web/http', 0, 'disk /', 60, 3, 30.5, 0.5, 0.52, 0.51)"
    )


def _fill_3(connection: Connection) -> None:
    """The third: the copy of the desk's windows, mutes and pauses."""
    _fill_2(connection)
    for statement in (
        'INSERT INTO window_copy VALUES (1, 7, 880, \'{"revision":7,"windows":[]}\')',
        "INSERT INTO intervention VALUES ('i-1', 'mute', 'service', 'web', 870, 2000,"
        " 'disks', 'anna', NULL, NULL), ('i-2', 'pause', 'check', 'web/http', 860,"
        " 3000, 'moved', 'ugo', 865, 'ugo')",
    ):
        connection.exec_driver_sql(statement)


def _fill_4(connection: Connection) -> None:
    """The fourth: the ledger of services, chained."""
    _fill_3(connection)
    for statement in (
        "INSERT INTO ledger_service VALUES ('web', 1, '[\"web/http\"]')",
        "INSERT INTO ledger_outbox VALUES (1, 'web', 'up', 100, 100, NULL, x'7b7d',"
        " 'ab', 520, NULL, NULL, 0, NULL, NULL)",
        "UPDATE stream_head SET head_seq = 1 WHERE stream = 'L'",
    ):
        connection.exec_driver_sql(statement)


FILLS: dict[int, Fill] = {
    0: _fill_0,
    1: _fill_1,
    2: _fill_2,
    3: _fill_3,
    4: _fill_4,
}
"""Rows of each released schema; a new step needs those of the one before."""


def test_every_released_schema_has_rows_here() -> None:
    assert sorted(FILLS) == list(range(len(STEPS) + 1))


@pytest.mark.parametrize("version", sorted(FILLS))
def test_rows_of_an_earlier_store_are_there_after_the_migration(
    tmp_path: Path, version: int
) -> None:
    connection = engine.open_writer(tmp_path / FILE)
    connection.exec_driver_sql(f"PRAGMA application_id = {engine.APPLICATION_ID}")
    connection.commit()
    migrate(connection, STEPS[:version])
    with connection.begin():
        FILLS[version](connection)
    connection.close()

    store = opened(tmp_path)
    memory = store.load()
    if version:
        assert [check.check for check in memory.checks] == ["web/http"]
        assert memory.seen["web/http"].failing == 3
        assert memory.liveness is not None
        assert memory.last_instant == 901 - 1
        assert len(store.reader.timelines(_at(0), _at(10**6))["web/http"]) == 2
        assert store.reader.incidents()[0].state is IncidentState.OPEN_LOCAL
        assert [row.seq for row in store.pending()] == [1]
    if version > 2:
        copy = store.reader.windows()
        assert copy is not None
        assert (copy.fetched, copy.windows.revision) == (880, 7)
        [mute] = store.reader.interventions(_at(865))
        assert (mute.id, mute.name, mute.end) == ("i-1", "web", 2000)
        assert len(store.reader.interventions()) == 2
    assert store.commit(told(7)).result()[0].seq == (2 if version else 1)
    store.close()


def _at(us: int) -> Any:
    return us


@pytest.mark.parametrize("version", sorted(FILLS))
def test_the_migrated_schema_is_the_declared_one(tmp_path: Path, version: int) -> None:
    declared = engine.open_writer(tmp_path / "declared.db")
    with declared.begin():
        schema.METADATA.create_all(declared)
    migrated = engine.open_writer(tmp_path / "migrated.db")
    migrate(migrated, STEPS[:version])
    with migrated.begin():
        FILLS[version](migrated)
    migrate(migrated)
    assert _shape(migrated) == _shape(declared)
    migrated.close()
    declared.close()


def test_a_step_that_fails_leaves_the_step_before(tmp_path: Path) -> None:
    def broken(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (a INTEGER)")
        raise RuntimeError("the power went")

    connection = engine.open_writer(tmp_path / FILE)
    with pytest.raises(RuntimeError):
        migrate(connection, (*STEPS, broken))
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    tables = connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars()
    assert version == len(STEPS)
    assert "half" not in set(tables)
    connection.close()


def test_a_reader_does_not_migrate(tmp_path: Path) -> None:
    connection = engine.open_writer(tmp_path / FILE)
    connection.exec_driver_sql(f"PRAGMA application_id = {engine.APPLICATION_ID}")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="starting the agent once brings it up"):
        StoreReader.open(tmp_path)


def test_tables_are_strict(tmp_path: Path) -> None:
    store = opened(tmp_path, StoppedClock())
    future = store._writer.submit(
        lambda db: db.execute(
            insert(schema.agent_run).values(kind="start", at_us="noon", detail="{}")
        )
    )
    with pytest.raises(Exception, match="cannot store TEXT value in INTEGER column"):
        future.result()
    store.close()


def _shape(connection: Connection) -> dict[str, Any]:
    """Tables, columns, keys, indexes and rules, without the manner of writing."""
    rows = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        " AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ).all()

    def pragma(call: str) -> list[tuple[Any, ...]]:
        found = connection.exec_driver_sql(f"PRAGMA {call}").all()
        return sorted(tuple(row) for row in found)

    shape: dict[str, Any] = {}
    for name, sql in rows:
        indexes = [row[1:] for row in pragma(f"index_list({name})")]
        shape[name] = {
            "columns": pragma(f"table_xinfo({name})"),
            "keys": pragma(f"foreign_key_list({name})"),
            "indexes": {row[0]: row[1:] for row in indexes},
            "index columns": {
                row[0]: pragma(f"index_info({row[0]})") for row in indexes
            },
            "rules": sorted(re.findall(r"CHECK \((.*)\)", sql)),
            "strict": sql.rstrip().endswith("STRICT"),
            "autoincrement": "AUTOINCREMENT" in sql,
        }
    connection.rollback()
    return shape
