"""Structured logs: a JSON object a line, to stderr or to a file it names."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import TextIO

from scudo_agent.errors import ScudoError
from scudo_agent.instant import SECOND, Instant, format_instant

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}
_CHATTY = ("httpx", "httpcore", "apscheduler", "uvicorn", "alembic", "asyncio")


class JsonFormatter(logging.Formatter):
    """One record, one line: time, level, logger, message, and what `extra` adds.

    A newline inside a message stays inside its JSON string, so that nothing a
    device says can begin a line of the log.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line: dict[str, object] = {
            "t": format_instant(Instant(round(record.created * SECOND))),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key, value in vars(record).items():
            if key not in _STANDARD and not key.startswith("_"):
                line[key] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class _Terminal(logging.StreamHandler[TextIO]):
    """Logs to stderr; when that is gone there is nobody to tell."""

    def handleError(self, record: logging.LogRecord) -> None:
        """A defect of ours is told as it is."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class _File(logging.FileHandler):
    """Logs to a file, and says once on stderr that it cannot."""

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk is one line; a defect of ours is told as it is."""
        exc = sys.exc_info()[1]
        if not isinstance(exc, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            sys.stderr.write(f"{self.baseFilename}: cannot log: {exc.strerror}\n")


def set_up(*, file: Path | None = None, level: str = "info") -> None:
    """Send all logs to `file` (appended), else to stderr."""
    if file is None:
        handler: logging.Handler = _Terminal(sys.stderr)
    else:
        try:
            # For its owner's eyes: it holds names, addresses and what was seen.
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
            handler = _File(file, encoding="utf-8")
        except OSError as exc:
            raise ScudoError(f"{file}: cannot log: {exc.strerror}") from None
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
