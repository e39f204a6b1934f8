"""Where a running agent is, left in its state folder for the other commands."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from scudo_agent.agent.document import Document
from scudo_agent.errors import ScudoError

_FILE = "agent.json"


def announce(state: Path, where: Document) -> Callable[[], None]:
    """Leave word of this process; what is returned takes it back.

    `ScudoError` if it cannot be written.
    """
    path = state / _FILE
    try:
        path.write_text(json.dumps({"pid": os.getpid(), **where}) + "\n", "utf-8")
    except OSError as exc:
        raise ScudoError(f"{path}: cannot be written: {exc.strerror}") from None
    return lambda: path.unlink(missing_ok=True)
