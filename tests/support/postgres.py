"""A PostgreSQL of the tests' own: one cluster a session, a database a test.

Nothing of it outlives the test run: the server ends with this process, however that
ends. It runs as the user `postgres` when the tests are root's, else as whoever runs
them, and listens on loopback only.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from scudo_agent.config.secret import Secret
from scudo_agent.config.server import Server
from scudo_agent.desk.store.migrate import migrate
from scudo_agent.desk.store.postgresql import PostgresqlDatabase
from support.ports import free_port

OWNER = "desk"
PASSWORD = Secret("only-in-tests", reference="file:password")
_TEMPLATE = "scudo_template"
_EMPTIED = """
DO $$ DECLARE one text; BEGIN
  FOR one IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r'
    AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
  LOOP EXECUTE 'DELETE FROM ' || one; END LOOP;
  PERFORM setval(seqrelid, 1, false) FROM pg_sequence;
END $$
"""
"""Rows only: to make or truncate so many tables' files takes half a second of disk."""
_READY = "database system is ready to accept connections"
_WAIT_S = 30.0


def _programs() -> Path:
    """Debian's folder of the newest PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert found, "PostgreSQL is missing: install Debian's package 'postgresql'"
    return found[-1]


class Cluster:
    """A running server; databases are made of a migrated template."""

    password = PASSWORD

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self.port = free_port()
        self._numbers = count(1)
        self._free: list[str] = []
        self._as: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            ids = ("--reuid=postgres", "--regid=postgres", "--clear-groups")
            self._as = ["setpriv", *ids, "--pdeathsig=QUIT"]
        self._init()
        self._start()
        with self.admin() as db:
            db.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(
                    sql.Identifier(OWNER), sql.Literal(PASSWORD.reveal())
                )
            )

    @contextlib.contextmanager
    def admin(self, database: str = "postgres") -> Iterator[psycopg.Connection]:
        """A superuser's connection, over the socket."""
        with psycopg.connect(
            host=str(self._folder),
            port=self.port,
            user="postgres",
            dbname=database,
            autocommit=True,
        ) as db:
            yield db

    def new(self) -> str:
        """Make an empty database; its name."""
        return self._made("template0")

    def migrated(self, state: Path) -> str:
        """Make a database with all tables; its name. `state` is a desk's folder."""
        with self.admin() as db:
            query = "SELECT FROM pg_database WHERE datname = %s"
            known = db.execute(query, [_TEMPLATE]).fetchone()
        if known is None:
            self._made("template0", _TEMPLATE)
            database = PostgresqlDatabase(self.server(_TEMPLATE), state)
            migrate(database)
            database.close()
        return self._made(_TEMPLATE)

    @contextlib.contextmanager
    def lending(self, state: Path) -> Iterator[Callable[[], str]]:
        """Databases with all tables and no rows, for who only writes rows: others get
        the same ones after him."""
        lent: list[str] = []

        def another() -> str:
            lent.append(self._free.pop() if self._free else self.migrated(state))
            return lent[-1]

        yield another
        for name in lent:
            with self.admin(name) as db, db.transaction():
                # No trigger fires, and no foreign key asks in which order.
                db.execute("SET LOCAL session_replication_role = replica")
                db.execute(_EMPTIED)
            self._free.append(name)

    def url(self, database: str) -> str:
        """How a desk's settings name it."""
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}/{database}"

    def server(self, database: str) -> Server:
        """How a desk's store is told of it."""
        return Server(self.url(database), PASSWORD)

    def restart(self) -> None:
        """As a server that is killed, and comes back."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(_WAIT_S)
        self._start()

    def close(self) -> None:
        """End it, and forget all that it had."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(_WAIT_S)
        shutil.rmtree(self._folder)

    def _made(self, template: str, name: str = "") -> str:
        name = name or f"desk_{next(self._numbers)}"
        made = sql.SQL(
            "CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy"
        ).format(sql.Identifier(name), sql.Identifier(template), sql.Identifier(OWNER))
        with self.admin() as db:
            db.execute(made)
        return name

    def _init(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD.reveal(), encoding="ascii")
        password.chmod(0o644)
        command = [str(_programs() / "initdb"), "-D", str(self._data), "-U", "postgres"]
        command += ["--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", f"--pwfile={password}"]
        self._run(command)

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            [*self._as, *command],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_WAIT_S,
        )
        assert done.returncode == 0, done.stderr

    def _start(self) -> None:
        given = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "fsync": "off",
            "full_page_writes": "off",
            "log_min_messages": "warning",
            "max_connections": "60",
            "autovacuum": "off",
            "jit": "off",
        }
        command = [*self._as, str(_programs() / "postgres"), "-D", str(self._data)]
        for name, value in given.items():
            command += ["-c", f"{name}={value}"]
        self._server = subprocess.Popen(
            command, cwd=self._folder, stderr=subprocess.PIPE, text=True
        )
        self._said: list[str] = []
        ready = threading.Event()
        threading.Thread(target=self._listen, args=(ready,), daemon=True).start()
        assert ready.wait(_WAIT_S), "".join(self._said)
        assert self._server.poll() is None, "".join(self._said)

    def _listen(self, ready: threading.Event) -> None:
        assert self._server.stderr is not None
        with self._server.stderr as lines:
            for line in lines:
                self._said.append(line)
                if _READY in line:
                    ready.set()
        ready.set()


@contextlib.contextmanager
def running() -> Iterator[Cluster]:
    """A cluster for as long as it is needed."""
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="scudo-pg-")))
    try:
        yield cluster
    finally:
        cluster.close()
