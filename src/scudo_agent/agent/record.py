"""Recorded events: what `replay` judges again (`run --record FILE`)."""

import json
import logging
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from scudo_agent.clock import STEP_US
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.judge.adoption import Foundling
from scudo_agent.judge.engine import (
    Adopted,
    AgentStart,
    Event,
    HoldsSet,
    PausesSet,
    ReopenSet,
)
from scudo_agent.judge.holds import Hold
from scudo_agent.model import Observation

KEPT_BYTES = 1 << 20
"""Events that could not be written are kept up to this, and then given up."""

_TAIL_BYTES = 1 << 16
_log = logging.getLogger(__name__)


class JsonlRecorder:
    """Appends events to a file, a JSON object a line (`judging.md`).

    Events are handed to the system before they are committed: after a kill the
    file knows at least what the store knows. A record is worth less than the
    watching: what cannot be written waits, and when too much waits the record
    ends there, whole, since with a hole in it it would be judged wrongly.
    """

    def __init__(self, path: Path, *, kept_bytes: int = KEPT_BYTES) -> None:
        self.path = path
        self._kept_bytes = kept_bytes
        self._waiting = bytearray()
        self._failing = self._ended = False
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o600)
        except OSError as exc:
            raise ScudoError(f"{path}: cannot record: {exc.strerror}") from None
        try:
            self.last = self._mend()
        except OSError as exc:
            os.close(self._file)
            raise ScudoError(f"{path}: cannot record: {exc.strerror}") from None
        except BaseException:
            os.close(self._file)
            raise

    def _mend(self) -> Instant | None:
        """Cut off a line that a kill left unfinished; return the last instant."""
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode):
            raise ScudoError(f"{self.path}: cannot record: is no file")
        begin = max(status.st_size - _TAIL_BYTES, 0)
        tail = os.pread(self._file, _TAIL_BYTES, begin)
        whole = tail[: tail.rfind(b"\n") + 1]
        lines = whole.splitlines()
        rest = tail[len(whole) :]
        last = self._instant(lines[-1]) if lines else None
        if rest and not rest.startswith(b"{"):
            raise self._foreign()
        self._size = begin + len(whole)
        os.ftruncate(self._file, self._size)
        return last

    def _instant(self, line: bytes) -> Instant:
        try:
            return parse_instant(json.loads(line)["t"])
        except (ValueError, TypeError, KeyError, InputError):
            raise self._foreign() from None

    def _foreign(self) -> ScudoError:
        return ScudoError(
            f"{self.path}: is no record of events, it was left as it is; "
            "name another file to record into"
        )

    def write(self, events: Sequence[Event]) -> None:
        """Append events, in order."""
        if self._ended:
            return
        for event in events:
            self._waiting += json.dumps(_as_json(event)).encode() + b"\n"
        try:
            self._append()
        except OSError as exc:
            self._keep(exc)
        else:
            if self._failing:
                self._failing = False
                _log.warning("%s: recording goes on, nothing is missing", self.path)

    def _append(self) -> None:
        """All that waits, or nothing of it."""
        view = memoryview(bytes(self._waiting))
        done = 0
        try:
            while done < len(view):
                done += os.pwrite(self._file, view[done:], self._size + done)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += done
        self._waiting.clear()

    def _keep(self, exc: OSError) -> None:
        if not self._failing:
            self._failing = True
            _log.error("%s: cannot record, trying again: %s", self.path, exc.strerror)
        if len(self._waiting) > self._kept_bytes:
            self._ended = True
            self._waiting.clear()
            _log.error("%s: the record ends here: %s", self.path, exc.strerror)

    def close(self) -> None:
        """Write what waits, if that is possible now, and close the file."""
        self.write(())
        os.close(self._file)


def record_into(path: Path | None, now: Instant) -> JsonlRecorder | None:
    """The record that an agent goes on with; None: it keeps none.

    `ScudoError` when its last event is ahead of `now`.
    """
    if path is None:
        return None
    recorder = JsonlRecorder(path)
    if recorder.last is not None and recorder.last > now + STEP_US:
        recorder.close()
        # What happens now could only be dated behind it, or stand before it.
        raise ScudoError(
            f"{path}: its last event is at {format_instant(recorder.last)}, "
            f"and now it is {format_instant(now)}; name another file to record into"
        )
    return recorder


def _as_json(event: Event) -> dict[str, object]:
    at = format_instant(event.at)
    if isinstance(event, Observation):
        return {"t": at, "check": event.check, "result": str(event.result)}
    if isinstance(event, HoldsSet):
        return {"t": at, "holds": [_hold(hold) for hold in event.holds]}
    if isinstance(event, PausesSet):
        return {"t": at, "paused": sorted(event.checks)}
    if isinstance(event, ReopenSet):
        return {"t": at, "reopen_us": event.reopen_us}
    if isinstance(event, Adopted):
        return {"t": at, "adopted": [_foundling(one) for one in event.found]}
    what = "start" if isinstance(event, AgentStart) else "stop"
    return {"t": at, "agent": what}


def _foundling(found: Foundling) -> dict[str, object]:
    return {
        "incident": found.incident,
        "subject": found.subject,
        "since": format_instant(found.since),
        "opened": format_instant(found.opened),
        "severity": found.severity,
        "rule": found.rule,
        "members": {path: str(state) for path, state in found.members.items()},
    }


def _hold(hold: Hold) -> dict[str, object]:
    return {
        "id": hold.id,
        "start": format_instant(hold.start),
        "end": format_instant(hold.end),
        "services": list(hold.services),
        "checks": list(hold.checks),
    }
