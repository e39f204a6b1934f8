"""What was last known of a database file by whom had it.

A small file beside the database: `open` while somebody writes, and the content's
hash once it was closed. It tells what SQLite cannot: that a WAL was deleted, or that
a bit fell over where no structure is.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from scudo_agent.dbfile.sqlite import beside, holds_anything, sync_folder

_PIECE = 2**20


def digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            whole.update(piece)
    return whole.hexdigest()


def mark_open(path: Path) -> None:
    """Somebody writes from now on: its WAL is there until it is closed."""
    _write(path, {"state": "open"})


def mark_closing(path: Path) -> None:
    """It is about to be closed, and its WAL to go."""
    _write(path, {"state": "closing"})


def mark_closed(path: Path) -> None:
    """It was closed, and is whole without a WAL."""
    if not holds_anything(beside(path)[0]):
        size = path.stat().st_size
        _write(path, {"state": "closed", "bytes": size, "sha256": digest(path)})


def contradiction(path: Path) -> str | None:
    """What befell a file since its owner had it; None: nothing that is known."""
    said = _read(path)
    wal = beside(path)[0]
    if said.get("state") == "open":
        return None if wal.exists() else "its WAL is missing"
    if said.get("state") != "closed" or holds_anything(wal):
        return None
    if path.stat().st_size != said.get("bytes"):
        return "its length is not what it was when it was closed"
    if digest(path) != said.get("sha256"):
        return "its content is not what it was when it was closed"
    return None


def known(path: Path) -> bool:
    """Whether one of our programs ever wrote a mark for the file."""
    return _place(path).exists()


def _place(path: Path) -> Path:
    return path.with_name(path.name + ".mark")


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(_place(path).read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _write(path: Path, said: dict[str, object]) -> None:
    """Without space there is no mark, and nothing else is amiss."""
    place = _place(path)
    fresh = place.with_name(place.name + ".new")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(json.dumps(said) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(place)
        sync_folder(place.parent)
    except OSError:
        for one in (fresh, place):
            with contextlib.suppress(OSError):
                one.unlink(missing_ok=True)
