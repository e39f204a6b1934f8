"""The desk's database as a file of its own, which is the default.

SQLite: one connection writes and checkpoints, the others are `query_only`
(SQLite before 3.51.3 can corrupt a WAL that two connections write and
checkpoint), and a lock file keeps a second desk away. The pragmas are read back:
a desk that cannot have them does not run.
"""

import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool, StaticPool

from scudo_agent.dbfile.mark import contradiction, mark_closing, mark_open
from scudo_agent.dbfile.reserve import Reserve
from scudo_agent.dbfile.sqlite import (
    beside,
    disk_full,
    holds_anything,
    settle,
    sync_failed,
)
from scudo_agent.dbfile.sqlite import module as sqlite_module
from scudo_agent.desk.store.backup import APPLICATION_ID
from scudo_agent.desk.store.database import Database, Readable
from scudo_agent.desk.store.scope import Scope
from scudo_agent.errors import DamagedError, StoreError, SuspectError

_READERS = 8
RESERVE = "desk.reserve"
"""Name of the file that keeps space for the last events."""

__all__ = ["APPLICATION_ID", "ReadOnlyDatabase", "SqliteDatabase", "sqlite_module"]

_log = logging.getLogger(__name__)


class SqliteDatabase(Database):
    """One desk's database file: one writer, some readers, one lock.

    After a sync that failed nothing more is written: `on_suspect` is called once, and
    each later transaction fails as that one did.
    """

    alone = True

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._failure: OperationalError | None = None
        self._reserve: Reserve | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / "desk.db"
        self.name = str(self.path)
        self._lock_file = take_lock(folder / "desk.lock")
        self.befell = contradiction(self.path) if self.path.exists() else None
        try:
            if self.path.exists():
                # Before the writer's pragmas, which would change a foreign file.
                ReadOnlyDatabase(folder, empty=True).close()
            self._left_behind = holds_anything(beside(self.path)[0])
            _private(self.path)
            self._writer = _engine(self.path, writes=True)
            self._readers = _engine(self.path, writes=False)
            self._write_lock = threading.RLock()
            self._mark()
            mark_open(self.path)
        except BaseException:
            self._lock_file.close()
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction of the one writer: all of it or nothing."""
        with self._write_lock:
            if self._failure is not None:
                raise self._failure
            try:
                with self._writer.begin() as db:
                    yield db
            except OperationalError as exc:
                self._look_at(exc)
                if self._reserve is not None and disk_full(exc.orig, self.path):
                    # Who asked comes again, and finds the space that was kept.
                    self._reserve.release()
                raise
            if self._reserve is not None:
                self._reserve.restore()

    def keep_reserve(self) -> None:
        """Keep space for the last events from now on (`dbfile.reserve`)."""
        with self._write_lock:
            self._reserve = Reserve(self.path.with_name(RESERVE))

    @property
    def reserve_used(self) -> bool:
        """Whether the disk was full, and the reserve has been let go of."""
        return self._reserve is not None and self._reserve.released

    def owning(self) -> AbstractContextManager[Connection]:
        """As `write`: who has the file may do everything."""
        return self.write()

    @contextmanager
    def plainly(self) -> Iterator[None]:
        """For who starts: what the database refuses is a `StoreError`, one line."""
        try:
            yield
        except OperationalError as exc:
            if self.suspect is not None:
                raise self.suspect from None
            raise _unusable(self.path, exc, "written") from None

    def _look_at(self, exc: OperationalError) -> None:
        """Stop writing once nobody knows what the disk holds."""
        if self._failure is None and sync_failed(exc.orig, self.path):
            self._failure = exc
            self.suspect = SuspectError(f"{self.path}: a sync failed: {exc.orig}")
            _log.critical("%s; nothing more is written to it", self.suspect)
            self.on_suspect(self.suspect)

    @contextmanager
    def read(self, scope: Scope | None = None) -> Iterator[Connection]:
        """A consistent view on what is committed; the scope is the queries' own."""
        with self._readers.connect() as db:
            yield db

    def bytes(self) -> int:
        """The file and what stands beside it."""
        files = (self.path, *beside(self.path))
        return sum(one.stat().st_size for one in files if one.exists())

    def close(self) -> None:
        """Close all connections and let another desk in."""
        self._readers.dispose()
        mark_closing(self.path)
        self._writer.dispose()
        if self._reserve is not None:
            self._reserve.remove()
        self._lock_file.close()

    def _mark(self) -> None:
        """Mark a new file as ours, and refuse a damaged one."""
        try:
            with self._writer.begin() as db:
                mark = int(db.exec_driver_sql("PRAGMA application_id").scalar_one())
                tables = db.exec_driver_sql(
                    "SELECT count(*) FROM sqlite_schema"
                ).scalar_one()
                if mark == 0 and not tables:
                    db.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                sound = db.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except DatabaseError as exc:
            raise _unusable(self.path, exc, "used") from None
        if sound != "ok":
            line = str(sound).splitlines()[-1]
            raise DamagedError(f"{self.path}: is damaged ({line})")
        if not self._left_behind:
            return
        with self._writer.connect() as db:
            try:
                settle(db.connection.driver_connection)
            except sqlite_module().Error as exc:
                raise StoreError(f"{self.path}: cannot be used: {exc}") from None


class ReadOnlyDatabase(Readable):
    """A desk's database as another process sees it, running or stopped.

    With `empty`, a file in which nothing was written yet will do.
    """

    def __init__(self, folder: Path, *, empty: bool = False) -> None:
        self.path = folder / "desk.db"
        self.name = str(self.path)
        if not self.path.is_file():
            raise StoreError(f"{self.path}: there is no desk's database")
        self._engine = _engine(self.path, writes=False)
        try:
            with self.read() as db:
                mark = db.exec_driver_sql("PRAGMA application_id").scalar_one()
                tables = db.exec_driver_sql(
                    "SELECT count(*) FROM sqlite_schema"
                ).scalar_one()
        except DatabaseError as exc:
            self.close()
            raise _unusable(self.path, exc, "read") from None
        if mark != APPLICATION_ID and not (empty and not mark and not tables):
            self.close()
            raise StoreError(f"{self.path}: is not a desk's database")

    @contextmanager
    def read(self, scope: Scope | None = None) -> Iterator[Connection]:
        """A consistent view on what is committed."""
        with self._engine.connect() as db:
            yield db

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def _unusable(path: Path, exc: DatabaseError, verb: str) -> StoreError:
    text = str(exc.orig)
    if "not a database" in text or "malformed" in text:
        return DamagedError(f"{path}: is damaged ({text})")
    return StoreError(f"{path}: cannot be {verb}: {text}")


def _private(path: Path) -> None:
    """Make a file for its owner's eyes, if it is not there; its WAL follows it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as exc:
        raise StoreError(f"{path}: cannot be opened: {exc.strerror}") from None


def take_lock(path: Path) -> IO[str]:
    """Take the lock of the state folder or say who has it."""
    _private(path)
    try:
        handle = path.open("a+", encoding="ascii")
    except OSError as exc:
        raise StoreError(f"{path}: cannot be opened: {exc.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise StoreError(
            f"{path.parent}: another desk (process {owner}) works here"
        ) from None
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """No desk works in this folder, and none begins to."""
    handle = take_lock(folder / "desk.lock")
    try:
        yield
    finally:
        handle.close()


def _engine(path: Path, *, writes: bool) -> Engine:
    """An engine with our pragmas, and transactions that SQLAlchemy begins."""
    mode = "rwc" if writes else "ro"
    pool: dict[str, Any] = (
        {"poolclass": StaticPool}
        if writes
        else {"poolclass": QueuePool, "pool_size": _READERS, "max_overflow": 0}
    )
    engine = create_engine(
        f"sqlite:///file:{path}?mode={mode}&uri=true",
        module=sqlite_module(),
        connect_args={"check_same_thread": False, "timeout": 10},
        **pool,
    )

    @event.listens_for(engine, "connect")
    def _prepare(dbapi: Any, _: object) -> None:
        # pysqlite would begin transactions by itself, and not for DDL.
        dbapi.isolation_level = None
        _pragmas(dbapi, path=path, writes=writes)

    @event.listens_for(engine, "begin")
    def _begin(db: Connection) -> None:
        db.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _pragmas(dbapi: Any, *, path: Path, writes: bool) -> None:
    """Set what durability and separation need, and read it back."""
    wanted: list[tuple[str, str, object]] = [("foreign_keys", "ON", 1)]
    if writes:
        wanted += [("journal_mode", "WAL", "wal"), ("synchronous", "FULL", 2)]
    else:
        wanted += [("query_only", "ON", 1)]
    for name, value, expected in wanted:
        dbapi.execute(f"PRAGMA {name} = {value}")
        got = dbapi.execute(f"PRAGMA {name}").fetchone()[0]
        if got != expected:
            raise StoreError(f"{path}: {name} is {got!r} here and must be {expected!r}")
