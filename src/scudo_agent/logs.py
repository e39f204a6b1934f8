"""Structured logs: a JSON object a line, to stderr or to a file it names."""

import json
import logging
import sys
from pathlib import Path

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


def set_up(*, file: Path | None = None, level: str = "info") -> None:
    """Send all logs to `file` (appended), else to stderr."""
    if file is None:
        handler: logging.Handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            handler = logging.FileHandler(file, encoding="utf-8")
        except OSError as exc:
            raise ScudoError(f"{file}: cannot log: {exc.strerror}") from None
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
