"""The desk's database on a PostgreSQL server, which several desks may share.

Writers take turns (one advisory lock a database, held by the transaction), so that
what is written for one writer holds here as it does on SQLite. Nothing runs as the
owner of the tables: each transaction takes the role of the desk or, for a reader who
belongs to a customer, one that row-level security keeps to that customer's rows.
`docs/decisions/postgresql.md` says why.
"""

import logging
import threading
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from scudo_agent.config.server import Server
from scudo_agent.desk.store.backup import APPLICATION_ID
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.sqlite import take_lock
from scudo_agent.errors import StoreError

DESK_ROLE = "scudo_desk"
"""Does the desk's work: sees all rows, changes no table."""
TENANT_ROLE = "scudo_tenant"
"""Reads the rows of one customer and nothing else."""

_READERS = 8
_OLDEST = (14, 0)
_LOCK_MS = 10_000
"""So long a writer waits for its turn, as on SQLite."""
_STARTING_MS = 300_000
"""So long a desk that starts waits for another one that makes the tables."""
_STALLED_MS = 30_000
"""A transaction of a desk that stands still is ended: the others wait for it."""
_LED_MS = 300_000
"""A duty of a desk that has stood still for so long is another desk's. Longer than
`_STALLED_MS`: what the first one was writing is undone by then."""
_OPTIONS = (
    "-c client_encoding=UTF8 -c timezone=UTC"
    f" -c lock_timeout={_LOCK_MS}"
    f" -c idle_in_transaction_session_timeout={_STALLED_MS}"
)
_TRIES = 5
_PAUSE_S = 0.2
_COMING_BACK = ("08", "57P", "53300")
"""SQLSTATEs of a server that restarts, fails over or is crowded."""

_TURN = text(
    f"SELECT set_config('role', '{DESK_ROLE}', true),"
    f" pg_advisory_xact_lock({APPLICATION_ID}, 0)"
)
_OWNING = text(
    "SELECT set_config('scudo.migrating', 'on', true),"
    f" set_config('lock_timeout', '{_STARTING_MS}', true),"
    f" pg_advisory_xact_lock({APPLICATION_ID}, 0)"
)
_DESK = text(f"SELECT set_config('role', '{DESK_ROLE}', true)")
_TENANT = text(
    f"SELECT set_config('role', '{TENANT_ROLE}', true),"
    " set_config('scudo.tenant', :tenant, true)"
)
_LEAD = text(
    f"SELECT pg_try_advisory_lock({APPLICATION_ID}, :duty) AS mine,"
    " pg_backend_pid() AS pid,"
    f" set_config('idle_session_timeout', '{_LED_MS}', false)"
)
_FREE = text(
    f"SELECT pg_advisory_unlock({APPLICATION_ID}, :duty),"
    " set_config('idle_session_timeout', '0', false)"
)
_WHO = text("SELECT pg_backend_pid()")
_ABOUT = text(
    "SELECT current_setting('server_version_num')::int AS version,"
    " current_setting('server_encoding') AS encoding,"
    " current_setting('fsync') AS fsync,"
    " pg_is_in_recovery() AS standby"
)
_log = logging.getLogger(__name__)


class PostgresqlDatabase(Database):
    """One database of a PostgreSQL server.

    `folder` is this desk's own state folder, which it shares with nobody; None for a
    reader beside the desk. `StoreError` when the server cannot be used.
    """

    alone = False

    def __init__(self, server: Server, folder: Path | None) -> None:
        super().__init__()
        place = _place(server)
        self.name = place.render_as_string(hide_password=True)
        self._lock_file = None if folder is None else _locked(folder)
        self._turn = threading.Lock()
        self._led = threading.local()
        self._engines: list[Engine] = []
        try:
            self._writer = self._engine(place, 1)
            self._leaders = self._engine(place, 2, isolation_level="AUTOCOMMIT")
            self._readers = self._engine(
                place, _READERS, isolation_level="REPEATABLE READ"
            ).execution_options(postgresql_readonly=True)
            with self.plainly():
                self._look()
        except BaseException:
            self._end()
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction of the one writer, of all desks: all of it or nothing.

        Within a duty (`leading`) it fails with `OperationalError` once the duty may
        be another desk's.
        """
        with self._turn:
            self._still_leading()
            with self._begun(self._writer, _TURN) as db:
                yield db

    @contextmanager
    def owning(self) -> Iterator[Connection]:
        """As `write`, as the owner of the tables; desks that start wait for it."""
        with self._turn, self._begun(self._writer, _OWNING) as db:
            yield db

    def read(self, scope: Scope | None = None) -> AbstractContextManager[Connection]:
        """A consistent view on what is committed, within the scope's tenant."""
        if scope is None or scope.tenant_id is None:
            return self._begun(self._readers, _DESK)
        return self._begun(self._readers, _TENANT, tenant=scope.tenant_id)

    @contextmanager
    def leading(self, duty: str) -> Iterator[bool]:
        """Whether this desk, and no other one meanwhile, does the named duty now."""
        key = {"duty": _key(duty)}
        with self._leaders.connect() as db:
            lead = db.execute(_LEAD, key).one()
            if not lead.mine:
                yield False
                return
            self._led.by = (db, lead.pid)
            try:
                yield True
            finally:
                self._led.by = None
                _give_back(db, duty, key)

    @contextmanager
    def plainly(self) -> Iterator[None]:
        """For who starts: what the server refuses is a `StoreError`, one line."""
        try:
            yield
        except DBAPIError as exc:
            line = (str(exc.orig).splitlines() or [type(exc.orig).__name__])[0]
            raise StoreError(f"{self.name}: cannot be used: {line}") from None

    def bytes(self) -> int:
        """What the database takes on the server's disk."""
        with self.read() as db:
            query = "SELECT pg_database_size(current_database())"
            return int(db.exec_driver_sql(query).scalar_one())

    def close(self) -> None:
        """Close all connections and give up the state folder."""
        self._end()

    def _engine(self, place: URL, size: int, **more: Any) -> Engine:
        self._engines.append(_engine(place, size, **more))
        return self._engines[-1]

    def _end(self) -> None:
        for engine in self._engines:
            engine.dispose()
        if self._lock_file is not None:
            self._lock_file.close()

    @contextmanager
    def _begun(self, engine: Engine, first: Any, **told: Any) -> Iterator[Connection]:
        """A transaction behind its first statement, which may wait for its turn."""
        db = _patiently(engine, first, told)
        begun = db.get_transaction()
        assert begun is not None
        with db, begun:
            yield db

    def _still_leading(self) -> None:
        by = getattr(self._led, "by", None)
        if by is None:
            return
        db, pid = by
        # Asking also tells the server that this desk does not stand still.
        if db.invalidated or db.execute(_WHO).scalar_one() != pid:
            lost = ConnectionError("this desk has lost the duty that it was doing")
            raise OperationalError(str(_WHO), {}, lost)

    def _look(self) -> None:
        """Refuse a server that cannot keep what a desk acknowledges."""
        with _patiently(self._writer, _ABOUT, {}) as db:
            about = db.execute(_ABOUT).one()
        if about.version < _OLDEST[0] * 10_000:
            raise StoreError(f"{self.name}: needs PostgreSQL {_OLDEST[0]} or later")
        if about.encoding != "UTF8":
            raise StoreError(
                f"{self.name}: its encoding is {about.encoding}; make a database with "
                "ENCODING 'UTF8'"
            )
        if about.standby:
            raise StoreError(f"{self.name}: is a standby; name its primary server")
        if about.fsync != "on":
            _log.warning("%s: fsync is off: a power loss takes tickets", self.name)


def _patiently(engine: Engine, first: Any, told: dict[str, Any]) -> Connection:
    """A connection on which `first` was executed; a server that restarts is waited for.

    The one place where anything is tried again: nothing has been read or written yet.
    """
    tried = 0
    while True:
        tried += 1
        db: Connection | None = None
        try:
            db = engine.connect()
            db.execute(first, told)
        except BaseException as exc:
            if db is not None:
                db.close()
            if tried == _TRIES or not _comes_back(exc):
                raise
            _log.warning("the database cannot be reached just now: %s", exc)
            threading.Event().wait(_PAUSE_S * tried)
        else:
            return db


def _comes_back(exc: BaseException) -> bool:
    """Whether the same is worth another try soon."""
    if not isinstance(exc, OperationalError):
        return False
    state = getattr(exc.orig, "sqlstate", None)
    return state is None or state.startswith(_COMING_BACK)


def _give_back(db: Connection, duty: str, key: dict[str, int]) -> None:
    """Let another desk have the duty; a session that is gone has let it go."""
    if not db.invalidated:
        try:
            db.execute(_FREE, key)
        except OperationalError:
            db.invalidate()
        else:
            return
    _log.warning("'%s' took so long that it may be another desk's by now", duty)


def _key(duty: str) -> int:
    """The number of a duty's lock; 0 is the writers'."""
    return int.from_bytes(
        zlib.crc32(duty.encode()).to_bytes(4, "big"), "big", signed=True
    )


def _locked(folder: Path) -> IO[str]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return take_lock(folder / "desk.lock")


def _place(server: Server) -> URL:
    try:
        place = make_url(server.url)
    except ArgumentError:
        raise StoreError("database: is no address of a database") from None
    if server.password is None:
        return place
    return place.set(password=server.password.reveal())


def _engine(place: URL, size: int, **more: Any) -> Engine:
    """An engine whose connections come back to the pool as nobody's."""
    try:
        engine = create_engine(
            place,
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            pool_pre_ping=True,
            pool_reset_on_return=None,
            hide_parameters=True,
            connect_args={
                "options": _OPTIONS,
                "application_name": "scudo desk",
                "connect_timeout": 5,
                "keepalives_idle": 30,
                "tcp_user_timeout": _STALLED_MS,
            },
            **more,
        )
    except ModuleNotFoundError:
        raise StoreError(
            "a database on PostgreSQL needs psycopg: install 'scudo-agent[postgres]'"
        ) from None
    event.listen(engine, "connect", _durably)
    event.listen(engine, "reset", _forget)
    return engine


def _durably(dbapi: Any, _: object) -> None:
    """What is committed outlives a power loss, whatever the server's default is."""
    dbapi.autocommit = True
    row = dbapi.execute("SELECT current_setting('synchronous_commit')").fetchone()
    if row[0] == "off":
        dbapi.execute("SET synchronous_commit = on")
    dbapi.autocommit = False


def _forget(dbapi: Any, _: object, state: Any) -> None:
    """End what was left open, with its role and tenant, before anybody else comes."""
    dbapi.rollback()
    if state.terminate_only:
        return
    before = dbapi.autocommit
    dbapi.autocommit = True
    dbapi.execute("RESET ROLE; RESET scudo.tenant; RESET scudo.migrating")
    dbapi.autocommit = before
