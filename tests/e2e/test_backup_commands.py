"""Backups of a running agent with its desk, put back by people."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.programs import call
from support.real_agent import RealAgent


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RealAgent]:
    with closing(RealAgent(tmp_path)) as agent:
        yield agent


def test_both_are_backed_up_while_they_run_and_put_back(agent: RealAgent) -> None:
    agent.start()
    agent.until_state("up")
    site = str(agent.site)
    running = call("restore", "no.backup.db", "--site", site)
    assert running.returncode == 1
    saved = agent.folder / "kept" / "agent.backup.db"
    done = call("backup", site, "--to", str(saved))
    assert done.returncode == 0, done.stderr
    assert "verified" in done.stdout
    kept = agent.folder / "kept" / "desk.backup.db"
    done = call("desk", "backup", site, "--to", str(kept))
    assert done.returncode == 0, done.stderr
    refused = call("restore", str(saved), "--site", site)
    assert refused.returncode == 1
    assert "another agent" in refused.stderr
    agent.erp.close()
    first = agent.until_ticket("bad")
    agent.erp.open()
    agent.until_ticket("recovered")
    assert agent.end() == 0

    # The agent's store of before the incident: the desk knows it, and keeps it.
    done = call("restore", str(saved), "--site", site)
    assert done.returncode == 0, done.stderr
    assert "new epoch" in done.stdout
    assert len(list(agent.state.glob("agent.db.replaced-*"))) == 1
    agent.start()
    agent.until_state("up")
    assert agent.until_ticket("recovered")["ref"] == first["ref"]
    agent.erp.close()
    agent.until(lambda: len(agent.tickets()) >= 1, "it goes on")
    agent.until_state("down")
    agent.erp.open()
    agent.until_state("up")
    agent.until(lambda: _waiting(agent) == 0, "all is told")
    refs = {ticket["ref"] for ticket in agent.tickets()}
    assert agent.end() == 0

    # The desk of before all incidents: the agent tells it again what it knows. Of
    # the first one no copy was left: both were taken before it.
    known = refs - {first["ref"]} or refs
    done = call("desk", "restore", site, "--from", str(kept))
    assert done.returncode == 0, done.stderr
    agent.start()
    agent.until(
        lambda: known <= {ticket["ref"] for ticket in agent.tickets()},
        "the desk is refilled",
    )
    assert agent.end() == 0
    assert "Traceback" not in agent.log.read_text()


def _waiting(agent: RealAgent) -> int:
    status = agent.status()
    assert status is not None
    return int(status["desk"]["waiting"])


def test_what_cannot_be_put_back_changes_nothing(agent: RealAgent) -> None:
    agent.start()
    agent.until_state("up")
    assert agent.end() == 0
    site = str(agent.site)
    saved = agent.folder / "agent.backup.db"
    assert call("backup", site, "--to", str(saved)).returncode == 0
    before = (agent.state / "agent.db").read_bytes()
    manifest = agent.folder / "agent.backup.json"
    said = json.loads(manifest.read_text())

    def refused(words: str) -> None:
        done = call("restore", str(saved), "--site", site)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert words in line
        assert (agent.state / "agent.db").read_bytes() == before

    for change, words in (
        ({"owner": "acme-roma"}, "backup of site 'acme-roma'"),
        ({"what": "desk"}, "backup of a desk"),
        ({"schema": "999"}, "later scudo-agent wrote it"),
        ({"sha256": "0" * 64}, "another hash"),
        ({"bytes": 5}, "not as long"),
    ):
        manifest.write_text(json.dumps({**said, **change}))
        refused(words)
    manifest.write_text("{")
    refused("no manifest")
    manifest.unlink()
    refused("cannot be read")
    manifest.write_text(json.dumps(said))
    os.truncate(saved, saved.stat().st_size - 4096)
    refused("not as long")


def test_a_damaged_store_and_desk_start_again_and_say_so(agent: RealAgent) -> None:
    agent.start()
    agent.until_state("up")
    site = str(agent.site)
    assert call("desk", "backup", site).returncode == 0
    agent.erp.close()
    ticket = agent.until_ticket("bad")
    assert call("backup", site).returncode == 0
    agent.end(signal.SIGKILL)
    for name in ("agent.db", "desk.db"):
        path = agent.state / name
        for extra in ("-wal", "-shm"):
            path.with_name(name + extra).unlink(missing_ok=True)
        data = bytearray(path.read_bytes())
        for start in range(4096, len(data), 4096):
            data[start : start + 64] = os.urandom(64)
        path.write_bytes(data)
    agent.start()
    agent.until_ticket("bad")
    assert agent.ticket()["ref"] == ticket["ref"], "the same ticket number"
    status = agent.status()
    assert status is not None
    (loss,) = status["store_losses"]
    assert "is kept as agent.db.damaged-" in loss
    assert "scudo_store_damaged_total" in agent.metrics()
    assert len(list(agent.state.glob("desk.db.damaged-*"))) >= 1
    doctor = call("doctor", "--site", site)
    assert "the store was damaged" in doctor.stdout
    agent.erp.open()
    agent.until_ticket("recovered")
    assert agent.end() == 0
    with closing(sqlite3.connect(agent.state / "desk.db")) as db:
        kinds = [row[0] for row in db.execute("SELECT kind FROM security_event")]
    assert "database_damaged" in kinds


def test_a_desk_without_a_backup_does_not_begin_empty_by_itself(
    agent: RealAgent,
) -> None:
    agent.start()
    agent.until_state("up")
    assert agent.end() == 0
    path = agent.state / "desk.db"
    os.truncate(path, 4096)
    agent.start(wait=False)
    assert agent.running.wait(30) == 1
    assert "desk restore --empty" in agent.log.read_text()
    site = str(agent.site)
    done = call("desk", "restore", site)
    assert done.returncode == 2
    done = call("desk", "restore", site, "--empty")
    assert done.returncode == 0, done.stderr
    agent.start()
    agent.until_state("up")
    assert agent.tickets() == []
    assert agent.end() == 0
