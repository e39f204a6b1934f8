"""Backups of the desk's database put back: by a person, or when it is damaged.

A desk never begins empty by itself: what people wrote would vanish with nobody
having decided it. What befell the database is a security event of the provider's.
"""

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, insert

from scudo_agent.config.server import Server
from scudo_agent.dbfile import backup
from scudo_agent.dbfile.backup import Manifest
from scudo_agent.dbfile.mark import mark_closing
from scudo_agent.dbfile.sqlite import connect, module
from scudo_agent.desk.store.backup import DESK
from scudo_agent.desk.store.database import Database, Readable
from scudo_agent.desk.store.migrate import newest
from scudo_agent.desk.store.sqlite import ReadOnlyDatabase, SqliteDatabase, locked
from scudo_agent.desk.store.tables import PROVIDER_TENANT, security_event
from scudo_agent.errors import DamagedError, StoreError
from scudo_agent.instant import Instant

_log = logging.getLogger(__name__)

Noted = Callable[[Connection, Instant], None]
"""Writes down what befell the database, once its tables are there."""


def opened(
    folder: Path, *, at: Instant, server: Server | None = None
) -> tuple[Database, Noted]:
    """The database, open: the server's, or else the file in the desk's folder.

    A damaged file is set aside for its newest good backup; `StoreError` when there is
    none. What a server keeps is its own keepers' business.
    """
    if server is not None:
        # A desk with a file of its own starts without it.
        from scudo_agent.desk.store.postgresql import PostgresqlDatabase

        return PostgresqlDatabase(server, folder), _noted("", None)
    return _file(folder, at=at)


def readable(folder: Path, server: Server | None) -> Readable:
    """The database for a reader beside the desk, which may run."""
    if server is None:
        return ReadOnlyDatabase(folder)
    from scudo_agent.desk.store.postgresql import PostgresqlDatabase

    return PostgresqlDatabase(server, None)


def _file(folder: Path, *, at: Instant) -> tuple[Database, Noted]:
    try:
        database = SqliteDatabase(folder)
    except DamagedError as exc:
        why = str(exc)
    else:
        if database.befell is None:
            return database, _noted("", None)
        base = backup.newest(folder, DESK)
        if _events_in(database.path) > (_events_in(base) if base else 0):
            return database, _noted("database_wal_missing", database.befell)
        database.close()
        why = f"{database.path}: {database.befell}"
    path = folder / DESK.file
    with locked(folder):
        base = backup.newest(folder, DESK)
        if base is None:
            raise StoreError(
                f"{why}, and there is no good backup in {folder / backup.FOLDER}: put "
                "one in place (desk restore --from FILE), or let it begin without "
                "tickets (desk restore --empty)"
            ) from None
        aside = _replace(base, path, "damaged", at)
    manifest = backup.read_manifest(base)
    said = f"{why}; kept as {aside}, the backup of {manifest.at} is in its place"
    _log.critical("%s", said)
    return SqliteDatabase(folder), _noted("database_damaged", said)


def _events_in(path: Path) -> int:
    """How much has happened, as far as a file tells; 0 without its tables."""
    try:
        with closing(connect(path)) as db:
            found = db.execute("SELECT max(event_id) FROM ticket_event").fetchone()[0]
    except module().DatabaseError:
        return 0
    return int(found or 0)


def _noted(kind: str, said: str | None) -> Noted:
    def note(db: Connection, at: Instant) -> None:
        if said is not None:
            _event(db, kind, said, at)

    return note


def _event(db: Connection, kind: str, said: str, at: Instant) -> None:
    row = {
        "tenant_id": PROVIDER_TENANT,
        "kind": kind,
        "actor": "desk",
        "at_us": at,
        "data": {"said": said},
    }
    db.execute(insert(security_event).values(row))


def restore(file: Path, folder: Path, *, at: Instant) -> tuple[Manifest, Path | None]:
    """Put a backup in place while no desk runs; what was there is kept.

    Agents tell it again what it lacks. `StoreError` for a running desk, a damaged
    backup or one of a later version: nothing is changed then.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder):
        manifest = backup.verify(file, DESK)
        if manifest.schema > newest():
            raise StoreError(
                f"{file}: has schema {manifest.schema}, and this version knows "
                f"{newest()}; a later desk wrote it, use that one"
            )
        aside = _replace(file, folder / DESK.file, "replaced", at)
    _log.warning("%s: the backup of %s is in place", folder / DESK.file, manifest.at)
    return manifest, aside


def begin_empty(folder: Path, *, at: Instant) -> Path | None:
    """Set the database aside and begin one without tickets: a person's decision."""
    path = folder / DESK.file
    with locked(folder):
        aside = _aside(path, "replaced", at)
        path.unlink(missing_ok=True)
    _log.warning("%s: begins empty, before: %s", path, aside)
    return aside


def _replace(file: Path, path: Path, why: str, at: Instant) -> Path | None:
    try:
        aside = _aside(path, why, at)
        backup.put(file, path)
    except OSError as exc:
        raise StoreError(f"{path}: cannot be replaced: {exc.strerror}") from None
    return aside


def _aside(path: Path, why: str, at: Instant) -> Path | None:
    if not path.exists():
        return None
    aside = backup.set_aside(path, why, at)
    mark_closing(path)
    return aside
