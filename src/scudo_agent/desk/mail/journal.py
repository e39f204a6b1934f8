"""Which statements' mails were taken, in a file beside the database.

A desk that is put back from a copy does not know what left since the copy was made.
What agents know they tell again; of a statement no agent knows. So the Message-ID of
each that was taken is written here, and it is not sent a second time. The file is not
part of a backup: it must say what happened, not what was true yesterday.
"""

import logging
import os
import threading
from pathlib import Path

from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, Instant, format_instant, parse_instant

FILE = "statements.mailed"

KEPT_US = 400 * DAY
"""Nobody puts back a copy that is older."""

_log = logging.getLogger(__name__)


class Journal:
    """Message-IDs that a mail server took; any thread may ask and note.

    A file that cannot be read or written is told in the log, and no mail waits for
    it: a repeat bears the same Message-ID.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()

    def has(self, message_id: str) -> bool:
        """Whether it was taken."""
        return any(known == message_id for _, known in self._lines())

    def note(self, message_id: str, at: Instant) -> None:
        """It was taken at `at`; on the disk when this returns."""
        # Apart from a half line that a power loss may have left.
        line = f"\n{format_instant(at)} {message_id}\n"
        try:
            with (
                self._lock,
                os.fdopen(os.open(self._path, _FLAGS, 0o600), "ab") as file,
            ):
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as exc:
            _log.error("%s: cannot be written: %s", self._path, exc.strerror)

    def trim(self, now: Instant) -> None:
        """Drop what is older than `KEPT_US`."""
        with self._lock:
            self._trim(now)

    def _trim(self, now: Instant) -> None:
        lines = self._lines()
        kept = [(at, known) for at, known in lines if at > now - KEPT_US]
        if len(kept) == len(lines):
            return
        fresh = self._path.with_name(f"{FILE}.new")
        text = "".join(f"{format_instant(at)} {known}\n" for at, known in kept)
        try:
            with os.fdopen(os.open(fresh, _FLAGS | os.O_TRUNC, 0o600), "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as exc:
            _log.error("%s: cannot be written: %s", self._path, exc.strerror)

    def _lines(self) -> list[tuple[Instant, str]]:
        try:
            text = self._path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return []
        except OSError as exc:
            _log.error("%s: cannot be read: %s", self._path, exc.strerror)
            return []
        return [found for line in text.splitlines() if (found := _read(line))]


_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def _read(line: str) -> tuple[Instant, str] | None:
    """A line, if it is whole: a power loss may leave half of one."""
    at, _, known = line.partition(" ")
    try:
        return (parse_instant(at), known) if known.endswith(">") else None
    except InputError:
        return None
