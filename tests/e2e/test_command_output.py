"""Output that cannot go where it should: no traceback, whatever the terminal is."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.store.agent_store import AgentStore
from support.programs import environment
from support.sites import write_site

ODD = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "latin-1"},
]


@pytest.fixture
def status(tmp_path: Path) -> list[str]:
    """`status` of an agent that was stopped: it says what ASCII cannot."""
    site = write_site(tmp_path)
    AgentStore.open(tmp_path / "state", site="prova", clock=SystemClock()).close()
    return [sys.executable, "-m", "scudo_agent", "status", "--site", str(site)]


def buffered(**changes: str) -> dict[str, str]:
    """The environment of a person's shell, where output waits in a buffer."""
    kept = {k: v for k, v in environment().items() if k != "PYTHONUNBUFFERED"}
    return {**kept, **changes}


@pytest.mark.parametrize("odd", ODD)
def test_a_terminal_without_our_letters(status: list[str], odd: dict[str, str]) -> None:
    done = subprocess.run(
        status, capture_output=True, timeout=60, check=False, env=buffered(**odd)
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"prova" in done.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_left(status: list[str], unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            status,
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            env=buffered(PYTHONUNBUFFERED=unbuffered),
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_disk_without_room(status: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            status,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            env=buffered(),
        )
    (line,) = done.stderr.decode().splitlines()
    assert (done.returncode, line) == (
        1,
        "the output cannot be written: No space left on device",
    )


@pytest.mark.parametrize("said", ["[]", "{", '{"pid": %d}', '{"pid": %d000000000000}'])
def test_a_damaged_word_of_where_the_agent_is(
    status: list[str], tmp_path: Path, said: str
) -> None:
    text = said % os.getpid() if "%" in said else said
    (tmp_path / "state" / "agent.json").write_text(text)
    done = subprocess.run(
        status, capture_output=True, timeout=60, check=False, env=buffered()
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_while_the_command_is_loaded(tmp_path: Path) -> None:
    """The first module that a command loads interrupts, as Ctrl-C there does."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import importlib.abc, os, signal, sys\n"
        "class Finder(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'scudo_agent.cli.run':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "scudo_agent", "run", "site.yaml"],
        capture_output=True,
        timeout=60,
        check=False,
        env=buffered(PYTHONPATH=str(hook)),
        # Who runs the tests in the background may have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, b"")
