"""One agent a store: an advisory lock that the kernel frees when the agent dies."""

import fcntl
import os
from pathlib import Path

from scudo_agent.errors import StoreError


class FolderLock:
    """Holds `agent.lock` of a state folder; `StoreError` if another holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise StoreError(f"{path}: cannot open it: {exc.strerror}") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            if isinstance(exc, BlockingIOError):
                who = f" (process {holder})" if holder else ""
                raise StoreError(
                    f"{path}: another agent{who} uses this state folder; stop it, "
                    "or give this one a folder of its own"
                ) from None
            raise StoreError(f"{path}: cannot lock it: {exc.strerror}") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let the next agent in; the file stays."""
        os.close(self._fd)
