"""How the line to the mailbox is, in a small file beside the spool.

It says the same to the running desk's metrics and pages and to `desk doctor`, which
is another process.
"""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from scudo_agent.files import private_file
from scudo_agent.instant import Instant

FILE = "line.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """When the mailbox was last looked into, and since when and why it cannot be.

    `lost` is None while it can.
    """

    looked: Instant | None = None
    lost: Instant | None = None
    why: str = ""


class Line:
    """Written by who reads the mailbox, read by anybody; `folder` is the spool's."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def looked(self, at: Instant) -> None:
        """The mailbox was looked into, and all that was in it is taken."""
        if (state := self.read()) is not None and state.lost is not None:
            _log.warning("the mailbox can be read again")
        self._write(LineState(looked=at))

    def lost(self, at: Instant, why: str) -> None:
        """It cannot be looked into; what comes waits on its server."""
        known = self.read() or LineState()
        if known.lost is None:
            _log.error("the mailbox cannot be read: %s", why)
        since = at if known.lost is None else known.lost
        self._write(LineState(looked=known.looked, lost=since, why=why))

    def forget(self) -> None:
        """There is no mailbox any more."""
        self._path.unlink(missing_ok=True)

    def read(self) -> LineState | None:
        """How it is; None where nobody has looked yet."""
        try:
            return LineState(**json.loads(self._path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, state: LineState) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            private_file(self._path, json.dumps(asdict(state)).encode())
        except OSError as exc:
            _log.error("%s: cannot be written: %s", self._path, exc.strerror)
