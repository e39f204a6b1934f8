"""Backups of a database file: taken online, verified, put back.

A backup is two files: `NAME.backup.db`, one SQLite file without a WAL, and
`NAME.backup.json`, its manifest. Without a manifest that fits there is no backup:
what a kill leaves half done is never taken for one.
"""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scudo_agent import __version__
from scudo_agent.dbfile.mark import digest
from scudo_agent.dbfile.sqlite import beside, connect, faults, module, sync_folder
from scudo_agent.errors import StoreError
from scudo_agent.instant import Instant, format_instant, parse_instant, to_datetime

FORMAT = 1
FOLDER = "backups"
KEPT = 7
SUFFIX = ".backup.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """A kind of database: its name, its file and mark, and how to know whose it is.

    `owner` reads the site (empty for a desk) and `schema` the version of the tables
    from a connection.
    """

    name: str
    file: str
    application_id: int
    owner: Callable[[Any], str]
    schema: Callable[[Any], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds; `at` is RFC 3339, `counts` are rows by table."""

    format: int
    what: str
    at: str
    owner: str
    schema: str
    bytes: int
    sha256: str
    counts: dict[str, int]
    program: str

    @property
    def taken(self) -> Instant:
        """When it was taken."""
        return parse_instant(self.at)


def stamp(at: Instant) -> str:
    """An instant as it stands in names of files."""
    return f"{to_datetime(at):%Y%m%dT%H%M%SZ}"


def default_place(folder: Path, what: What, at: Instant) -> Path:
    """Where a backup goes when nobody says."""
    return folder / FOLDER / f"{what.name}-{stamp(at)}{SUFFIX}"


def manifest_of(backup: Path) -> Path:
    """The manifest that belongs to a backup."""
    return backup.with_name(backup.name.removesuffix(".db") + ".json")


def take(source: Path, target: Path, what: What, *, at: Instant) -> Manifest:
    """Copy a database as it is at one moment, whoever writes; verify the copy.

    `StoreError` when it cannot be read or written, or when the copy is not sound:
    then there is no backup.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, part)
        manifest = _describe(part, what, at)
        _sync(part)
        _put(manifest_of(target), json.dumps(asdict(manifest), indent=2) + "\n")
        part.replace(target)
        sync_folder(target.parent)
    except OSError as exc:
        raise StoreError(f"{target}: cannot be written: {exc.strerror}") from None
    except module().Error as exc:
        raise StoreError(f"{source}: cannot be backed up: {exc}") from None
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _copy(source: Path, part: Path) -> None:
    if not source.exists():
        raise StoreError(f"{source}: there is nothing to back up")
    with closing(connect(source)) as db, closing(connect(part, mode="rw")) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()


def _describe(part: Path, what: What, at: Instant) -> Manifest:
    found = faults(part)
    if found is not None:
        raise StoreError(f"{part}: the copy is not sound ({found}); there is no backup")
    with closing(connect(part)) as db:
        return Manifest(
            format=FORMAT,
            what=what.name,
            at=format_instant(at),
            owner=what.owner(db),
            schema=what.schema(db),
            bytes=part.stat().st_size,
            sha256=digest(part),
            counts=counts(db),
            program=__version__,
        )


def counts(db: Any) -> dict[str, int]:
    """Rows of every table."""
    names = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' "
        "AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()
    return {
        name: int(db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 - a name out of the file's own schema
        for (name,) in names
    }


def verify(backup: Path, what: What, *, owner: str | None = None) -> Manifest:
    """Whether a backup is whole and of the right kind; `StoreError` says what is not.

    `owner` is whose it must be.
    """
    manifest = read_manifest(backup)
    if manifest.what != what.name:
        raise StoreError(f"{backup}: is a backup of a {manifest.what}'s database")
    if owner is not None and manifest.owner != owner:
        raise StoreError(
            f"{backup}: is a backup of site '{manifest.owner}', and this is '{owner}'"
        )
    try:
        if backup.stat().st_size != manifest.bytes:
            raise StoreError(f"{backup}: is not as long as its manifest says")
        if digest(backup) != manifest.sha256:
            raise StoreError(f"{backup}: is damaged: its manifest has another hash")
    except OSError as exc:
        raise StoreError(f"{backup}: cannot be read: {exc.strerror}") from None
    found = faults(backup)
    if found is not None:
        raise StoreError(f"{backup}: is damaged ({found})")
    with closing(connect(backup)) as db:
        mark = int(db.execute("PRAGMA application_id").fetchone()[0])
        if mark != what.application_id or counts(db) != manifest.counts:
            raise StoreError(f"{backup}: does not hold what its manifest says")
    return manifest


def read_manifest(backup: Path) -> Manifest:
    """What a backup's manifest says; `StoreError` without one."""
    path = manifest_of(backup)
    try:
        return Manifest(**json.loads(path.read_bytes()))
    except OSError as exc:
        raise StoreError(f"{path}: cannot be read: {exc.strerror}") from None
    except (ValueError, TypeError):
        raise StoreError(f"{path}: is no manifest of a backup") from None


def known(folder: Path, what: What) -> list[Path]:
    """The backups in a state folder, newest first, good or not."""
    return sorted((folder / FOLDER).glob(f"{what.name}-*{SUFFIX}"), reverse=True)


def newest(folder: Path, what: What, *, owner: str | None = None) -> Path | None:
    """The newest backup in a state folder that is whole."""
    for backup in known(folder, what):
        try:
            verify(backup, what, owner=owner)
        except StoreError:
            continue
        return backup
    return None


def last_taken(folder: Path, what: What) -> Instant | None:
    """When the newest backup was taken, by its manifest; None: there is none."""
    for backup in known(folder, what):
        try:
            return read_manifest(backup).taken
        except StoreError:
            continue
    return None


def prune(folder: Path, what: What, *, keep: int = KEPT) -> None:
    """Drop all but the newest backups of a state folder."""
    for backup in known(folder, what)[keep:]:
        manifest_of(backup).unlink(missing_ok=True)
        backup.unlink(missing_ok=True)


def set_aside(path: Path, why: str, at: Instant) -> Path:
    """Give a database file another name, its WAL with it; return the name.

    The file itself stays under both names until another takes the first one.
    """
    aside = path.with_name(f"{path.name}.{why}-{stamp(at)}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.{why}-{stamp(at)}-{number}")
    os.link(path, aside)
    wal, index = beside(path)
    if wal.exists():
        wal.replace(beside(aside)[0])
    index.unlink(missing_ok=True)
    return aside


def put(source: Path, path: Path) -> None:
    """Put a copy of a sound file in a database's place, as a whole or not at all."""
    fresh = path.with_name(path.name + ".restored")
    fresh.unlink(missing_ok=True)
    with source.open("rb") as old:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(old, file)
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
