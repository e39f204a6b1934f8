"""Recorded events: what `replay` judges again (`run --record FILE`)."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.judge.engine import AgentStart, Event
from scudo_agent.model import Observation


class JsonlRecorder:
    """Appends events to a file, a JSON object a line (`judging.md`).

    Events are handed to the system before they are committed: after a kill the
    file knows at least what the store knows.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("a+", encoding="utf-8")
            self.last = self._mend()
        except OSError as exc:
            raise ScudoError(f"{path}: cannot record: {exc.strerror}") from None

    def _mend(self) -> Instant | None:
        """Cut off a line that a kill left unfinished; return the last instant."""
        self._file.seek(0)
        text = self._file.read()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self._file.truncate(len(whole.encode()))
        self._file.seek(0, os.SEEK_END)
        lines = whole.splitlines()
        return parse_instant(json.loads(lines[-1])["t"]) if lines else None

    def write(self, events: Sequence[Event]) -> None:
        """Append events, in order."""
        lines = [json.dumps(_as_json(event)) + "\n" for event in events]
        self._file.write("".join(lines))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _as_json(event: Event) -> dict[str, str]:
    if isinstance(event, Observation):
        at = format_instant(event.at)
        return {"t": at, "check": event.check, "result": str(event.result)}
    what = "start" if isinstance(event, AgentStart) else "stop"
    return {"t": format_instant(event.at), "agent": what}
