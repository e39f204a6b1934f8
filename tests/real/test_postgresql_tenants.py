"""Row-level security, through a raw connection: nobody sees another customer's row."""

import random
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError, OperationalError

from scudo_agent.desk.store import ledger_tables
from scudo_agent.desk.store.postgresql import PostgresqlDatabase
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import incident, ticket
from support.on_postgresql import cluster as cluster
from support.postgres import OWNER, Cluster
from support.tenant_rows import fill

TABLES = sorted(ledger_tables.metadata.tables)
TENANTS = ("acme", "beta")
_OPEN = """
SELECT c.relname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND ARRAY['desk', 'step', 'tenant']
  <@ ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid))
"""
"""Tables with a tenant that are not protected by all three policies."""


@pytest.fixture(scope="module")
def database(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresqlDatabase]:
    """A row of each of two customers in every table."""
    folder = tmp_path_factory.mktemp("tenants")
    server = cluster.server(cluster.migrated(folder / "template"))
    with closing(PostgresqlDatabase(server, folder / "desk")) as opened:
        with opened.write() as db:
            for number, tenant in enumerate(TENANTS, 1):
                fill(db, tenant, number)
        yield opened


@contextmanager
def raw(
    cluster: Cluster, database: PostgresqlDatabase, role: str = "", tenant: str = ""
) -> Iterator[psycopg.Connection]:
    """The owner's own connection, in the middle of a transaction of this role."""
    with psycopg.connect(
        host="127.0.0.1",
        port=cluster.port,
        user=OWNER,
        password=cluster.password.reveal(),
        dbname=database.name.rpartition("/")[2],
    ) as db:
        if role:
            db.execute("SELECT set_config('role', %s, true)", [role])
        if tenant:
            db.execute("SELECT set_config('scudo.tenant', %s, true)", [tenant])
        yield db


def seen(db: psycopg.Connection, table: str) -> set[str]:
    """Whose rows of the table the connection sees."""
    query = sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(sql.Identifier(table))
    return {row[0] for row in db.execute(query)}


def test_every_table_with_a_tenant_is_protected(
    cluster: Cluster, database: PostgresqlDatabase, tmp_path: Path
) -> None:
    name = database.name.rpartition("/")[2]
    with cluster.admin(name) as db:
        assert db.execute(_OPEN).fetchall() == []
        columns = db.execute(
            "SELECT table_name::text FROM information_schema.columns"
            " WHERE column_name = 'tenant_id' AND table_schema = 'public'"
        )
        assert sorted(row[0] for row in columns) == TABLES
        # What a later step makes and forgets to protect is found.
        db.execute("CREATE TABLE later (tenant_id text)")
        try:
            assert db.execute(_OPEN).fetchall() == [("later",)]
        finally:
            db.execute("DROP TABLE later")


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_customers_reader_sees_its_own_rows_of_every_table(
    cluster: Cluster, database: PostgresqlDatabase, tenant: str
) -> None:
    with raw(cluster, database, "scudo_tenant", tenant) as db:
        assert {table: seen(db, table) for table in TABLES} == {
            table: {tenant} for table in TABLES
        }


@pytest.mark.parametrize(
    ("role", "tenant", "whose"),
    [
        ("scudo_desk", "", set(TENANTS)),
        ("scudo_desk", "acme", set(TENANTS)),
        ("scudo_tenant", "", set()),
        ("scudo_tenant", "nobody", set()),
        ("", "", set()),
        ("", "acme", set()),
    ],
)
def test_who_sees_what(
    cluster: Cluster,
    database: PostgresqlDatabase,
    role: str,
    tenant: str,
    whose: set[str],
) -> None:
    """The desk all, a reader without a customer nothing, and the owner nothing."""
    with raw(cluster, database, role, tenant) as db:
        assert {table: seen(db, table) for table in TABLES} == dict.fromkeys(
            TABLES, whose
        )


@pytest.mark.parametrize("table", TABLES)
def test_a_customers_reader_writes_nothing(
    cluster: Cluster, database: PostgresqlDatabase, table: str
) -> None:
    for act in ("DELETE FROM {}", "UPDATE {} SET tenant_id = 'acme'", "TRUNCATE {}"):
        with (
            raw(cluster, database, "scudo_tenant", "acme") as db,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            db.execute(sql.SQL(act).format(sql.Identifier(table)))


def test_a_customer_sees_the_contracts_of_its_sites_and_who_works_for_it(
    cluster: Cluster, database: PostgresqlDatabase
) -> None:
    with cluster.admin(database.name.rpartition("/")[2]) as db, db.transaction():
        _provider_rows(db)
        for tenant, named in (("acme", {"of-acme"}), ("beta", set())):
            with raw_in(db, tenant):
                found = db.execute(
                    "SELECT contract_id FROM contract_version"
                    " WHERE tenant_id = '@provider'"
                )
                assert {row[0] for row in found} == named
                who = db.execute("SELECT name FROM person WHERE role = 'technician'")
                assert who.fetchall() == [("Somebody",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege), raw_in(db, "acme"):
            db.execute("SELECT password_hash FROM person")
        with raw_in(db, "acme"):
            # Lists of people say whether somebody has one.
            db.execute("SELECT password_us FROM person")
        raise psycopg.Rollback


@contextmanager
def raw_in(db: psycopg.Connection, tenant: str) -> Iterator[None]:
    """A part of a transaction as a customer's reader."""
    with db.transaction():
        db.execute("SET LOCAL ROLE scudo_tenant")
        db.execute("SELECT set_config('scudo.tenant', %s, true)", [tenant])
        yield
        db.execute("RESET ROLE")


def _provider_rows(db: psycopg.Connection) -> None:
    db.execute(
        "INSERT INTO tenant (tenant_id, name, language, created_us, updated_us)"
        " VALUES ('@provider', 'P', 'it', 1, 1)"
    )
    db.execute(
        "INSERT INTO contract_version (tenant_id, contract_id, revision, sha256, body,"
        " stored_us, actor) SELECT '@provider', name, 1, 's', '{}', 1, 'desk'"
        " FROM unnest(ARRAY['of-acme', 'of-nobody']) AS name"
    )
    db.execute("UPDATE site SET contract_id = 'of-acme' WHERE tenant_id = 'acme'")
    db.execute(
        "INSERT INTO person (person_id, tenant_id, mail, name, role, created_us, actor)"
        " VALUES (99, '@provider', 's@provider.example', 'Somebody', 'technician', 1,"
        " 'desk')"
    )


def test_a_query_that_forgets_the_customer_shows_no_other_one(
    database: PostgresqlDatabase,
) -> None:
    for tenant in TENANTS:
        with database.read(Scope(tenant_id=tenant)) as db:
            found = db.execute(select(ticket.c.tenant_id)).scalars().all()
            assert found == [tenant]
    with database.read(Scope.of_staff()) as db:
        every = db.execute(select(ticket.c.tenant_id)).scalars()
        assert sorted(every) == list(TENANTS)


def test_two_customers_at_once_never_see_each_other(
    cluster: Cluster, database: PostgresqlDatabase
) -> None:
    """600 readings of mixed readers on the pool's few connections, which are cut."""
    wrong: list[object] = []
    cut: list[DBAPIError] = []

    def look(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(100):
            tenant = rng.choice((*TENANTS, None))
            whose = set(TENANTS) if tenant is None else {tenant}
            try:
                with database.read(Scope(tenant_id=tenant)) as db:
                    for table in (ticket, incident):
                        found = set(db.execute(select(table.c.tenant_id)).scalars())
                        if found != whose:
                            wrong.append((tenant, table.name, found))
                    if rng.random() < 0.1:
                        raise _OftenError
            except _OftenError:
                continue
            except OperationalError as exc:
                cut.append(exc)

    readers = [threading.Thread(target=look, args=(seed,)) for seed in range(6)]
    for one in readers:
        one.start()
    while any(one.is_alive() for one in readers):
        with cluster.admin() as db:
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM"
                " pg_stat_activity WHERE application_name = 'scudo desk'"
                " ORDER BY random() LIMIT 1) AS one"
            )
        readers[0].join(0.05)
    assert wrong == []
    assert len(cut) < 300


_BOTH = (ticket.c.tenant_id, ticket.c.version, ticket.c.reopen_count)


class Hammer:
    """Writers of two customers, each third transaction cut between its two
    statements, beside readers that look whether both numbers are of one."""

    def __init__(self, cluster: Cluster, database: PostgresqlDatabase) -> None:
        self.cluster = cluster
        self.database = database
        self.kept = dict.fromkeys(TENANTS, 0)
        self.wrong: list[object] = []
        self.over = threading.Event()

    def look(self, tenant: str) -> None:
        scope = Scope(tenant_id=tenant)
        while not self.over.is_set():
            with suppress(OperationalError), self.database.read(scope) as db:
                for whose, version, count in db.execute(select(*_BOTH)).all():
                    if (whose, version) != (tenant, count):
                        self.wrong.append((tenant, whose, version, count))

    def add(self, seed: int) -> None:
        rng = random.Random(seed)
        for number in range(18):
            with suppress(OperationalError):
                self._add(rng.choice(TENANTS), cut=number % 3 == 0)

    def _add(self, tenant: str, *, cut: bool) -> None:
        mine = update(ticket).where(ticket.c.tenant_id == tenant)
        with self.database.write() as db:
            db.execute(mine.values(version=ticket.c.version + 1))
            if cut:
                pid = db.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                with self.cluster.admin() as admin:
                    admin.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
            count = {"reopen_count": ticket.c.reopen_count + 1}
            db.execute(mine.values(version=ticket.c.version, **count))
            self.kept[tenant] += 1


def test_writers_that_are_cut_in_the_middle_leave_no_half_and_nothing_elsewhere(
    cluster: Cluster, database: PostgresqlDatabase
) -> None:
    hammer = Hammer(cluster, database)
    with database.write() as db:
        db.execute(update(ticket).values(version=0, reopen_count=0))
    readers = [threading.Thread(target=hammer.look, args=(one,)) for one in TENANTS]
    writers = [threading.Thread(target=hammer.add, args=(seed,)) for seed in range(3)]
    for one in (*readers, *writers):
        one.start()
    for one in writers:
        one.join(240)
    hammer.over.set()
    for one in readers:
        one.join(60)
    assert hammer.wrong == []
    assert sum(hammer.kept.values()) == 36  # of 54, 18 of them cut
    with database.read(Scope.of_staff()) as db:
        found = {row[0]: row[1:] for row in db.execute(select(*_BOTH)).all()}
    assert found == {tenant: (many, many) for tenant, many in hammer.kept.items()}


class _OftenError(Exception):
    """What ends a transaction in the middle, in the program."""


def test_a_connection_that_comes_back_has_no_role_and_no_customer(
    database: PostgresqlDatabase,
) -> None:
    asked = (
        "SELECT current_user, current_setting('scudo.tenant', true),"
        " current_setting('scudo.migrating', true)"
    )
    for scope in (Scope(tenant_id="acme"), Scope.of_staff()):
        with pytest.raises(_OftenError), database.read(scope):
            raise _OftenError
        with database.read(scope) as db:
            # As if somebody had set them for the session.
            db.exec_driver_sql("SET SESSION scudo.tenant = 'acme'")
            db.commit()
    with database._readers.connect() as db:
        user, tenant, migrating = db.exec_driver_sql(asked).one()
        assert (user, tenant or "", migrating or "") == (OWNER, "", "")
