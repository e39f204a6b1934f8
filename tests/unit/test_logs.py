"""Logs: a JSON object a line, whatever a device says."""

import json
import logging
import os
import sys
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
    assert file.stat().st_mode & 0o777 == 0o600


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


def test_a_disk_without_room_is_said_once_and_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up(file=Path("/dev/full"))
    for _ in range(3):
        logging.getLogger("x").warning("hello")
    # What is left in the buffer cannot be written either, when it is closed.
    with pytest.raises(OSError, match="No space left"):
        logging.getLogger().handlers[0].close()
    told = capsys.readouterr().err
    assert told == "/dev/full: cannot log: No space left on device\n"


def test_a_terminal_that_is_gone_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8", buffering=1) as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        logs.set_up()
        logging.getLogger("x").warning("hello")
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), gone.fileno())
    assert capsys.readouterr().err == ""
