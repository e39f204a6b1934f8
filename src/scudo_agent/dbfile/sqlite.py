"""SQLite's module, and what its errors mean for the file."""

import errno
import importlib
import os
import shutil
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

_IOERR, _FULL = 10, 13
_SYNCS = (0, 4, 5)
"""Extended codes of an I/O error: not told, `FSYNC`, `DIR_FSYNC`."""
_NO_SPACE = 2**20
"""With less free than this, an I/O error that says no more is a full disk."""


def module() -> ModuleType:
    """`pysqlite3`, which brings a recent SQLite, or else the system's."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return importlib.import_module("sqlite3")


def sync_failed(exc: BaseException | None, path: Path) -> bool:
    """Whether the driver's exception says that the disk did not take a sync.

    `pysqlite3` tells no more than that there was an I/O error: it is one of a sync
    (or as bad) unless the disk is full, or mounted read-only.
    """
    code = _code(exc)
    if code & 0xFF != _IOERR or code >> 8 not in _SYNCS:
        return False
    return code >> 8 != 0 or not (disk_full(exc, path) or _read_only(path))


def disk_full(exc: BaseException | None, path: Path) -> bool:
    """Whether the driver's exception says that there is no space left."""
    code = _code(exc)
    if code & 0xFF == _FULL:
        return True
    return code & 0xFF == _IOERR and shutil.disk_usage(path.parent).free < _NO_SPACE


def _read_only(path: Path) -> bool:
    """Whether nothing can be written there, whatever the file system calls it.

    One that the kernel made read-only after an error does not say so: it refuses.
    """
    probe = path.with_name(f"{path.name}.probe")
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT, 0o600))
        probe.unlink()
    except OSError as exc:
        return exc.errno == errno.EROFS
    return False


def _code(exc: BaseException | None) -> int:
    return int(getattr(exc, "sqlite_errorcode", 0) or 0)


def connect(path: Path, *, mode: str = "ro") -> Any:
    """A bare connection for reading, or with `rwc` for making a file."""
    db = module().connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None
    )
    db.execute("PRAGMA busy_timeout = 5000")
    if mode == "ro":
        db.execute("PRAGMA query_only = ON")
    return db


def settle(db: Any) -> bool:
    """Bring a WAL that was left behind into the file, and begin an empty one.

    After a sync that failed, the pages that the kernel still shows may never reach
    the disk, and what is appended behind them would be lost with them at a power
    loss. Here each is written again and synced. False: a reader was in the way.
    """
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def faults(path: Path) -> str | None:
    """What a whole check of a file that nobody writes finds; None: it is sound."""
    errors = module().DatabaseError
    try:
        with closing(connect(path)) as db:
            found = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except errors as exc:
        return str(exc)
    return None if found == "ok" else found.splitlines()[-1]


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable; `OSError`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def holds_anything(path: Path) -> bool:
    """Whether a file is there and not empty."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def beside(path: Path) -> tuple[Path, Path]:
    """The WAL and its index."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
