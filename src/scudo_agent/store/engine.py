"""SQLite opened the one way that keeps what was acknowledged.

Below 3.51.3 SQLite can corrupt a WAL when two connections write and checkpoint
at once: one connection writes, the others are opened read-only. `FULL`, because
`NORMAL` loses acknowledged commits at a power loss (`reliability.md`).
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from scudo_agent.dbfile.mark import contradiction
from scudo_agent.dbfile.sqlite import beside, holds_anything, settle
from scudo_agent.dbfile.sqlite import module as dbapi
from scudo_agent.errors import DamagedError, StoreError
from scudo_agent.store.migrations import STEPS

__all__ = ["APPLICATION_ID", "dbapi", "open_reader", "open_writer", "sqlite_version"]

_log = logging.getLogger(__name__)

APPLICATION_ID = 0x53435544
"""`SCUD`: marks the file as an agent's store."""

BUSY_TIMEOUT_MS = 5_000

_WRITER: Mapping[str, tuple[object, int | str]] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
    "busy_timeout": (BUSY_TIMEOUT_MS, BUSY_TIMEOUT_MS),
}
_READER: Mapping[str, tuple[object, int | str]] = {
    "query_only": ("ON", 1),
    "busy_timeout": (BUSY_TIMEOUT_MS, BUSY_TIMEOUT_MS),
}


def sqlite_version() -> str:
    """The version of the SQLite that is in use."""
    return str(dbapi().sqlite_version)


def open_writer(path: Path, *, marked: bool = False) -> Connection:
    """The one writing connection; creates the file, refuses what is not ours.

    `DamagedError` for what is not what was written; with `marked`, as far as the mark
    beside the file tells, too.
    """
    marked = marked and path.exists()  # who took it away wants a new one
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as exc:
        raise StoreError(f"{path}: cannot open it: {exc.strerror}") from None
    befell = contradiction(path) if marked else None
    left_behind = holds_anything(beside(path)[0])
    engine = _engine(f"file:{quote(str(path))}?mode=rw", "BEGIN IMMEDIATE")
    connection = _connect(engine, path)
    try:
        check_identity(connection, path)
        if befell is not None:
            raise DamagedError(f"{path}: {befell}")
        # Before the pragmas: a damaged file must be named so, and not as a
        # pragma that did not hold.
        _check_pages(connection, path)
        _set(connection, path, _WRITER)
        if left_behind:
            _settle(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> Connection:
    """A connection that cannot write, beside a running agent or without one."""
    if not path.exists():
        raise StoreError(f"{path}: there is no store; has the agent ever run here?")
    name = f"file:{quote(str(path))}?mode=ro"
    # In a folder that may only be read SQLite cannot make the WAL's index; a
    # store that was closed has no WAL and needs none.
    wal = path.with_name(path.name + "-wal")
    closed = not wal.exists() and not os.access(path.parent, os.W_OK)
    engine = _engine(name + ("&immutable=1" if closed else ""), "BEGIN")
    connection = _connect(engine, path)
    try:
        check_identity(connection, path)
        _set(connection, path, _READER)
    except BaseException:
        connection.close()
        raise
    return connection


def check_identity(connection: Connection, path: Path) -> None:
    """Raise `StoreError` for a file that is another program's, or a later one's."""
    try:
        mark = _pragma(connection, "application_id")
        version = _pragma(connection, "user_version")
        count = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
        tables = int(count.scalar_one())
        connection.rollback()
    except DatabaseError as exc:
        raise unusable(path, exc) from None
    if mark != APPLICATION_ID and (mark or tables):
        raise StoreError(f"{path}: is no store of an agent; it was left as it is")
    if version > len(STEPS):
        raise StoreError(
            f"{path}: has schema {version}, and this version knows {len(STEPS)}; "
            "a later scudo-agent wrote it, use that one"
        )


def unusable(path: Path, exc: DatabaseError) -> StoreError:
    """The line for a file that SQLite cannot read."""
    text = str(exc.orig)
    if "not a database" in text or "malformed" in text:
        return DamagedError(f"{path}: is damaged ({text})")
    return StoreError(f"{path}: {text}")


def _engine(name: str, begin: str) -> Engine:
    module = dbapi()

    def connect() -> Any:
        # Without an isolation level the driver leaves BEGIN to us, so that DDL
        # is part of a transaction as well.
        return module.connect(
            name, uri=True, isolation_level=None, check_same_thread=False
        )

    engine = create_engine(
        "sqlite://", module=module, creator=connect, poolclass=NullPool
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _connect(engine: Engine, path: Path) -> Connection:
    try:
        return engine.connect()
    except DatabaseError as exc:
        raise unusable(path, exc) from None


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _check_pages(connection: Connection, path: Path) -> None:
    try:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        connection.rollback()
    except DatabaseError as exc:
        raise unusable(path, exc) from None
    if found != "ok":
        raise DamagedError(f"{path}: is damaged ({str(found).splitlines()[-1]})")


def _settle(connection: Connection, path: Path) -> None:
    raw: Any = connection.connection.driver_connection
    try:
        if not settle(raw):
            _log.warning("%s: a reader holds on to what was written last", path)
    except dbapi().Error as exc:
        raise StoreError(f"{path}: cannot be brought in order: {exc}") from None


def _set(
    connection: Connection, path: Path, pragmas: Mapping[str, tuple[object, int | str]]
) -> None:
    """Set pragmas outside any transaction and read each back."""
    raw: Any = connection.connection.driver_connection
    for name, (wanted, expected) in pragmas.items():
        try:
            raw.execute(f"PRAGMA {name} = {wanted}").fetchall()
            got = raw.execute(f"PRAGMA {name}").fetchone()[0]
        except dbapi().Error as exc:
            raise StoreError(f"{path}: PRAGMA {name}: {exc}") from None
        if got != expected:
            raise StoreError(
                f"{path}: SQLite {sqlite_version()} keeps {name} = {got} where "
                f"{wanted} was asked for; the file system may not allow it"
            )
