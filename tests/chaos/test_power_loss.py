"""The power goes while a store commits: what was acknowledged is there.

A recorded run of the agent's own store, and of a desk with its API, and what the disk
may hold at any instant of it (`support.crash_images`). The same with a store that
syncs less than it promises must find losses: else the test would prove nothing.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import crash_images, desk_committing
from support.crash_images import File, Op, lay, record
from support.storing import opened

pytestmark = pytest.mark.chaos

IMAGES = 150
"""Of each store."""
CONTROL = 40


def _agent_opens(image: Path, count: int) -> None:
    """The agent itself opens it, and counts on from what is there."""
    store = opened(image)
    assert store.head()[0] == count
    store.close()
    assert not list(image.glob("*damaged*")), "it is whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Whose store: how it is recorded, read after the loss, and opened again."""

    words: tuple[str, ...]
    writes: int
    survivors: Callable[[Path], set[int]]
    opens: Callable[[Path, int], None]


KINDS = {
    "agent": Kind(
        words=(), writes=240, survivors=crash_images.survivors, opens=_agent_opens
    ),
    "desk": Kind(
        words=("DESK",),
        writes=160,
        survivors=desk_committing.survivors,
        opens=desk_committing.opened,
    ),
}


def lost(
    folder: Path, name: str, images: int, seed: int, *extra: str
) -> tuple[int, int]:
    """How many images lack something acknowledged, and how many events in all."""
    kind = KINDS[name]
    recording = record(folder, kind.writes, *kind.words, *extra)
    bad = events = 0
    place = folder / "image"
    for number, (image, acked) in enumerate(
        recording.crashes(images, random.Random(seed))
    ):
        lay(image, place)
        there = kind.survivors(place)
        missing = set(range(1, max(acked, default=0) + 1)) - there
        bad += bool(missing)
        events += len(missing)
        assert there == set(range(1, len(there) + 1)), "a hole in the stream"
        if not extra and number % 30 == 0:
            lay(image, place)
            kind.opens(place, len(there))
    return bad, events


@pytest.mark.parametrize("name", KINDS)
def test_no_power_loss_takes_what_was_acknowledged(tmp_path: Path, name: str) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    bad, events = lost(tmp_path, name, IMAGES, seed)
    print(f"{name}: {bad} of {IMAGES} images lost {events} acknowledged events")
    assert (bad, events) == (0, 0)


@pytest.mark.parametrize("name", KINDS)
def test_a_store_that_syncs_less_is_found_out(tmp_path: Path, name: str) -> None:
    seed = random.randrange(1 << 32)
    bad, events = lost(tmp_path, name, CONTROL, seed, "NORMAL")
    print(f"seed {seed}: {bad} of {CONTROL} images lost {events} acknowledged events")
    assert bad > CONTROL / 10


def test_of_what_is_not_synced_each_sector_comes_or_not() -> None:
    file = File()
    file.pending = [Op("write", "x", b"a" * 1024, 0)]
    file.sync()
    file.pending = [Op("write", "x", b"b" * 1024, 256), Op("cut", "x", at=512)]
    assert file.image(random.Random(0), "none") == b"a" * 1024
    assert file.image(random.Random(0), "all") == b"a" * 256 + b"b" * 256
    rng = random.Random(1)
    found = {file.image(rng, "some") for _ in range(200)}
    # Three sectors that come or not, then a truncation that comes or not: what the
    # truncation leaves depends on the first sector alone.
    assert len(found) == 2**3 + 2
