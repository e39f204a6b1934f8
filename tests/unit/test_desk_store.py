"""The desk's database file: whose it is, how it is opened, how it grows."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, insert, inspect, select
from sqlalchemy.exc import IntegrityError, OperationalError

from scudo_agent.desk.store import ledger_tables, tables
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.migrate import alembic_config, migrate, newest
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.sqlite import (
    ReadOnlyDatabase,
    SqliteDatabase,
    sqlite_module,
)
from scudo_agent.errors import StoreError
from support.desk_scene import play
from support.desking import Bench, HandClock, stage


def schema(db: Connection) -> dict[str, list[str]]:
    """Every table and index as SQL, without layout and the order of constraints."""
    rows = db.exec_driver_sql(
        "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL "
        "AND name != 'alembic_version'"
    )
    return {name: sorted(_parts(" ".join(sql.split()))) for name, sql in rows}


def _parts(sql: str) -> list[str]:
    """The pieces between commas that stand in no inner parentheses."""
    # A table that was made anew and renamed has its name in quotes.
    sql = re.sub(r'"(\w+)"', r"\1", sql)
    depth, parts = 0, [""]
    for sign in re.sub(r"\s*([(),])\s*", r"\1", sql):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and sign == ")":
            continue
        if (sign, depth) in ((",", 1), ("(", 1)):
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def steps() -> list[str]:
    """All steps, oldest first."""
    engine = create_engine("sqlite://")
    with engine.connect() as db:
        found = ScriptDirectory.from_config(alembic_config(db)).walk_revisions()
        names = [step.revision for step in found]
    engine.dispose()
    return names[::-1]


def declared() -> dict[str, list[str]]:
    """The schema that the tables' module declares."""
    engine = create_engine("sqlite://", module=sqlite_module())
    with engine.begin() as db:
        ledger_tables.metadata.create_all(db)
        found = schema(db)
    engine.dispose()
    return found


def fill(db: Connection) -> None:
    """A row in every table that there is, as far as its columns go."""
    known = set(inspect(db).get_table_names())
    for table in ledger_tables.metadata.sorted_tables:
        if table.name not in known:
            continue
        has = {column["name"] for column in inspect(db).get_columns(table.name)}
        row = {c.name: _value(c.name, c.type.python_type) for c in table.columns}
        db.execute(insert(table).values({k: v for k, v in row.items() if k in has}))


def _value(name: str, kind: type) -> object:
    fixed = {
        "audience": "customer",
        "state": "pending",
        "folded_into": None,
        "severity": 1,
        "tenant_id": "acme",
        "site_id": "milano",
        "agent_id": "a",
        "end_us": 2,
        "role": "customer",
        "purpose": "reset",
        "valid_until": None,
        "outcome": "landed",
    }
    if name in fixed:
        return fixed[name]
    if kind is bool:
        return True
    if kind is int:
        return 1
    if kind is bytes:
        return b"x"
    return {} if kind is dict else "x"


@pytest.mark.parametrize("step", steps())
def test_from_every_earlier_step_with_rows_to_the_declared_schema(
    tmp_path: Path, step: str
) -> None:
    database = SqliteDatabase(tmp_path)
    try:
        assert migrate(database, to=step) == step
        with database.write() as db:
            fill(db)
        migrate(database)
        with database.write() as db:
            assert schema(db) == declared()
            context = MigrationContext.configure(
                db, opts={"compare_server_default": True}
            )
            assert compare_metadata(context, ledger_tables.metadata) == []
            count = db.exec_driver_sql("SELECT count(*) FROM ticket").scalar_one()
            assert count == 1
    finally:
        database.close()


def test_a_store_of_the_newest_step_is_opened_without_alembic(tmp_path: Path) -> None:
    assert newest() == steps()[-1]
    database = SqliteDatabase(tmp_path)
    migrate(database)
    database.close()
    again = (
        "import sys; from pathlib import Path\n"
        "from scudo_agent.desk.store.sqlite import SqliteDatabase\n"
        "from scudo_agent.desk.store.migrate import migrate\n"
        "database = SqliteDatabase(Path(sys.argv[1]))\n"
        "print(migrate(database), 'alembic' in sys.modules)\n"
        "database.close()"
    )
    said = subprocess.run(
        [sys.executable, "-c", again, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout.split() == [newest(), "False"]


def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    try:
        migrate(database)
        with database.write() as db:
            db.exec_driver_sql("DROP INDEX uq_incident_subject_open")
            assert schema(db) != declared()
    finally:
        database.close()


def test_every_table_has_the_tenant_from_the_first_step() -> None:
    for table in ledger_tables.metadata.tables.values():
        column = table.columns.get("tenant_id")
        assert column is not None, table.name
        assert not column.nullable, table.name


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    def fails(*_: object, **__: object) -> None:
        raise OperationalError("CREATE INDEX", {}, Exception("disk full"))

    database = SqliteDatabase(tmp_path)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(op, "create_index", fails)
            with pytest.raises(OperationalError):
                migrate(database)
        with database.read() as db:
            assert inspect(db).get_table_names() == []
        migrate(database)
    finally:
        database.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    try:
        migrate(database)
        with database.write() as db:
            db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreError, match="newer desk"):
            migrate(database)
    finally:
        database.close()


def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as db:
        db.exec_driver_sql("CREATE TABLE theirs (x)")
    engine.dispose()
    before = path.read_bytes()
    for opening in (SqliteDatabase, ReadOnlyDatabase):
        with pytest.raises(StoreError, match="not a desk's database"):
            opening(tmp_path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all" * 500, b"\0" * 8192])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "desk.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"desk\.db: "):
        SqliteDatabase(tmp_path)


def test_a_damaged_page_is_found_at_the_start(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    migrate(database)
    with database.write() as db:
        fill(db)
    database.close()
    path = tmp_path / "desk.db"
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged|cannot be used"):
        SqliteDatabase(tmp_path)


def test_only_its_owner_may_read_a_new_store(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = SqliteDatabase(tmp_path / "state")
        migrate(database)
        with database.read() as db:
            db.exec_driver_sql("SELECT 1")
            found = {
                file.name: stat.S_IMODE(file.stat().st_mode)
                for file in [tmp_path / "state", *(tmp_path / "state").iterdir()]
            }
        database.close()
    finally:
        os.umask(before)
    assert found == {
        "state": 0o700,
        "desk.db": 0o600,
        "desk.db.mark": 0o600,
        "desk.db-shm": 0o600,
        "desk.db-wal": 0o600,
        "desk.lock": 0o600,
    }


def test_a_second_desk_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    try:
        with pytest.raises(StoreError, match="another desk"):
            SqliteDatabase(tmp_path)
    finally:
        database.close()
    SqliteDatabase(tmp_path).close()


def test_another_process_holds_the_lock_too(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from scudo_agent.desk.store.sqlite import SqliteDatabase\n"
        "from scudo_agent.errors import StoreError\n"
        "try: SqliteDatabase(Path(sys.argv[1]))\n"
        "except StoreError as exc: sys.exit(str(exc))\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        database.close()
    assert done.returncode == 1
    assert "another desk" in done.stderr


def test_what_the_writer_needs_is_read_back(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    try:
        with database.write() as db:
            pragmas = {
                name: db.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    finally:
        database.close()


def test_readers_cannot_write(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    try:
        migrate(database)
        with database.read() as db, pytest.raises(OperationalError):
            db.exec_driver_sql("DELETE FROM ticket")
    finally:
        database.close()


def test_the_subject_is_unique_while_open_even_for_a_program_that_errs(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        copy = (
            "INSERT INTO incident SELECT tenant_id, incident_id || 'x', site_id,"
            " agent_id, ticket_id, subject_key, {open}, title, audience, since_us,"
            " opened_us, severity, rule, condition, ended_us, reopen_count, rev,"
            " previous, stored_us, NULL FROM incident"
        )
        database = b.desk.store.database
        with database.write() as db:
            db.exec_driver_sql(copy.format(open="false"))
            db.exec_driver_sql("DELETE FROM incident WHERE incident_id LIKE '%x'")
        with pytest.raises(IntegrityError), database.write() as db:
            db.exec_driver_sql(copy.format(open="true"))

    play(tmp_path, scene)


def test_time_never_runs_backwards_over_a_restart(tmp_path: Path) -> None:
    clock = HandClock()
    posting = Posting(message_host="desk.example", provider_mail="noc@desk.example")

    async def scene(b: Bench) -> None:
        b.clock.forward(1000)
        agent = await b.agent()
        await agent.send(stage())

    play(tmp_path, scene)
    store = DeskStore(tmp_path / "desk", clock=clock, posting=posting)
    try:
        assert store.now() >= clock.at + 1_000_000_000
    finally:
        store.close()


def test_a_desk_of_before_knows_its_gaps_after_the_step(tmp_path: Path) -> None:
    """What a scrape counted in inbox and ledger stands with the cursors."""
    database = SqliteDatabase(tmp_path)
    try:
        migrate(database, to="0011")
        with database.write() as db:
            fill(db)
            cursor, gap = ("UPDATE stream_cursor SET stream = 'L'", "gap_reason = 'no'")
            db.exec_driver_sql(cursor)
            db.exec_driver_sql(f"UPDATE ledger SET {gap}")
            db.exec_driver_sql(f"UPDATE inbox SET {gap}")
        migrate(database)
        with database.read() as db:
            counted = "SELECT stream, gaps FROM stream_cursor"
            assert db.exec_driver_sql(counted).all() == [("L", 1)]
    finally:
        database.close()


def test_what_was_noted_of_an_agent_is_found_by_an_index(tmp_path: Path) -> None:
    """Each alarm of an agent asks whether it was noted before."""
    database = SqliteDatabase(tmp_path)
    try:
        migrate(database)
        query = select(tables.security_event.c.data).where(
            tables.security_event.c.tenant_id == "acme",
            tables.security_event.c.kind == "event_refused",
            tables.security_event.c.actor == "agent:a",
        )
        said = str(query.compile(compile_kwargs={"literal_binds": True}))
        with database.read() as db:
            plan = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}").all()
        assert "ix_security_event_what" in plan[0][-1]
    finally:
        database.close()
