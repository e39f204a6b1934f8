"""A support archive: what somebody who helps needs to see, and no secret.

Every part is text that went through the redactor. What cannot be had is told in its
place: an archive is wanted just when something is broken.
"""

import io
import json
import os
import platform
import tarfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from scudo_agent import __version__
from scudo_agent.agent.redaction import Redactor
from scudo_agent.dbfile.sqlite import beside, connect, module
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.instant import SECOND, Instant, format_instant

LOG_LINES = 2_000
_LOG_BYTES = 4 * 2**20

Part = Callable[[], Any]
"""Makes a part; text, or anything that JSON can say."""


def write(
    target: Path, parts: Mapping[str, Part], redactor: Redactor, *, at: Instant
) -> list[str]:
    """Write the archive, for its owner's eyes; the names of what is in it.

    `InputError` if the file is there already, `ScudoError` if it cannot be written.
    """
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(
            f"{target}: is there already, and is not overwritten"
        ) from None
    except OSError as exc:
        raise ScudoError(f"{target}: cannot be written: {exc.strerror}") from None
    names = []
    try:
        with (
            os.fdopen(handle, "wb") as file,
            tarfile.open(fileobj=file, mode="w:gz") as archive,
        ):
            for name, part in parts.items():
                content = redactor.text(_said(name, part)).encode("utf-8", "replace")
                info = tarfile.TarInfo(f"scudo-bundle/{name}")
                info.size, info.mode = len(content), 0o600
                info.mtime = at // SECOND
                archive.addfile(info, io.BytesIO(content))
                names.append(name)
    except OSError as exc:
        target.unlink(missing_ok=True)
        raise ScudoError(f"{target}: cannot be written: {exc.strerror}") from None
    return names


def _said(name: str, part: Part) -> str:
    """A part's text, or why there is none."""
    try:
        found = part()
    except (ScudoError, OSError, ValueError) as exc:
        found = f"not to be had: {exc}\n"
    if isinstance(found, str):
        return found
    return json.dumps(found, indent=2, ensure_ascii=False, default=str) + "\n"


def versions(at: Instant) -> dict[str, str]:
    """What runs here."""
    return {
        "at": format_instant(at),
        "scudo_agent": __version__,
        "python": platform.python_version(),
        "sqlite": str(module().sqlite_version),
        "system": platform.platform(),
        "libc": " ".join(platform.libc_ver()),
        "processors": str(os.cpu_count()),
    }


def database(path: Path) -> dict[str, Any]:
    """A database's integrity, schema, size and the rows of each table."""
    if not path.exists():
        return {"file": path.name, "there": False}
    sizes = {
        one.name: one.stat().st_size for one in (path, *beside(path)) if one.exists()
    }
    said: dict[str, Any] = {"file": path.name, "there": True, "bytes": sizes}
    try:
        with closing(connect(path)) as db:
            said["integrity"] = str(
                db.execute("PRAGMA integrity_check(5)").fetchone()[0]
            )
            said["user_version"] = db.execute("PRAGMA user_version").fetchone()[0]
            tables = db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            ).fetchall()
            said["rows"] = {
                name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
                for (name,) in tables
            }
    except module().Error as exc:
        said["error"] = str(exc)
    return said


def last_lines(log: Path) -> str:
    """The end of a log."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _LOG_BYTES))
        text = file.read().decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-LOG_LINES:]) + "\n"
