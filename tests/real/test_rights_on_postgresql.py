"""The rights matrix once more, with PostgreSQL behind the desk (`tests/rights.csv`).

The desk logs in as somebody who owns no table and is a member of its two roles: what
it reads and writes it may by row-level security alone. One desk is asked all rows of a
door; between two rows that may have changed something the records are put back.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from scudo_agent.config.server import Server
from support.desking import bench
from support.on_postgresql import behind
from support.on_postgresql import cluster as cluster
from support.postgres import PASSWORD, Cluster
from support.rights_world import INTERNAL, SECRET, World, make
from unit.test_rights_matrix import ask_row, rows

APP = "desk_app"
DOORS: dict[str, Callable[[str], bool]] = {
    "agents": lambda route: route.startswith("/v1/agents/"),
    "programs": lambda route: route.startswith("/v1/desk"),
    "tickets": lambda route: route.startswith("/t/"),
    "people": lambda route: not route.startswith(("/v1/agents/", "/v1/desk", "/t/")),
}
_TABLES = """
SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname <> 'alembic_version'
AND relnamespace = 'public'::regnamespace ORDER BY relname
"""
_PAUSE_S = 5.0
"""Between two rows: no bucket of a token runs dry."""


class Records:
    """The world's records in a database, and how they are put back."""

    def __init__(self, db: psycopg.Connection) -> None:
        self._db = db
        self._tables = [row[0] for row in db.execute(_TABLES)]
        # The world gives some numbers itself: the counters go on behind them.
        db.execute("SELECT setval(seqrelid, 1000) FROM pg_sequence")
        db.execute("CREATE SCHEMA kept")
        for name in self._tables:
            self._do("CREATE TABLE kept.{0} AS TABLE public.{0}", name)

    def put_back(self) -> None:
        """As it was; no trigger fires, no key asks in which order."""
        with self._db.transaction():
            self._db.execute("SET LOCAL session_replication_role = replica")
            for name in self._tables:
                self._do("DELETE FROM public.{0}", name)
                self._do(
                    "INSERT INTO public.{0} OVERRIDING SYSTEM VALUE"
                    " SELECT * FROM kept.{0}",
                    name,
                )

    def _do(self, query: str, table: str) -> None:
        self._db.execute(sql.SQL(query).format(sql.Identifier(table)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where everything is."""

    world: World
    server: Server
    records: Records


@pytest.fixture(scope="module")
def scene(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """The world, made on PostgreSQL by the owner's desk."""
    folder = tmp_path_factory.mktemp("rights")
    name = cluster.migrated(folder / "template")
    with pytest.MonkeyPatch.context() as patch:
        behind(patch, cluster.server(name))
        world = make(folder / "world")
    with cluster.admin(name) as db:
        login = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE scudo_desk, {}")
        app, tenant = sql.Identifier(APP), sql.Identifier("scudo_tenant")
        db.execute(login.format(app, sql.Literal(PASSWORD.reveal()), tenant))
        url = cluster.url(name).replace("//desk@", f"//{APP}@")
        yield Scene(world=world, server=Server(url, PASSWORD), records=Records(db))


def test_each_row_is_of_one_door() -> None:
    for row in rows():
        assert len([fits for fits in DOORS.values() if fits(row["route"])]) == 1


@pytest.mark.timeout(900)
@pytest.mark.parametrize("door", DOORS)
def test_who_may_and_who_may_not(
    scene: Scene,
    door: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    behind(monkeypatch, scene.server)
    wrong: list[str] = []

    async def ask_all() -> None:
        scene.records.put_back()
        async with bench(scene.world.folder) as b:
            for row in rows():
                if DOORS[door](row["route"]):
                    wrong.extend(await ask_row(b, scene.world, row))
                    b.mails.mails.clear()
                    b.clock.forward(_PAUSE_S)
                    if row["method"] != "GET":
                        scene.records.put_back()

    asyncio.run(ask_all())
    assert not wrong, "\n".join(wrong)
    assert not [one for one in (SECRET, INTERNAL) if one in caplog.text]


def test_the_desk_owns_nothing_and_sees_nothing_by_itself(scene: Scene) -> None:
    """Without one of its two roles the login reads no row, and changes no table."""
    with psycopg.connect(
        scene.server.url.replace("+psycopg", ""), password=PASSWORD.reveal()
    ) as db:
        assert db.execute("SELECT count(*) FROM ticket").fetchone() == (0,)
        owned = "SELECT count(*) FROM pg_tables WHERE tableowner = current_user"
        assert db.execute(owned).fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("ALTER TABLE ticket DISABLE ROW LEVEL SECURITY")
