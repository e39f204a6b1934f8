"""Kills in the middle of a reload: the store is as before it or as after it."""

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.model import State
from scudo_agent.store.agent_store import AgentStore
from support.real_agent import RealAgent

pytestmark = pytest.mark.chaos

ROUNDS = 6
TAKEN = "the site file was reloaded"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RealAgent]:
    with closing(RealAgent(tmp_path)) as one:
        yield one


def outcome(state: Path) -> str:
    """Which of the two it is; every table has to say the same."""
    store = AgentStore.open(state, site="acme-milano", clock=SystemClock())
    try:
        memory = store.load()
        known = {one.check for one in memory.checks}
        (row,) = store.reader.incidents()
        kinds = [one.kind for one in store.pending(limit=1000)]
        last = [
            one.state
            for one in store.reader.timelines(row.opened, memory.last_instant)["erp/db"]
            if hasattr(one, "state")
        ][-1:]
    finally:
        store.close()
    if "erp/db" in known:
        assert row.state.open
        assert "retire" not in kinds
        return "old"
    assert not row.state.open
    assert last == [State.UNKNOWN]
    return "new"


def _whole_s(agent: RealAgent) -> float:
    """Reload to the end; how long that took."""
    began, told = time.monotonic(), agent.log.read_text().count(TAKEN)
    agent.send(signal.SIGHUP)
    agent.until(lambda: agent.log.read_text().count(TAKEN) > told, TAKEN)
    return time.monotonic() - began


def _partly(agent: RealAgent, for_s: float) -> None:
    """Reload for so long: this long a wait is what the test is about."""
    agent.send(signal.SIGHUP)
    threading.Event().wait(for_s)


def test_a_kill_in_a_reload_leaves_the_old_or_the_new(agent: RealAgent) -> None:
    first = agent.site.read_text()
    lines = [line for line in first.splitlines() if not line.startswith("  erp:")]
    new = "\n".join(lines).replace("services:", "services: {}") + "\n"
    # Half of the checks go, which needs a yes: others make it less than a fifth.
    more = "".join(
        f"  t{n}: {{address: 127.0.0.1, checks: "
        f"{{db: {{tcp: {{port: {agent.crm.number}}}}}}}}}\n"
        for n in range(5)
    )
    first, new = (t.replace("services:", f"{more}services:") for t in (first, new))
    agent.site.write_text(first)
    agent.start()
    agent.until_state("up")
    agent.erp.close()
    ref = agent.until_ticket("bad")["ref"]
    agent.end(signal.SIGKILL)
    kept = agent.folder / "kept"
    shutil.copytree(agent.state, kept, ignore=shutil.ignore_patterns("agent.sock"))

    found, span_s = [], None
    for number in range(ROUNDS + 1):
        shutil.rmtree(agent.state)
        shutil.copytree(kept, agent.state)
        agent.site.write_text(first)
        agent.start()
        agent.site.write_text(new)
        if span_s is None:
            span_s = 1.5 * _whole_s(agent)
        else:
            _partly(agent, span_s * (number - 1) / (ROUNDS - 1))
        agent.end(signal.SIGKILL)
        found.append(outcome(agent.state))
    assert span_s is not None
    print(f"over {span_s * 1000:.0f} ms: {' '.join(found)}")
    assert {"old", "new"} == set(found)

    # Whatever the kill left: the next start goes by the file, and tells the desk.
    agent.start()
    assert agent.until_ticket("not_measured")["ref"] == ref
