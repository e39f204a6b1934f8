"""The desk's database on a real PostgreSQL: tables, turns, duties, faults."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from scudo_agent.agent.desk_health import examine
from scudo_agent.cli.main import main
from scudo_agent.config.server import Server
from scudo_agent.desk.store import ledger_tables, postgresql
from scudo_agent.desk.store.migrate import migrate, newest
from scudo_agent.desk.store.moving import read_in, write_out
from scudo_agent.desk.store.postgresql import PostgresqlDatabase
from scudo_agent.desk.store.sqlite import ReadOnlyDatabase
from scudo_agent.desk.store.tables import ticket
from scudo_agent.errors import StoreError
from support.desk_scene import play
from support.desking import Bench, HandClock, settings, stage
from support.on_postgresql import cluster as cluster
from support.postgres import OWNER, Cluster
from support.tenant_rows import fill

metadata = ledger_tables.metadata


@pytest.fixture
def database(cluster: Cluster, tmp_path: Path) -> Iterator[PostgresqlDatabase]:
    """A database with all tables, opened by one desk."""
    server = cluster.server(cluster.migrated(tmp_path / "template"))
    with closing(PostgresqlDatabase(server, tmp_path / "one")) as opened:
        yield opened


def other(database: PostgresqlDatabase, cluster: Cluster) -> Server:
    """How a second desk is told of the same database."""
    return cluster.server(database.name.rpartition("/")[2])


@pytest.mark.parametrize("step", ["0001", "0004", "0011", "0012"])
def test_from_an_earlier_step_with_rows_to_the_declared_tables(
    cluster: Cluster, tmp_path: Path, step: str
) -> None:
    server = cluster.server(cluster.new())
    with closing(PostgresqlDatabase(server, tmp_path)) as database:
        assert migrate(database, to=step) == step
        with database.owning() as db:
            fill(db, "acme", 1)
        assert migrate(database) == newest()
        with database.owning() as db:
            context = MigrationContext.configure(
                db, opts={"compare_server_default": True}
            )
            assert compare_metadata(context, metadata) == []
        with database.read() as db:
            assert db.execute(text("SELECT count(*) FROM ticket")).scalar_one() == 1


def test_two_desks_that_start_at_once_make_the_tables_once(
    cluster: Cluster, tmp_path: Path
) -> None:
    server, made = cluster.server(cluster.new()), []

    def start(name: str) -> None:
        with closing(PostgresqlDatabase(server, tmp_path / name)) as database:
            made.append(migrate(database))

    both = [threading.Thread(target=start, args=(name,)) for name in ("a", "b")]
    for one in both:
        one.start()
    for one in both:
        one.join(240)
    assert made == [newest()] * 2


def test_what_was_announced_is_never_changed(database: PostgresqlDatabase) -> None:
    with database.write() as db:
        fill(db, "acme", 1)
    for act, said in (("UPDATE {} SET actor = 'y'", "changed"), ("DELETE FROM {}", "")):
        with (
            pytest.raises(IntegrityError, match=f"window_correction is never {said}"),
            database.write() as db,
        ):
            db.exec_driver_sql(act.format("window_correction"))


def test_an_entry_of_a_history_is_noted_for_each_webhook(
    database: PostgresqlDatabase,
) -> None:
    with database.write() as db:
        fill(db, "acme", 1)
        db.exec_driver_sql("DELETE FROM webhook_outbox")
        db.exec_driver_sql("UPDATE webhook SET disabled_us = NULL")
        db.exec_driver_sql(
            "INSERT INTO ticket_event (event_id, tenant_id, ticket_id, kind, at_us,"
            " stored_us, actor, data) SELECT 7, tenant_id, ticket_id, 'note', 5, 6,"
            " actor, data FROM ticket_event"
        )
        query = "SELECT tenant_id, event, state, created_us FROM webhook_outbox"
        told = db.exec_driver_sql(query).all()
    assert [tuple(one) for one in told] == [("acme", "note", "pending", 6)]


def test_readers_cannot_write(database: PostgresqlDatabase) -> None:
    with database.read() as db, pytest.raises(Exception, match="read-only"):
        db.exec_driver_sql("DELETE FROM ticket")


def test_a_reader_sees_one_moment(database: PostgresqlDatabase) -> None:
    count = text("SELECT count(*) FROM tenant")
    with database.read() as db:
        assert db.execute(count).scalar_one() == 0
        with database.write() as writes:
            fill(writes, "acme", 1)
        assert db.execute(count).scalar_one() == 0
    with database.read() as db:
        assert db.execute(count).scalar_one() == 1


def test_writers_of_two_desks_take_turns(
    database: PostgresqlDatabase, cluster: Cluster, tmp_path: Path
) -> None:
    second = PostgresqlDatabase(other(database, cluster), tmp_path / "two")
    with database.write() as db:
        fill(db, "acme", 1)
    count = text("SELECT reopen_count FROM ticket")
    put = text("UPDATE ticket SET reopen_count = :n")

    def add(desk: PostgresqlDatabase) -> None:
        for _ in range(40):
            with desk.write() as db:
                # Read and written as rooms do: without turns, one of two is lost.
                db.execute(put, {"n": db.execute(count).scalar_one() + 1})

    with closing(second):
        before = _asked(database, count)
        desks = [database, second, database, second]
        hammers = [threading.Thread(target=add, args=(desk,)) for desk in desks]
        for one in hammers:
            one.start()
        for one in hammers:
            one.join(60)
        assert _asked(database, count) == before + 160


def _asked(database: PostgresqlDatabase, query: object) -> int:
    with database.read() as db:
        return int(db.execute(query).scalar_one())  # type: ignore[call-overload]


def test_without_turns_the_hammer_would_find_what_is_lost(
    database: PostgresqlDatabase,
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgresql, "_TURN", postgresql._DESK)
    second = PostgresqlDatabase(other(database, cluster), tmp_path / "two")
    count = text("SELECT reopen_count FROM ticket")
    put = text("UPDATE ticket SET reopen_count = :n")
    with closing(second):
        with database.write() as db:
            fill(db, "acme", 1)
        with database.write() as first:
            seen = first.execute(count).scalar_one()
            with second.write() as db:
                db.execute(put, {"n": db.execute(count).scalar_one() + 1})
            first.execute(put, {"n": seen + 1})
        assert _asked(database, count) == seen + 1  # and not + 2


def test_a_writer_that_waits_for_too_long_gives_up(
    database: PostgresqlDatabase,
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short = postgresql._OPTIONS.replace("lock_timeout=10000", "lock_timeout=200")
    monkeypatch.setattr(postgresql, "_OPTIONS", short)
    server = other(database, cluster)
    with closing(PostgresqlDatabase(server, tmp_path / "two")) as second:
        with (
            database.write(),
            pytest.raises(OperationalError, match="lock timeout"),
            second.write(),
        ):
            pass
        with second.write() as db:
            said = db.exec_driver_sql("SHOW idle_in_transaction_session_timeout")
            assert said.scalar_one() == "30s"


def test_a_duty_is_done_by_one_desk_and_then_by_the_other(
    database: PostgresqlDatabase, cluster: Cluster, tmp_path: Path
) -> None:
    server = other(database, cluster)
    with closing(PostgresqlDatabase(server, tmp_path / "two")) as second:
        with (
            database.leading("closing") as mine,
            second.leading("closing") as also,
            second.leading("mails") as mails,
        ):
            assert (mine, also, mails) == (True, False, True)
        with second.leading("closing") as mine:
            assert mine


def test_a_desk_that_lost_its_duty_writes_no_more(
    database: PostgresqlDatabase, cluster: Cluster
) -> None:
    with database.leading("closing") as mine:
        assert mine
        with database.write():
            pass
        # As the server does with a desk that stood still for too long.
        assert _end_sessions(cluster, "advisory") == 1
        for _ in range(2):
            with pytest.raises(OperationalError), database.write():
                pass
    with database.write():
        pass


def _end_sessions(cluster: Cluster, lock: str) -> int:
    """Have the server end the desks' sessions that hold a lock of this kind."""
    with cluster.admin() as db:
        ended = db.execute(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a"
            " ON a.pid = l.pid WHERE l.locktype = %s AND a.usename = %s",
            [lock, OWNER],
        ).fetchall()
    return len(ended)


def test_a_transaction_that_is_cut_leaves_nothing_and_the_next_one_works(
    database: PostgresqlDatabase, cluster: Cluster
) -> None:
    def cut() -> None:
        with database.write() as db:
            fill(db, "acme", 1)
            assert _end_sessions(cluster, "advisory") == 1
            db.exec_driver_sql("SELECT 1")

    with pytest.raises(OperationalError):
        cut()
    with database.write() as db:
        assert db.exec_driver_sql("SELECT count(*) FROM tenant").scalar_one() == 0
        fill(db, "acme", 1)


def test_a_server_that_restarts_is_waited_for(
    database: PostgresqlDatabase, cluster: Cluster
) -> None:
    with database.write() as db:
        fill(db, "acme", 1)
    cluster.restart()
    with database.write() as db:
        assert db.exec_driver_sql("SELECT count(*) FROM tenant").scalar_one() == 1
    with database.read() as db:
        assert db.exec_driver_sql("SELECT count(*) FROM tenant").scalar_one() == 1


def test_what_is_committed_is_kept_whatever_the_servers_default_is(
    database: PostgresqlDatabase, cluster: Cluster, tmp_path: Path
) -> None:
    with cluster.admin() as db:
        db.execute(f"ALTER ROLE {OWNER} SET synchronous_commit = off")
    try:
        server = other(database, cluster)
        with (
            closing(PostgresqlDatabase(server, tmp_path / "two")) as second,
            second.write() as db,
        ):
            said = db.exec_driver_sql("SHOW synchronous_commit").scalar_one()
            assert said == "on"
    finally:
        with cluster.admin() as db:
            db.execute(f"ALTER ROLE {OWNER} RESET synchronous_commit")


def test_a_server_that_is_not_there_is_one_line_without_the_password(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_TRIES", 1)
    place = Server("postgresql+psycopg://desk@127.0.0.1:1/desk", cluster.password)
    with pytest.raises(StoreError) as caught:
        PostgresqlDatabase(place, tmp_path)
    (line,) = str(caught.value).splitlines()
    assert "cannot be used" in line
    assert cluster.password.reveal() not in line


def test_a_wrong_password_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    wrong = Server(cluster.url("postgres"))
    with pytest.raises(StoreError, match=r"cannot be used: .*no password supplied"):
        PostgresqlDatabase(wrong, tmp_path)


def test_a_second_desk_in_the_same_folder_is_refused(
    database: PostgresqlDatabase, cluster: Cluster, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="another desk"):
        PostgresqlDatabase(other(database, cluster), tmp_path / "one")


def test_a_newer_schema_is_refused(database: PostgresqlDatabase) -> None:
    with database.owning() as db:
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"desk_\d+: was made by a newer desk"):
        migrate(database)


def test_a_database_of_another_encoding_is_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    with cluster.admin() as db:
        db.execute(
            f"CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
            f" OWNER {OWNER}"
        )
    with pytest.raises(StoreError, match="its encoding is LATIN1"):
        PostgresqlDatabase(cluster.server("latin"), tmp_path)


def test_the_servers_sessions_say_whose_they_are(
    database: PostgresqlDatabase, cluster: Cluster
) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    with database.read(), cluster.admin() as db:
        named = db.execute(query, ["scudo desk"]).fetchone()
    assert named is not None
    assert named[0] >= 1


def test_records_move_to_a_server_and_numbers_go_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())

    play(tmp_path, scene)
    with closing(ReadOnlyDatabase(tmp_path / "desk")) as file, file.read() as db:
        write_out(db, tmp_path / "records", customer=None)
    server = cluster.server(cluster.migrated(tmp_path / "template"))
    with closing(PostgresqlDatabase(server, tmp_path / "two")) as database:
        read_in(database, tmp_path / "records")
        with database.write() as db:
            number = select(ticket.c.ticket_id)
            (old,) = db.execute(number).scalars()
            taken = db.exec_driver_sql(
                "SELECT nextval(pg_get_serial_sequence('ticket', 'ticket_id'))"
            ).scalar_one()
            assert taken == old + 1


def test_the_commands_move_a_desk_to_a_server_and_out_of_it(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        await b.desk.send_mails()

    play(tmp_path, scene)
    (tmp_path / "password").write_text(cluster.password.reveal())
    (tmp_path / "file.yaml").write_text("state: desk\n")
    place = f"database: {cluster.url(cluster.migrated(tmp_path / 'template'))}\n"
    told = f"state: two\n{place}database_password: file:password\n"
    (tmp_path / "server.yaml").write_text(told)

    def desk(kind: str, *words: str) -> int:
        given = ["--settings", str(tmp_path / f"{kind}.yaml")]
        return main(["desk", *words, *given])

    first, second = tmp_path / "first", tmp_path / "second"
    assert desk("file", "export", str(first), "--all") == 0
    assert desk("server", "import", str(first)) == 0
    assert desk("server", "import", str(first)) == 2
    assert "not empty" in capsys.readouterr().err
    assert desk("server", "export", str(second), "--all") == 0
    assert files(first) == files(second)
    assert desk("server", "doctor") == 0
    assert "on PostgreSQL 1" in capsys.readouterr().out
    for words, tool in (
        (("backup",), "use pg_dump"),
        (("restore", "--empty"), "use pg_restore"),
    ):
        assert desk("server", *words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert tool in line
    assert not (tmp_path / "two" / "desk.db").exists()


def files(folder: Path) -> dict[str, bytes]:
    """What stands in an export."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_doctor_says_where_the_records_are(
    cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(cluster.password.reveal())
    name = cluster.migrated(tmp_path / "template")
    place = {"database": cluster.url(name), "database_password": "file:password"}
    for told, said in (
        (place, "on PostgreSQL 1"),
        ({"database": place["database"]}, "cannot be used: "),
    ):
        found = examine(settings(tmp_path, **told), HandClock())
        (one,) = [each for each in found if each.about == "database"]
        assert said in one.seen
        assert "backup" not in {each.about for each in found}
