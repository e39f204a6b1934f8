"""The power goes while the agent's store commits: what was acknowledged is there.

A recorded run of the agent's own store, and what the disk may hold at any instant
of it (`support.crash_images`). The same with a store that syncs less than it
promises must find losses: else the test would prove nothing.
"""

import random
from pathlib import Path

import pytest

from support.crash_images import File, Op, lay, record, survivors
from support.storing import opened

pytestmark = pytest.mark.chaos

IMAGES = 300
CONTROL = 60
WRITES = 240


def lost(folder: Path, images: int, seed: int, *extra: str) -> tuple[int, int]:
    """How many images lack something acknowledged, and how many events in all."""
    recording = record(folder, WRITES, *extra)
    bad = events = 0
    for number, (image, acked) in enumerate(
        recording.crashes(images, random.Random(seed))
    ):
        there = survivors(image, folder / "image")
        bad += not acked <= there
        events += len(acked - there)
        assert there == set(range(1, len(there) + 1)), "a hole in the stream"
        if not extra and number % 30 == 0:
            # The agent itself opens it, and counts on from what is there.
            lay(image, folder / "image")
            store = opened(folder / "image")
            assert store.head()[0] == len(there)
            store.close()
            assert not list((folder / "image").glob("*damaged*")), "it is whole"
    return bad, events


def test_no_power_loss_takes_what_was_acknowledged(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    bad, events = lost(tmp_path, IMAGES, seed)
    print(f"{bad} of {IMAGES} images lost {events} acknowledged events")
    assert (bad, events) == (0, 0)


def test_a_store_that_syncs_less_is_found_out(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    bad, events = lost(tmp_path, CONTROL, seed, "NORMAL")
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
