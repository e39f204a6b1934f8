"""Agent and desk are killed at system calls of a lifecycle: one ticket, each mail.

A real agent, a desk by itself, a mail server; `strace` kills at a call that was
counted in an undisturbed lifecycle before. A point that hit nothing does not count.
"""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from support.kill_points import (
    Kills,
    Point,
    check,
    counted,
    drawn,
    every,
    killed,
    lifecycle,
    struck,
)
from support.proof_rig import Rig
from support.smtp_server import smtp_server

pytestmark = pytest.mark.chaos

WANTED = 40
PROMPT_S = 10.0
"""From a fault to its accepted mail, while both programs are there."""
AT_ONCE = 3
ROUNDS = 2
"""At most so many. Each trial has twenty tries; few of them hit nothing."""


@contextmanager
def running(folder: Path) -> Iterator[Rig]:
    with smtp_server() as box, closing(Rig(folder, box.taken, smtp=box.port)) as rig:
        rig.start()
        yield rig


def trial(folder: Path, points: list[Point], seed: int) -> Kills:
    """Two lifecycles full of kills, and the checker."""
    rng = random.Random(seed)
    with running(folder) as rig:
        kills = Kills()
        for service in ("s1", "s2"):
            kills.add(killed(rig, service, drawn(points, rng)))
        check(rig, kills)
        return kills


def random_trial(folder: Path, seed: int) -> Kills:
    """Two lifecycles with kills at random instants, and the checker."""
    rng = random.Random(seed)
    with running(folder) as rig:
        kills = Kills()
        for service in ("s1", "s2"):
            kills.add(struck(rig, service, rng))
        check(rig, kills)
        return kills


def test_kills_at_counted_points_leave_one_ticket_and_each_mail(
    tmp_path: Path,
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    with running(tmp_path / "count") as rig:
        lifecycle(rig, "s1")
        points = every(counted(rig, "s2", tmp_path))
    assert len({one.step for one in points}) == 5
    assert {one.program for one in points} == {"agent", "desk"}
    done: list[Kills] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for turn in range(ROUNDS):
            numbers = range(turn * AT_ONCE, (turn + 1) * AT_ONCE)
            folders = [tmp_path / f"trial{number}" for number in numbers]
            seeds = [seed + number for number in numbers]
            done += pool.map(trial, folders, [points] * AT_ONCE, seeds)
            if len({one for kills in done for one in kills.hit}) >= WANTED:
                break
    hit = {one for kills in done for one in kills.hit}
    back = [one for kills in done for one in kills.back_s]
    told = [one for kills in done for one in kills.told_s]
    print(
        f"{len(hit)} points hit of {len(points)} counted,"
        f" {sum(len(kills.missed) for kills in done)} tries hit nothing;"
        f" back in {max(back):.1f} s, mailed after {max(told):.1f} s at most;"
        f" {sum(kills.repeats for kills in done)} mails came again"
    )
    assert len(hit) >= WANTED
    # Fewer than a hundred openings: the slowest stands for the 99th of them.
    assert max(told) <= PROMPT_S
