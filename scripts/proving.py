"""The long form of the proof in tests/chaos: the same faults, for as long as asked.

What was done is kept in a progress file after every round, so that a run that was
ended goes on with `--state`. 0: everything green so far; 1: a fault, whose files
are kept and named; 2: what was asked for cannot be done.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from chaos import (  # noqa: E402
    test_bad_lines,
    test_kill_points,
    test_offline,
    test_power_loss,
)
from support import kill_points  # noqa: E402
from support.offline import in_memory  # noqa: E402

GOALS = {"kill": 0.9, "random": 5_000, "power": 2_000, "proxy": 20_000, "offline": 1}
"""Share of the counted points, kills, images, incidents, times: then it is done."""

IMAGES = 200
INCIDENTS = 1_500

State = dict[str, Any]


def kill(state: State, folder: Path, seed: int) -> str:
    """One life of two services under kills, at points that were not hit yet."""
    if "points" not in state:
        with test_kill_points.running(folder / "count") as rig:
            kill_points.lifecycle(rig, "s1")
            counted = kill_points.counted(rig, "s2", folder)
        state["points"] = [list(astuple(p)) for p in kill_points.every(counted)]
    points = [kill_points.Point(*one) for one in state["points"]]
    hit = {kill_points.Point(*one) for one in state.get("hit", [])}
    left = [one for one in points if one not in hit]
    done = test_kill_points.trial(folder / "trial", left or points, seed)
    hit |= set(done.hit) & set(points)
    state["hit"] = sorted(list(astuple(one)) for one in hit)
    state["slowest_s"] = max([state.get("slowest_s", 0), *done.back_s])
    state["repeats"] = state.get("repeats", 0) + done.repeats
    state["done"] = len(hit) / len(points)
    return (
        f"{len(hit)} of {len(points)} points hit, back in"
        f" {state['slowest_s']:.1f} s at most, {state['repeats']} mails came again"
    )


def at_random(state: State, folder: Path, seed: int) -> str:
    """Two services' lives, with kills at random instants."""
    done = test_kill_points.random_trial(folder / "trial", seed)
    state["done"] = state.get("done", 0) + len(done.back_s)
    state["slowest_s"] = max([state.get("slowest_s", 0), *done.back_s])
    state["repeats"] = state.get("repeats", 0) + done.repeats
    return (
        f"{state['done']} kills, back in {state['slowest_s']:.1f} s at most,"
        f" {state['repeats']} mails came again"
    )


def offline(state: State, folder: Path, _seed: int) -> str:
    """72 hours of 1,000 checks without a desk, and the drain over a thin line."""
    with in_memory() as place:
        drained = test_offline.drain(test_offline.WHOLE, place / "rig")
    drained.check(test_offline.WHOLE)
    state["done"] = state.get("done", 0) + 1
    return str(drained)


def power(state: State, folder: Path, seed: int) -> str:
    """One recorded run and its crash images, of an agent's store and a desk in turn."""
    names = list(test_power_loss.KINDS)
    name = names[state.get("rounds", 0) % len(names)]
    bad, events = test_power_loss.lost(folder, name, IMAGES, seed)
    state["done"] = state.get("done", 0) + IMAGES
    assert not bad, f"{name}: {bad} images lost {events} acknowledged events"
    return f"{state['done']} images, nothing acknowledged is lost"


def proxy(state: State, folder: Path, seed: int) -> str:
    """Incidents through bad lines."""
    verdict, door, post = test_bad_lines.run(
        folder / "rig", INCIDENTS, seed, limit_s=1_200
    )
    assert not verdict.faults, str(verdict)
    state["done"] = state.get("done", 0) + INCIDENTS
    return f"{state['done']} incidents; {verdict}; {door.counts} {post.counts}"


ROUNDS: dict[str, Callable[[State, Path, int], str]] = {
    "kill": kill,
    "random": at_random,
    "power": power,
    "proxy": proxy,
    "offline": offline,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Rounds until the goal or the end of the time."""
    parser = argparse.ArgumentParser(prog="scripts/prove", description=__doc__)
    parser.add_argument("what", choices=[one for one in ROUNDS if one != "random"])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, help="of the first round")
    parser.add_argument("--state", type=Path, help="the progress file to go on with")
    parser.add_argument(
        "--random", action="store_true", help="kill at random instants, 5,000 times"
    )
    args = parser.parse_args(argv)
    if args.random:
        if args.what != "kill":
            parser.error("--random goes with 'kill'")
        args.what = "random"
    file = args.state or Path(f"prove-{args.what}.json")
    state: State = json.loads(file.read_text()) if file.exists() else {}
    if state.setdefault("what", args.what) != args.what:
        parser.error(f"{file} is of '{state['what']}'")
    state.setdefault("seed", args.seed or random.randrange(1 << 32))
    print(f"seed {state['seed']}, progress in {file}", flush=True)
    until = time.monotonic() + args.minutes * 60
    while time.monotonic() < until and state.get("done", 0) < GOALS[args.what]:
        seed = state["seed"] + state.setdefault("rounds", 0)
        folder = Path(tempfile.mkdtemp(prefix="prove-"))
        try:
            told = ROUNDS[args.what](state, folder, seed)
        except AssertionError as exc:
            print(f"round {seed}: {exc}\nits files: {folder}", flush=True)
            return 1
        state["rounds"] += 1
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(file)
        shutil.rmtree(folder)
        print(f"round {seed}: {told}", flush=True)
    reached = state.get("done", 0) >= GOALS[args.what]
    print("the goal is reached" if reached else "not yet at the goal: go on with it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
