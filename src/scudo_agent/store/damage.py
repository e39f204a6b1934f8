"""A damaged store: set aside, and made anew from its last backup and what can be read.

Nothing of it happens silently: what befell the store and what may be lost is kept in
the new one (`losses`), logged, and shown by `status`, `doctor` and the metrics. The
account must not guess: where changes of state cannot be read, every check is unknown
from the last one that can.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from scudo_agent.dbfile import backup
from scudo_agent.dbfile.mark import known
from scudo_agent.dbfile.sqlite import beside, sync_folder
from scudo_agent.errors import StoreError
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.store import copies, engine
from scudo_agent.store.backup import AGENT
from scudo_agent.store.salvage import Salvaged, salvage, site_of
from scudo_agent.text import T, Value

LOSSES = "losses"
"""Key of `meta`: what befell the store, oldest first, as JSON."""

_WHY = 300
_LONGEST = 2**32
"""A damaged first page may name any length; no store has lost so much."""

_log = logging.getLogger(__name__)

Prepare = Callable[[Connection], None]
"""Brings the tables of a new or older file up to date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What befell a store: why it was set aside and as what, and what is lost.

    `since` is the instant of the backup that was put in its place; None: it was made
    anew. `kept` rows were read from the damaged file; at most `lost` could not be,
    None: nobody knows how many.
    """

    at: str
    why: str
    aside: str
    since: str | None
    kept: int = 0
    lost: int | None = None

    def __str__(self) -> str:
        base = f"the backup of {self.since}" if self.since else "nothing"
        lost = "nobody knows how many" if self.lost is None else f"up to {self.lost}"
        return (
            f"the store was damaged ({self.why}) and is kept as {self.aside}; made "
            f"anew at {self.at} from {base} and {self.kept} rows that could be read; "
            f"{lost} rows are lost"
        )


def last_told(connection: Connection) -> dict[str, object] | None:
    """The last loss as the desk is told of it (`Text.to_json()`); None: there is none.

    What could not be delivered before is not lost with the store alone: the provider
    has to know.
    """
    known = losses(connection)
    if not known:
        return None
    last = known[-1]
    values: dict[str, Value] = {
        "at": {"instant": parse_instant(last.at)},
        "why": last.why[:_WHY],
        "kept": last.kept,
        "aside": last.aside,
    }
    if last.lost is None:
        return T(
            "Found damaged on {at} ({why}); {kept} rows could be read, nobody knows "
            "how many are lost. The damaged file is kept as {aside}.",
            **values,
        ).to_json()
    return T(
        "Found damaged on {at} ({why}); {kept} rows could be read, up to {lost} are "
        "lost. The damaged file is kept as {aside}.",
        lost=last.lost,
        **values,
    ).to_json()


def losses(connection: Connection) -> tuple[Loss, ...]:
    """What befell this store, oldest first."""
    text = copies.kept(connection, LOSSES)
    return () if text is None else tuple(Loss(**one) for one in json.loads(text))


def note(connection: Connection, loss: Loss) -> None:
    """Keep it for ever."""
    all_ = [asdict(one) for one in (*losses(connection), loss)]
    copies.keep(connection, LOSSES, json.dumps(all_))


def rebuild(path: Path, why: str, *, site: str, now: Instant, prepare: Prepare) -> Loss:
    """Put a sound store in the place of a damaged one, and say what is lost.

    Until the last step the damaged file stays where it is: a kill in the middle only
    means that it is done again.
    """
    work = path.with_name(path.name + ".salvage")
    fresh = path.with_name(path.name + ".rebuilt")
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        old = _copied(path, work)
        owner = site_of(old)
        if owner is not None and owner != site:
            raise StoreError(
                f"{path}: is damaged, and the store of site '{owner}', not '{site}'"
            )
        if owner is None and not _ours(path):
            raise StoreError(
                f"{path}: is no store of an agent, and is left as it is; move it away "
                "or name another state folder"
            )
        for one in (fresh, *beside(fresh)):
            one.unlink(missing_ok=True)
        loss = _build(
            path,
            fresh,
            old,
            Loss(at=format_instant(now), why=why, aside="", since=None),
            site=site,
            prepare=prepare,
        )
        aside = backup.set_aside(path, "damaged", now)
        loss = _named(fresh, replace(loss, aside=aside.name))
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as exc:
        raise StoreError(
            f"{path}: is damaged ({why}), and cannot be made anew: {exc.strerror}"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _log.critical("%s: %s", path, loss)
    return loss


def _ours(path: Path) -> bool:
    """Whether a file that says nothing any more was a store: by its mark or its head.

    What was never ours is refused, not replaced.
    """
    with path.open("rb") as file:
        head = file.read(72)
    if int.from_bytes(head[68:72], "big") == AGENT.application_id:
        return True
    return known(path) or backup.newest(path.parent, AGENT) is not None


def _copied(path: Path, work: Path) -> Path:
    """A copy to read from: opening a file may change it, and it is evidence."""
    old = work / path.name
    shutil.copyfile(path, old)
    _fill_up(old)
    wal = beside(path)[0]
    if wal.exists():
        shutil.copyfile(wal, beside(old)[0])
    return old


def _fill_up(old: Path) -> None:
    """SQLite reads nothing of a file that is shorter than its first page says."""
    with old.open("rb") as file:
        head = file.read(100)
    size = int.from_bytes(head[16:18], "big")
    whole = (65_536 if size == 1 else size) * int.from_bytes(head[28:32], "big")
    short = whole - old.stat().st_size
    if head.startswith(b"SQLite format 3\0") and 0 < short <= _LONGEST:
        os.truncate(old, whole)


def _build(
    path: Path, fresh: Path, old: Path, loss: Loss, *, site: str, prepare: Prepare
) -> Loss:
    base = backup.newest(path.parent, AGENT, owner=site)
    if base is not None:
        shutil.copyfile(base, fresh)
        loss = replace(loss, since=backup.read_manifest(base).at)
    connection = engine.open_writer(fresh)
    try:
        prepare(connection)
        with connection.begin():
            found: Salvaged = salvage(connection, old)
            return replace(loss, kept=found.kept, lost=found.lost)
    except DatabaseError as exc:
        raise StoreError(f"{path}: cannot be made anew: {exc.orig}") from None
    finally:
        connection.close()


def _named(fresh: Path, loss: Loss) -> Loss:
    """Note the loss in the new store, with the name of what was set aside."""
    connection = engine.open_writer(fresh)
    try:
        with connection.begin():
            note(connection, loss)
    finally:
        connection.close()
    return loss
