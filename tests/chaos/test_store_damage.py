"""Damaged stores (A6, A7): never accepted silently, and always started again."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from scudo_agent.dbfile import backup
from scudo_agent.instant import Instant
from scudo_agent.model import State
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.backup import AGENT
from scudo_agent.store.damage import Loss, losses
from scudo_agent.store.values import Liveness, Write
from support.committing import CYCLE, write_of
from support.storing import T0, StoppedClock, opened

pytestmark = pytest.mark.chaos

SEED = int(os.environ.get("SCUDO_DAMAGE_SEED", "20261122"))
COUNT = int(os.environ.get("SCUDO_DAMAGES", "40"))
WRITES, BEFORE_BACKUP = 120, 40
PAGE = 4096
FAR = Instant(1 << 60)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a past, closed cleanly; a backup of a third of it beside it."""
    folder = tmp_path_factory.mktemp("template") / "state"
    store = opened(folder)
    for number in range(WRITES):
        store.commit(write_of(number)).result()
        if number == BEFORE_BACKUP:
            place = backup.default_place(folder, AGENT, T0)
            backup.take(folder / "agent.db", place, AGENT, at=T0)
    alive = Liveness(
        at=T0, wall=T0, mono_us=1, boot_id="b", offset_us=0, pid=1, clean=T0
    )
    store.commit(Write(liveness=alive)).result()
    store.close()
    return folder


def flips(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def one_page_of_noise(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data) // PAGE) * PAGE
    data[start : start + PAGE] = rng.randbytes(PAGE)


def one_page_of_zeros(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(1, len(data) // PAGE) * PAGE
    data[start : start + PAGE] = bytes(PAGE)


def cut_at_a_page(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data) // PAGE) * PAGE :]


def cut_anywhere(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(1, len(data)) :]


def two_pages_changed_places(data: bytearray, rng: random.Random) -> None:
    one, other = rng.sample(range(1, len(data) // PAGE), 2)
    first, second = (
        slice(one * PAGE, (one + 1) * PAGE),
        slice(other * PAGE, (other + 1) * PAGE),
    )
    data[first], data[second] = data[second], data[first]


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flips,
    one_page_of_noise,
    one_page_of_zeros,
    cut_at_a_page,
    cut_anywhere,
    two_pages_changed_places,
)


@dataclass(frozen=True)
class Found:
    """What a store holds after it was started again."""

    losses: tuple[Loss, ...]
    head: int
    changes: dict[str, str]
    unknown: int


def start(folder: Path) -> Found:
    """Start on it, look, stop."""
    store: AgentStore = opened(folder)
    try:
        told = store.reader.read(losses)
        changes = {
            check: str(points[0].state)  # type: ignore[union-attr]
            for check, points in store.reader.timelines(Instant(0), FAR).items()
        }
        rows = store.pending(limit=10_000)
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        unknown = sum(
            points[-1].state is State.UNKNOWN  # type: ignore[union-attr]
            for points in store.reader.timelines(Instant(0), FAR).values()
        )
        return Found(told, store.head()[0], changes, unknown)
    finally:
        store.close()


@pytest.mark.parametrize("number", range(COUNT))
def test_no_damage_is_accepted_silently_and_it_starts_again(
    template: Path, tmp_path: Path, number: int
) -> None:
    rng = random.Random(SEED * 1_000 + number)
    print(f"seed {SEED}, number {number}")
    folder = tmp_path / "state"
    shutil.copytree(template, folder)
    path = folder / "agent.db"
    data = bytearray(path.read_bytes())
    damage = DAMAGES[number % len(DAMAGES)]
    damage(data, rng)
    if bytes(data) == path.read_bytes():
        pytest.fail("nothing was damaged")
    path.write_bytes(data)
    found = start(folder)
    assert len(found.losses) == 1, f"{damage.__name__} was not noticed"
    (loss,) = found.losses
    assert (folder / loss.aside).read_bytes() == bytes(data), "evidence is kept as is"
    assert loss.since is not None, "the backup was used"
    assert found.head >= BEFORE_BACKUP, "what the backup has is there"
    assert {f"c/{n}" for n in range(BEFORE_BACKUP)} <= set(found.changes)
    if loss.lost == 0:
        assert len(found.changes) == WRITES
        assert found.head == WRITES
    elif len(found.changes) < WRITES:
        assert found.unknown, "what was not read is unknown, not as it was before"
    again = start(folder)
    assert again.losses == found.losses, "sound from then on"
    assert again.head == found.head


def test_without_a_backup_what_can_be_read_is_kept(
    template: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    shutil.copytree(template, folder)
    shutil.rmtree(folder / "backups")
    path = folder / "agent.db"
    os.truncate(path, path.stat().st_size - PAGE)
    found = start(folder)
    (loss,) = found.losses
    assert loss.since is None
    assert loss.kept > 0
    assert found.head > 0


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """The files of a store as a kill leaves them: its WAL is there."""
    folder = tmp_path / "running"
    store = opened(folder)
    for number in range(2 * len(CYCLE)):
        store.commit(write_of(number)).result()
    left = tmp_path / "left"
    left.mkdir()
    for name in ("agent.db", "agent.db-wal", "agent.db.mark"):
        shutil.copy(folder / name, left / name)
    yield left
    store.close()


def test_a_killed_store_is_no_damaged_one(killed: Path) -> None:
    found = start(killed)
    assert found.losses == ()
    assert found.head == 2 * len(CYCLE)


def test_a_deleted_wal_is_noticed(killed: Path) -> None:
    (killed / "agent.db-wal").unlink()
    found = start(killed)
    (loss,) = found.losses
    assert loss.why == "its WAL is missing"
    assert (killed / loss.aside).exists()


def test_a_torn_wal_loses_only_what_was_not_acknowledged(killed: Path) -> None:
    wal = killed / "agent.db-wal"
    whole = wal.stat().st_size
    os.truncate(wal, whole - 100)
    found = start(killed)
    assert found.head in (2 * len(CYCLE) - 1, 2 * len(CYCLE))


def test_a_kill_in_the_middle_of_making_it_anew_is_made_good(
    template: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    shutil.copytree(template, folder)
    path = folder / "agent.db"
    os.truncate(path, path.stat().st_size - PAGE)
    (folder / "agent.db.rebuilt").write_bytes(b"half")
    (folder / "agent.db.salvage").mkdir()
    found = start(folder)
    assert len(found.losses) == 1
    assert not (folder / "agent.db.salvage").exists()


def test_a_damaged_backup_is_passed_over(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    shutil.copytree(template, folder)
    (good,) = backup.known(folder, AGENT)
    later = backup.default_place(folder, AGENT, Instant(T0 + 60_000_000))
    shutil.copy(good, later)
    shutil.copy(backup.manifest_of(good), backup.manifest_of(later))
    data = bytearray(later.read_bytes())
    data[len(data) // 2] ^= 4
    later.write_bytes(data)
    assert backup.newest(folder, AGENT) == good
    os.truncate(folder / "agent.db", PAGE)
    (loss,) = start(folder).losses
    assert loss.since == backup.read_manifest(good).at


def test_the_store_of_another_site_is_left_alone_damaged_or_not(
    template: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    shutil.copytree(template, folder)
    with closing(sqlite3.connect(folder / "agent.db")) as db, db:
        db.execute("UPDATE meta SET value = 'acme-roma' WHERE key = 'site'")
    before = sorted(one.name for one in folder.iterdir())
    with pytest.raises(Exception, match="store of site 'acme-roma', not"):
        AgentStore.open(folder, site="acme-milano", clock=StoppedClock(), inline=True)
    assert sorted(one.name for one in folder.iterdir()) >= before
