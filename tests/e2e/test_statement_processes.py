"""Two processes: what the desk states is what the agent's `uptime` shows."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.contract.exact import loads
from scudo_agent.demo.servers import Servers, break_web, mend_web
from scudo_agent.demo.site import DemoSite
from support.patience import wait_until
from support.programs import Program, call
from support.remote_desk import LIMIT_S, get, prepare_remote, running_desk


@pytest.fixture
def demo(tmp_path: Path) -> DemoSite:
    return prepare_remote(tmp_path / "demo")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _state(demo: DemoSite) -> str | None:
    document = get(f"http://127.0.0.1:{demo.ports.metrics}/status")
    states = {one["check"]: one["state"] for one in (document or {}).get("checks", ())}
    return states.get("web/http")


def _history(body: dict[str, Any]) -> list[tuple[str, str]]:
    """What is known, in order; unknown time before and after is cut off."""
    found = [(one["t"], one["state"]) for one in body["inputs"]["history"]]
    while found and found[0][1] == "unknown":
        del found[0]
    return found[:-1]


@pytest.mark.chaos
def test_the_desk_states_what_the_agent_counted(
    demo: DemoSite, stack: ExitStack, tmp_path: Path
) -> None:
    """Over a desk that is killed, and an agent that is killed and comes back."""
    desk = stack.enter_context(running_desk(demo))
    stack.enter_context(Servers(demo).start())
    metrics = f"127.0.0.1:{demo.ports.metrics}"
    command = ("run", str(demo.site_path), "--metrics", metrics)
    agent = stack.enter_context(closing(Program(*command)))
    assert wait_until(lambda: _state(demo) == "up", limit_s=LIMIT_S), agent.text()
    desk.end(signal.SIGKILL)
    break_web(demo)
    assert wait_until(lambda: _state(demo) == "down", limit_s=LIMIT_S), agent.text()
    mend_web(demo)
    assert wait_until(lambda: _state(demo) == "up", limit_s=LIMIT_S), agent.text()
    agent.end(signal.SIGKILL)
    agent = stack.enter_context(closing(Program(*command)))
    assert wait_until(lambda: _state(demo) == "up", limit_s=LIMIT_S), agent.text()
    stack.enter_context(running_desk(demo))

    where = ("--site", str(demo.site_path))
    stated, own = tmp_path / "desk.json", tmp_path / "own.json"
    month = loads(call("uptime", *where, "--json").stdout)[0]["at"][:7]

    def told() -> bool:
        own.unlink(missing_ok=True)  # a statement is never overwritten
        call("statement", *where, "--month", month, "--json", str(stated))
        call("uptime", *where, "--month", month, "--statement", str(own))
        here, there = (loads(path.read_bytes()) for path in (own, stated))
        return len(_history(here)) >= 4 and _history(here) == _history(there)

    assert wait_until(told, limit_s=2 * LIMIT_S), agent.text()
    here, there = (loads(path.read_bytes()) for path in (own, stated))
    mine, theirs = (one["figures"][0]["month"]["seconds"] for one in (here, there))
    assert mine["down"] == theirs["down"] > 0
    assert mine["down_counted"] == theirs["down_counted"]
    call("contract", "uptime", "--verify", str(stated))
    assert "it is not closed yet" in call(
        "statement", *where, "--month", month, "--html", str(tmp_path / "s.html")
    ).stdout  # fmt: skip
    assert "<svg" in (tmp_path / "s.html").read_text("utf-8")
    assert "nothing was stated yet" in call("statement", *where).stdout
