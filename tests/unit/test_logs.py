"""Logs: a JSON object a line, whatever a device says."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from scudo_agent import logs
from scudo_agent.errors import ScudoError
from scudo_agent.instant import parse_instant


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_record_is_one_json_object_with_time_level_and_extras(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    logs.set_up(file=file)
    logging.getLogger("scudo_agent.x").warning(
        "sysName %s", "a\nb\x1b[31m", extra={"check": "sw/ping"}
    )
    (line,) = file.read_text("utf-8").splitlines()
    data = json.loads(line)
    assert data["message"] == "sysName a\nb\x1b[31m"
    assert "\x1b" not in line
    assert (data["level"], data["check"]) == ("warning", "sw/ping")
    assert parse_instant(data["t"]) > 0


def test_an_exception_is_in_the_same_line(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    logs.set_up(file=file)
    try:
        raise OSError("no space")
    except OSError:
        logging.getLogger("x").exception("failed")
    (line,) = file.read_text("utf-8").splitlines()
    assert "OSError: no space" in json.loads(line)["exception"]


def test_below_the_level_nothing_is_logged(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    logs.set_up(file=file, level="warning")
    logging.getLogger("x").info("hello")
    assert file.read_text("utf-8") == ""


def test_a_log_file_that_cannot_be_opened_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ScudoError, match="cannot log"):
        logs.set_up(file=tmp_path / "no" / "agent.log")
