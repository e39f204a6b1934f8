"""A whole agent as a process of its own, and what machines do to processes."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import groupby, pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from scudo_agent.instant import HOUR, SECOND, parse_instant
from support.patience import busy
from support.programs import call
from support.real_agent import RealAgent

pytestmark = pytest.mark.chaos

SUSPENDED_S = 18
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RealAgent]:
    with closing(RealAgent(tmp_path)) as agent:
        yield agent


def happened(ticket: dict[str, Any]) -> list[tuple[str, str]]:
    """What happened to a ticket and when, without its mails: those are the desk's."""
    found = [(str(entry["at"]), str(entry["kind"])) for entry in ticket["history"]]
    return [one for one in found if not one[1].startswith("mail")]


def kinds(ticket: dict[str, Any]) -> list[str]:
    """What happened to a ticket, in order; its time must never go back."""
    found = happened(ticket)
    assert found == sorted(found, key=lambda one: parse_instant(one[0]))
    return [kind for _, kind in found]


def status_of(agent: RealAgent) -> dict[str, Any]:
    """Its status document; it must answer."""
    status = agent.status()
    assert status is not None, agent.tail()
    return status


def test_a_stopped_process_raises_no_alarm_and_says_what_it_missed(
    agent: RealAgent,
) -> None:
    agent.start()
    agent.until_state("up", "crm/db")
    agent.until_state("up")
    agent.erp.close()
    agent.until_state("down")
    agent.until_ticket("bad")
    agent.send(signal.SIGSTOP)
    Event().wait(SUSPENDED_S)  # the length itself is what is tested
    agent.send(signal.SIGCONT)
    agent.until(lambda: status_of(agent)["not_measured_us"] > 0, "it notices")
    agent.until_state("up", "crm/db")
    gap_s = status_of(agent)["not_measured_us"] / SECOND
    # From its last sign of life until it was given the processor again.
    assert SUSPENDED_S - 1 <= gap_s < SUSPENDED_S + 3 * busy()
    agent.erp.open()
    ticket = agent.until_ticket("recovered")
    assert ticket["subject"] == "check:erp/db", "there is no other ticket"
    assert kinds(ticket) == ["first_failure", "open", "note", "note", "recover"]
    told = [entry["text"] for entry in ticket["history"]]
    assert f"agent back, not measured {gap_s:.0f} s" in told
    unknown = [re.search(r"down \d+ s \+ (\d+) s unknown$", text) for text in told]
    (length,) = (int(found[1]) for found in unknown if found)
    # Until each check's first observation after it.
    assert gap_s - 1 <= length < gap_s + 6 * busy()
    assert agent.end() == 0


def test_the_clock_is_set_by_an_hour_both_ways(agent: RealAgent) -> None:
    assert Path(FAKETIME).exists(), "faketime is needed (apt-get install faketime)"
    stamp = agent.folder / "faketime"

    def shift(offset: str) -> None:
        fresh = stamp.with_suffix(".new")
        fresh.write_text(f"{offset}\n")
        fresh.replace(stamp)

    shift("+0")
    agent.start(
        env={
            "LD_PRELOAD": FAKETIME,
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_TIMESTAMP_FILE": str(stamp),
        }
    )
    agent.until_state("up")

    def steps(direction: str) -> int:
        return int(status_of(agent)["clock"]["steps"][direction])

    before = parse_instant(status_of(agent)["at"])
    shift("+1h")
    agent.until(lambda: steps("forward") == 1, "the step forward is seen")
    agent.until_state("up")
    status = status_of(agent)
    assert abs(status["not_measured_us"] - HOUR) < 3 * busy() * SECOND
    assert parse_instant(status["at"]) - before >= HOUR
    agent.erp.close()
    agent.until_state("down")
    shift("+0")
    agent.until(lambda: steps("back") == 1, "the step back is seen")
    agent.erp.open()
    ticket = agent.until_ticket("recovered")
    assert kinds(ticket) == ["first_failure", "open", "recover"]
    status = status_of(agent)
    assert abs(status["clock"]["offset_us"] + HOUR) < 3 * busy() * SECOND
    assert agent.check("crm/db")["state"] == "up"
    assert agent.end() == 0


def mounted(agent: RealAgent, mount: str) -> None:
    """Start it with a small disk that is there for that process alone."""
    agent.state.mkdir()
    command = f'{mount} {agent.told_state} && exec "$0" "$@"'
    agent.start(before=("unshare", "-m", "sh", "-c", command), wait=False)
    # This is the way in.
    agent.state = Path(f"/proc/{agent.running.pid}/root{agent.told_state}")


def fill_up(path: Path) -> None:
    """Write until nothing more goes in."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


_STORED = """
import json, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
asked = 'SELECT since_us, state FROM check_change WHERE "check" = ? ORDER BY id'
print(json.dumps(db.execute(asked, ("erp/db",)).fetchall()))
"""


def stored_states(agent: RealAgent) -> list[str]:
    """What is stored of its check: every state, in time, none said twice or undone."""
    # Its disk is there for its own processes alone: this one looks from among them.
    words = ("nsenter", "-m", "-t", str(agent.running.pid), sys.executable, "-c")
    path = str(agent.told_state / "agent.db")
    done = subprocess.run([*words, _STORED, path], capture_output=True, check=True)
    rows = json.loads(done.stdout)
    assert rows == sorted(rows), "nothing is undone"
    states = [state for _, state in rows]
    assert all(one != other for one, other in pairwise(states)), "said twice"
    # A machine that is too slow for a check each second leaves some of it unknown.
    known = [state for state in states if state != "unknown"]
    return [state for state, _ in groupby(known)]


def test_a_full_disk_loses_nothing_and_is_told(agent: RealAgent) -> None:
    mounted(agent, "mount -t tmpfs -o size=4m tmpfs")
    agent.until_state("up")
    reserve = agent.state / "agent.reserve"
    kept = reserve.stat().st_size
    assert 2**18 <= kept <= 2**20, "a quarter of what is free"
    fill_up(agent.state / "fill")
    agent.erp.close()
    ticket = agent.until_ticket("bad")
    assert not reserve.exists(), "the last events live on it"
    status = status_of(agent)
    assert (status["store_error"], status["store_reserve_used"]) == (None, True)
    assert 'scudo_store_reserve_used{customer="acme",site="acme-milano"} 1' in (
        agent.metrics()
    )
    fill_up(agent.state / "more")  # now there is nothing left
    agent.erp.open()
    agent.until(lambda: bool(status_of(agent)["store_error"]), "it says so")
    assert "full" in status_of(agent)["store_error"]
    agent.until_state("up")
    agent.erp.close()  # an outage of which nothing is stored as long as it lasts
    agent.until_state("down")
    agent.erp.open()
    agent.until_state("up")
    assert agent.ticket()["condition"] == "bad", "what is not stored is not told"
    for name in ("fill", "more"):
        (agent.state / name).unlink()
    ticket = agent.until_ticket("recovered")
    assert stored_states(agent) == ["up", "down", "up", "down", "up"]
    agent.until(reserve.exists, "space is kept again")
    assert reserve.stat().st_size == kept
    status = status_of(agent)
    assert (status["store_error"], status["store_reserve_used"]) == (None, False)
    told = ["first_failure", "open", "recover", "reopen", "recover"]
    assert kinds(ticket) == told
    log = agent.log.read_text()
    assert log.count("is full") <= 4, "the log would fill the next disk"
    assert "there is space again" in log
    assert "takes commits again" in log
    assert "Traceback" not in log
    assert agent.end() == 0


def test_a_disk_that_turns_read_only_tells_nothing_that_is_not_stored(
    agent: RealAgent,
) -> None:
    image = agent.folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    mkfs = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin")
    assert mkfs, "mkfs.ext4 is needed (apt-get install e2fsprogs)"
    subprocess.run([mkfs, "-q", str(image)], check=True)
    mounted(agent, f"mount -o loop,errors=remount-ro {image}")
    agent.until_state("up")
    # As after an error of the disk itself: the kernel lets nobody write any more.
    trigger = Path("/sys/fs/ext4", device_of(agent)) / "trigger_fs_error"
    trigger.write_text("1")
    agent.erp.close()
    agent.until(lambda: bool(status_of(agent)["store_error"]), "it says so")
    agent.until(lambda: agent.check()["failing"] >= 5, "it goes on measuring")
    assert agent.check()["state"] == "down"
    assert agent.check("crm/db")["state"] == "up"
    assert agent.tickets() == [], "what is not stored is not told"
    log = agent.log.read_text()
    assert "Traceback" not in log
    assert log.count("refuses commits") == 1, "once, not at each commit"
    agent.end(signal.SIGTERM)


def device_of(agent: RealAgent) -> str:
    """The block device of its small disk."""
    mounts = Path(f"/proc/{agent.running.pid}/mounts").read_text().splitlines()
    (device,) = (
        one.split()[0] for one in mounts if one.split()[1] == str(agent.told_state)
    )
    return Path(device).name


def test_a_second_agent_is_refused_and_the_first_goes_on(agent: RealAgent) -> None:
    agent.start()
    agent.until_state("up")
    words = ("run", str(agent.site), "--state", str(agent.state))
    second = call(*words, "--metrics", "127.0.0.1:0")
    assert second.returncode == 1
    (line,) = second.stderr.splitlines()
    assert f"another agent (process {agent.running.pid}) uses this" in line
    agent.erp.close()
    agent.until_state("down")
    agent.until_ticket("bad")
    assert agent.end() == 0


def test_kill_in_an_outage_again_and_again_leaves_one_ticket(agent: RealAgent) -> None:
    agent.start()
    agent.until_state("up")
    agent.erp.close()
    agent.until(lambda: agent.check()["failing"] == 1, "the first failure")
    agent.end(signal.SIGKILL)
    agent.start()
    agent.until_state("down")
    agent.end(signal.SIGKILL)
    agent.start()
    agent.until_state("down")
    agent.until_ticket("bad")
    agent.end(signal.SIGKILL)
    agent.start()
    agent.until_state("down")
    agent.erp.open()
    ticket = agent.until_ticket("recovered")
    found = kinds(ticket)
    assert (found[:2], found[-1]) == (["first_failure", "open"], "recover")
    assert found.count("open") == 1
    assert set(found[2:-1]) == {"note"}
    status = status_of(agent)
    agent.until(lambda: status_of(agent)["desk"]["waiting"] == 0, "all is told")
    assert status["desk"]["connected"]
    assert "Traceback" not in agent.log.read_text()
    assert agent.end() == 0


def test_signals_while_it_starts_and_twice(agent: RealAgent) -> None:
    lock = agent.state / "agent.lock"
    for number in (signal.SIGTERM, signal.SIGINT):
        lock.unlink(missing_ok=True)
        agent.start(wait=False)
        agent.until(lock.exists, "it has the store")
        agent.send(number)
        assert agent.end(number) == 0, agent.tail()
        assert not (agent.state / "agent.json").exists()
    agent.start()
    agent.until_state("up")
    agent.send(signal.SIGTERM)
    assert agent.end(signal.SIGINT) == 0
    assert "Traceback" not in agent.log.read_text()
