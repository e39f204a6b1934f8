"""Mails that came in by the pipe and wait for the desk: a file each, on the disk.

Whoever brings a mail needs no desk that runs: when `put` returns, the mail is synced,
and stays until the desk has taken it. The desk removes a file only when what became of
its mail is committed; a file that is taken twice changes nothing (`store.mail_in`).
"""

import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scudo_agent.desk.mail.incoming import SIZE, left_out
from scudo_agent.errors import ScudoError
from scudo_agent.instant import HOUR, SECOND, Instant

FREE = 64 * 1024 * 1024
"""Bytes of the disk that are the desk's: below, the bringer keeps its mails."""

_ABANDONED_US = 36 * HOUR
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail as it came, and when our mail server had it, if that is known."""

    content: bytes
    at: Instant | None


class Spool:
    """A folder of mails; any process of the desk's user may `put`."""

    def __init__(self, folder: Path) -> None:
        self._new = folder / "new"
        self._part = folder / "tmp"

    def put(self, mail: BinaryIO, at: Instant) -> Path | None:
        """Keep a mail that came at `at`; None if there is nothing of it.

        Of one that is larger than the desk takes, only the headers are kept, with its
        size. `OSError` or `ScudoError` where it could not be kept: nothing is left.
        """
        for folder in (self._part, self._new):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (free := shutil.disk_usage(self._new).free) < FREE:
            raise ScudoError(f"{self._new}: the disk has {free} bytes left")
        data = _read(mail)
        if not data:
            return None
        name = f"{at:020d}.{secrets.token_hex(8)}"
        part, path = self._part / name, self._new / name
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        _sync(self._new)
        return path

    def waiting(self) -> list[Path]:
        """Mails that the desk has not taken yet, in the order in which they came."""
        try:
            return sorted(self._new.iterdir(), key=lambda path: path.name)
        except FileNotFoundError:
            return []

    def foreign(self) -> list[Path]:
        """Those of them that are another user's than the spool: nobody takes them."""
        found = []
        for path in self.waiting():
            with suppress(FileNotFoundError):  # it was taken just now
                if path.stat().st_uid != self._new.stat().st_uid:
                    found.append(path)
        return found

    def read(self, path: Path) -> Arrived:
        """One of those that wait."""
        return Arrived(path.read_bytes(), arrived(path))

    def taken(self, path: Path) -> None:
        """What became of it is committed: the file goes."""
        path.unlink(missing_ok=True)

    def tidy(self, now: Instant) -> None:
        """Remove what was never whole: its bringer was killed long ago."""
        if not self._part.is_dir():
            return
        for path in self._part.iterdir():
            try:
                age = now - int(path.stat().st_mtime * SECOND)
            except FileNotFoundError:
                continue  # it became whole just now
            if age > _ABANDONED_US:
                path.unlink(missing_ok=True)


def arrived(path: Path) -> Instant | None:
    """When a mail of the spool came, as its name says."""
    at = path.name.partition(".")[0]
    return Instant(int(at)) if at.isascii() and at.isdigit() else None


def _read(mail: BinaryIO) -> bytes:
    """The mail, or what is kept of one that is too large; all of it is read."""
    data = mail.read(SIZE + 1)
    if len(data) <= SIZE:
        return data
    size = len(data)
    while chunk := mail.read(_CHUNK):
        size += len(chunk)
    return left_out(data, size)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
