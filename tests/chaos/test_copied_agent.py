"""An agent whose state was copied, both copies running (`reliability.md` A9)."""

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.control import ask
from scudo_agent.demo.servers import Servers, break_web
from scudo_agent.demo.site import DemoSite
from support.patience import wait_until
from support.programs import Program, call, data
from support.remote_desk import LIMIT_S, get, prepare_remote, running_desk


@pytest.fixture
def demo(tmp_path: Path) -> DemoSite:
    return prepare_remote(tmp_path / "demo")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def status(state: Path) -> dict[str, Any]:
    try:
        url = json.loads((state / "agent.json").read_text())["metrics"]
    except (OSError, ValueError):
        return {}
    return get(f"{url}/status") or {}


def error(state: Path) -> str:
    """Why its delivery does not go on; empty while it does."""
    found = status(state).get("desk", {}).get("error")
    return str(found["id"]) if found else ""


def connected(state: Path) -> bool:
    return bool(status(state).get("desk", {}).get("connected"))


def outages(demo: DemoSite) -> list[str]:
    """The service's tickets; the certificate's warning is another one."""
    tickets = data("tickets", "--site", str(demo.site_path))
    return [t["condition"] for t in tickets if t["subject"] == "service:sito"]


@pytest.mark.chaos
def test_both_are_frozen_and_the_one_that_stays_is_let_in_again(
    demo: DemoSite, stack: ExitStack
) -> None:
    desk = stack.enter_context(running_desk(demo))
    stack.enter_context(Servers(demo).start())
    first, second = demo.folder / "state", demo.folder / "copied"

    def start(state: Path) -> Program:
        words = (str(demo.site_path), "--metrics", "127.0.0.1:0", "--state", str(state))
        program = stack.enter_context(closing(Program("run", *words)))
        assert wait_until(lambda: connected(state), limit_s=LIMIT_S), program.text()
        return program

    agent = start(first)
    assert agent.end(signal.SIGTERM) == 0
    shutil.copytree(first, second)
    agent, copy = start(first), start(second)

    def frozen() -> bool:
        for state in (first, second):
            ask(state, {"do": "greet"})
        return all("identity" in error(state) for state in (first, second))

    assert wait_until(frozen, limit_s=LIMIT_S), desk.text()
    break_web(demo)

    def down() -> bool:
        checks = (status(state)["checks"] for state in (first, second))
        return all("down" in [c["state"] for c in found] for found in checks)

    assert wait_until(down, limit_s=LIMIT_S), "they go on probing"
    assert outages(demo) == []

    assert copy.end(signal.SIGTERM) == 0
    done = call(*("desk", "unfreeze", "demo/demo/1", "--settings", str(demo.desk_path)))
    assert done.returncode == 0, done.stderr

    def told() -> bool:
        ask(first, {"do": "greet"})
        return outages(demo) == ["bad"]

    assert wait_until(told, limit_s=LIMIT_S), desk.text()
    assert agent.end(signal.SIGTERM) == 0
