"""An agent whose store is lost in the middle of an outage (`reliability.md` 1.7)."""

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.real_agent import RealAgent


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RealAgent]:
    with closing(RealAgent(tmp_path)) as agent:
        yield agent


def lose(agent: RealAgent) -> None:
    """Kill it and take its store away; the desk's stays."""
    agent.end(signal.SIGKILL)
    for file in agent.state.glob("agent.db*"):
        file.unlink()


def kinds(ticket: dict[str, Any]) -> list[str]:
    return [entry["kind"] for entry in ticket["history"]]


@pytest.mark.chaos
def test_what_recovered_meanwhile_is_told_with_the_outages_own_start(
    agent: RealAgent,
) -> None:
    agent.start()
    agent.until_state("up")
    agent.erp.close()
    before = agent.until_ticket("bad")
    lose(agent)
    agent.erp.open()

    agent.start()

    after = agent.until_ticket("recovered")
    assert after["ref"] == before["ref"]
    assert after["since"] == before["since"]
    assert kinds(after).count("open") == 1
    assert kinds(after).count("recover") == 1


@pytest.mark.chaos
def test_what_is_still_down_goes_on_in_its_ticket(agent: RealAgent) -> None:
    agent.start()
    agent.until_state("up")
    agent.erp.close()
    before = agent.until_ticket("bad")
    lose(agent)

    agent.start()
    agent.until_state("down")
    agent.until(lambda: "note" in kinds(agent.ticket()), "it says so")
    agent.erp.open()

    after = agent.until_ticket("recovered")
    assert after["ref"] == before["ref"]
    assert kinds(after).count("open") == 1


@pytest.mark.chaos
def test_a_store_from_a_backup_counts_on_from_what_the_desk_has_heard(
    agent: RealAgent, tmp_path: Path
) -> None:
    agent.start()
    agent.until_state("up")
    agent.end()
    backup = tmp_path / "backup"
    shutil.copytree(agent.state, backup)
    agent.start()
    agent.erp.close()
    before = agent.until_ticket("bad")
    agent.end(signal.SIGKILL)
    for file in agent.state.glob("agent.db*"):
        file.unlink()
    for file in backup.glob("agent.db*"):
        shutil.copy2(file, agent.state)
    agent.erp.open()

    agent.start()

    after = agent.until_ticket("recovered")
    assert after["ref"] == before["ref"]
    assert json.dumps(after).count('"kind": "open"') == 1
