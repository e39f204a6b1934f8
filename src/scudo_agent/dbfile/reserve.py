"""Space kept for the last events: a file that is let go of when the disk is full.

A full disk must not keep an outage from being told (`reliability.md` 2, A4). The file
has real blocks, and goes with the first commit that finds no space; it is put back
once twice its size is free again. Only while its program runs: a clean stop
removes it.
"""

import logging
import os
import shutil
from pathlib import Path

SIZE = 32 * 2**20
_LEAST = 256 * 1024
_SHARE = 4
"""Of what is free the reserve takes one part in so many, at most."""

_log = logging.getLogger(__name__)


class Reserve:
    """The reserve of one state folder at `path`; used by who writes alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        if self._path.exists():  # what a killed agent left
            self._size = self._path.stat().st_size
        self._keep(min(SIZE, self._free() // _SHARE))
        self._owed = self._size == 0 and not self._path.exists()

    @property
    def released(self) -> bool:
        """Whether the disk was full, and nothing is kept any more."""
        return self._size > 0 and not self._path.exists()

    def release(self) -> bool:
        """The disk is full: let go; false if there is nothing to let go of."""
        try:
            self._path.unlink()
        except OSError:
            return False
        _log.critical(
            "%s: the disk is full: the reserve of %d kB is used up from now on; make "
            "space, or nothing more can be stored soon",
            self._path.parent,
            self._size // 1024,
        )
        return True

    def restore(self) -> None:
        """Keep space again if there is enough; call it after a commit."""
        if self._owed and self._free() >= 2 * SIZE:
            self._owed = False  # the disk was full at the start
            self._keep(SIZE)
        if self.released and self._free() >= 2 * self._size:
            self._keep(self._size)
            if not self.released:
                _log.warning("%s: there is space again", self._path.parent)

    def remove(self) -> None:
        """A clean end: nothing is kept while nobody writes."""
        self._size, self._owed = 0, False
        try:
            self._path.unlink(missing_ok=True)
        except OSError as exc:
            _log.warning("%s: stays: %s", self._path, exc.strerror)

    def _keep(self, size: int) -> None:
        if size < _LEAST or (self._path.exists() and self._size >= size):
            return
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, size)
            finally:
                os.close(handle)
        except OSError as exc:
            _log.warning("%s: no space is kept: %s", self._path, exc.strerror)
            self._path.unlink(missing_ok=True)
            return
        self._size = size

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self._path.parent).free
        except OSError:
            return 0
