"""The disk does not take a sync: agent and desk open their files anew (A3)."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.failing_disk import syncs_fail
from support.patience import patient
from support.real_agent import RealAgent

pytestmark = pytest.mark.chaos


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RealAgent]:
    with closing(RealAgent(tmp_path)) as agent:
        yield agent


@pytest.mark.parametrize("file", ["agent.db", "desk.db"])
def test_an_agent_opens_its_store_anew_and_has_one_ticket(
    agent: RealAgent, file: str, tmp_path: Path
) -> None:
    agent.start()
    agent.until_state("up")
    wal = agent.state / f"{file}-wal"
    with syncs_fail(agent.running.pid, wal, tmp_path / "trace"):
        agent.erp.close()
        agent.until(lambda: "a sync failed" in agent.log.read_text(), "it notices")
    agent.until(lambda: "opened anew, attempt 1" in agent.log.read_text(), "anew")
    agent.until_state("down")
    agent.until_ticket("bad")
    agent.erp.open()
    ticket = agent.until_ticket("recovered")
    told = [entry["kind"] for entry in ticket["history"]]
    assert told.count("open") == 1
    assert told.count("recover") == 1
    log = agent.log.read_text()
    assert f"{file}: a sync failed: disk I/O error" in log
    assert "Traceback" not in log
    assert agent.end() == 0


def test_an_agent_whose_disk_takes_no_sync_ends_with_one_line(
    agent: RealAgent, tmp_path: Path
) -> None:
    agent.start()
    agent.until_state("up")
    wal = agent.state / "agent.db-wal"
    with syncs_fail(agent.running.pid, wal, tmp_path / "trace"):
        agent.erp.close()
        assert agent.running.wait(timeout=patient(60)) == 1
    log = agent.log.read_text()
    said = [line for line in log.splitlines() if not line.startswith("{")]
    assert len(said) == 1, said
    assert f"{agent.state / 'agent.db'}: " in said[0]
    assert "Traceback" not in log
    agent.start()
    agent.until_ticket("bad")
    assert agent.end() == 0
