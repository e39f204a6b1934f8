"""The agent is killed while it commits: what was acknowledged is there.

A `kill` leaves the page cache, so this shows that every commit is whole or absent
and that a restart counts on; losing what was never synced needs crash images.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scudo_agent.instant import Instant
from scudo_agent.store import engine
from scudo_agent.store.agent_store import AgentStore
from support.storing import opened

pytestmark = pytest.mark.chaos

CHILD = Path(__file__).parents[1] / "support" / "committing.py"
FAR = Instant(1 << 60)


def command(folder: Path, count: int) -> list[str]:
    """The process that commits."""
    return [sys.executable, str(CHILD), str(folder), str(count)]


def traced(folder: Path, count: int, inject: str) -> list[str]:
    """The same under strace, which spoils one system call."""
    strace = shutil.which("strace")
    assert strace, "strace is needed (Debian: apt-get install strace)"
    calls = inject.partition(":")[0]
    options = ["-f", "-o", "/dev/null", "-e", f"trace={calls}"]
    return [strace, *options, "-e", f"inject={inject}", *command(folder, count)]


def run(words: list[str]) -> tuple[int, list[str]]:
    """Run it to its end; its exit code and what it said."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def acked(lines: list[str]) -> set[int]:
    """Numbers that the process was told are stored."""
    return {int(line.split()[1]) for line in lines if line.startswith("ack")}


def check(folder: Path, known: set[int]) -> int:
    """Reopen; nothing acknowledged is missing, nothing is half there."""
    store: AgentStore = opened(folder)
    try:
        head, _ = store.head()
        rows = store.pending(limit=100_000)
        assert [row.seq for row in rows] == list(range(1, head + 1))
        assert known <= {row.seq for row in rows}
        revs: dict[str, int] = {}
        for row in rows:
            revs[row.incident_id] = revs.get(row.incident_id, 0) + 1
            assert row.rev == revs[row.incident_id]
            assert json.loads(row.body)["seq"] == row.seq
        changes = store.reader.timelines(Instant(0), FAR)
        assert set(changes) == {f"c/{number}" for number in range(head)}
        incidents = {one.incident_id: one.rev for one in store.reader.incidents()}
        assert incidents == revs
        return head
    finally:
        store.close()


def test_kill_at_a_random_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    known: set[int] = set()
    for _ in range(4):
        with subprocess.Popen(
            command(tmp_path, 30_000), stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(rng.randint(1, 90))]
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.readlines()
            assert child.wait(10) == -signal.SIGKILL
        known |= acked([line for line in lines if line.endswith("\n")])
        check(tmp_path, known)
    assert len(known) >= 4


@pytest.mark.parametrize(
    ("call", "turns"),
    [("fdatasync,fsync", (1, 7, 2, 4, 5)), ("pwrite64", (3, 70, 12, 60, 85))],
)
def test_kill_at_a_system_call_loses_nothing_acknowledged(
    tmp_path: Path, call: str, turns: tuple[int, ...]
) -> None:
    known: set[int] = set()
    killed = 0
    for turn in turns:
        code, lines = run(traced(tmp_path, 15, f"{call}:signal=KILL:when={turn}"))
        killed += code == -signal.SIGKILL or code == 128 + signal.SIGKILL
        assert code == 0 or "end" not in lines
        known |= acked(lines)
        check(tmp_path, known)
    assert killed >= 4, f"only {killed} of {len(turns)} turns came: choose others"


@pytest.mark.parametrize("turn", range(4, 9))
def test_after_a_sync_that_failed_nothing_more_is_written(
    tmp_path: Path, turn: int
) -> None:
    opened(tmp_path).close()
    code, lines = run(traced(tmp_path, 30, f"fdatasync,fsync:error=EIO:when={turn}"))
    assert code == 0
    assert lines.count("end") == 1
    said = lines[:-1]
    good = acked(lines)
    assert sorted(good) == list(range(1, len(good) + 1))
    first_lost = said.index("lost") if "lost" in said else len(said)
    assert set(said[first_lost:]) <= {"lost"}, "it went on with a suspect file"
    # Opening it anew may find the refused group whole, or not at all: never a part.
    head = check(tmp_path, good)
    assert head in (len(good), len(good) + 3)


def test_the_kernel_shows_what_the_disk_may_not_have_so_it_is_written_again(
    tmp_path: Path,
) -> None:
    # A refused sync leaves a WAL; whoever opens the store next must not append to it.
    opened(tmp_path).close()
    run(traced(tmp_path, 30, "fdatasync,fsync:error=EIO:when=4+"))
    wal = tmp_path / "agent.db-wal"
    assert wal.stat().st_size, "the store could not be brought in order at its end"
    connection = engine.open_writer(tmp_path / "agent.db")
    try:
        assert wal.stat().st_size == 0
    finally:
        connection.close()


@pytest.mark.parametrize("when", ["20", "20+3"])
def test_a_full_disk_at_a_write_fails_that_commit_alone(
    tmp_path: Path, when: str
) -> None:
    opened(tmp_path).close()
    code, lines = run(traced(tmp_path, 30, f"pwrite64:error=ENOSPC:when={when}"))
    assert code == 0
    assert "lost" in lines
    assert check(tmp_path, acked(lines)) == len(acked(lines))
