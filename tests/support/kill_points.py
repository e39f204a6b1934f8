"""Where a program can be killed: at the Nth call of a kind by one of its threads.

`strace` counts the calls of each thread for itself, so a point names the thread:
the main one is 0, the others follow in the order of their making. What a kill
hits is decided by the kernel at the entry of the call, which then never happens.
"""

import random
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from support.patience import busy, patient, wait_until
from support.proof_rig import BACK_S, LIMIT_S, STEPS, Process, Rig

CALLS = (
    *("write", "writev", "pwrite64", "sendto", "sendmsg"),
    *("fsync", "fdatasync", "ftruncate"),
)
"""Every write, sync and send that the programs make."""

_ONE_AT_A_TIME = threading.Lock()
"""Trials side by side must not measure each other's restarts."""

_WITHIN_S = 2.0
"""A step takes about as long: a random kill comes within it."""

MAILS = {"end": "recover"}
"""The kind of mail that ends a step, where it is not named like it."""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """The `turn`-th `call` of thread number `thread` of `program` within `step`."""

    step: str
    program: str
    thread: int
    call: str
    turn: int


@dataclass(slots=True)
class Kills:
    """What became of the points that were tried."""

    hit: list[Point] = field(default_factory=list)
    missed: list[Point] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    """From the start to the first answer; on a busy machine divided by the load a core,
    or the program's processor time if that is less."""
    told_s: list[float] = field(default_factory=list)
    """From the cause of each opening to its accepted mail, without the time in which a
    killed program was being started again; divided likewise."""
    repeats: int = 0
    """Mails that the server had and a killed desk had not noted."""

    def add(self, more: "Kills") -> None:
        """What another lifecycle had."""
        self.hit += more.hit
        self.missed += more.missed
        self.back_s += more.back_s
        self.told_s += more.told_s
        self.repeats += more.repeats


def threads(pid: int) -> list[int]:
    """The thread ids of a process: the main one, then by age."""
    found = sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())
    return [pid, *(one for one in found if one != pid)]


def _strace(*words: str) -> "subprocess.Popen[bytes]":
    strace = shutil.which("strace")
    assert strace, "strace is needed (Debian: apt-get install strace)"
    return subprocess.Popen([strace, *words], stderr=subprocess.DEVNULL)


def _traced(tid: int) -> bool:
    try:
        status = Path(f"/proc/{tid}/status").read_text()
    except OSError:
        return True  # it is gone already
    return "TracerPid:\t0\n" not in status or "State:\tZ" in status


@contextmanager
def attached(words: Sequence[str], tids: Iterable[int]) -> Iterator[None]:
    """While inside, strace watches these threads."""
    tracer = _strace(*words)
    try:
        came = wait_until(lambda: all(_traced(t) for t in tids), limit_s=LIMIT_S)
        assert came, "strace did not come"
        yield
    finally:
        tracer.terminate()
        tracer.wait(patient(LIMIT_S))


def drive(rig: Rig, service: str, step: str, kills: Kills | None = None) -> None:
    """One step of a lifecycle, up to its accepted mail and both outboxes empty.

    A program that was killed meanwhile is started again at once.
    """
    kind = MAILS.get(step, step)
    before = rig.count(kind)
    began, away_s = monotonic(), 0.0
    rig.do(service, step)

    def over() -> bool:
        nonlocal away_s
        for process in (rig.agent, rig.desk):
            if process.dead:
                died = monotonic()
                _again(rig, process, kills)
                away_s += monotonic() - died
        return rig.count(kind) > before and rig.drained()

    assert wait_until(over, limit_s=LIMIT_S), (
        f"{service}: no mail of {step}, or something waits, after {LIMIT_S} s\n"
        f"{rig.told()}\n"
        f"{rig.agent.tail()}\n{rig.desk.tail()}"
    )
    if kills is not None and step in ("open", "reopen"):
        kills.told_s.append((monotonic() - began - away_s) / busy())


def _again(rig: Rig, process: Process, kills: Kills | None) -> None:
    assert kills is not None, process.tail()
    assert process.running is not None
    assert process.running.returncode == -9, process.tail()
    if process is rig.desk:
        kills.repeats += rig.pending_but_taken()
    with _ONE_AT_A_TIME:
        process.start()
    # On a machine with more to do than it has cores everything takes longer: there the
    # processor's time of the program counts, which waits for nobody.
    load, took = busy(), process.back_s[-1]
    kills.back_s.append(took if load <= 1 else min(took / load, process.cpu_s))


def lifecycle(rig: Rig, service: str) -> None:
    """Open, raise, recover, re-open, recover: undisturbed."""
    for step in STEPS:
        drive(rig, service, step)


def counted(rig: Rig, service: str, folder: Path) -> dict[Point, int]:
    """Every call of an undisturbed lifecycle; the points with the last turn of each.

    Threads that are born within a step belong to no point: nobody can be there
    before them.
    """
    found: dict[Point, int] = {}
    for step in STEPS:
        processes = (rig.agent, rig.desk)
        files = [folder / f"{step}.{process.name}" for process in processes]
        known = [threads(process.pid) for process in processes]
        words = [_watching(p.pid, f) for p, f in zip(processes, files, strict=True)]
        with attached(words[0], known[0]), attached(words[1], known[1]):
            drive(rig, service, step)
        for process, file, tids in zip(processes, files, known, strict=True):
            calls = Counter(re.findall(r"^(\d+) +(\w+)\(", file.read_text(), re.M))
            for (tid, call), count in calls.items():
                if int(tid) in tids:
                    number = tids.index(int(tid))
                    found[Point(step, process.name, number, call, 1)] = count
    return found


def _watching(pid: int, file: Path) -> tuple[str, ...]:
    return ("-f", "-p", str(pid), "-o", str(file), "-e", f"trace={','.join(CALLS)}")


def every(found: dict[Point, int]) -> list[Point]:
    """All points that were counted."""
    return [
        Point(one.step, one.program, one.thread, one.call, turn)
        for one, count in sorted(found.items())
        for turn in range(1, count + 1)
    ]


def killed(rig: Rig, service: str, points: dict[str, list[Point]]) -> Kills:
    """A lifecycle with its programs killed at these points of each step.

    At most one point a program a step: after it the counting begins anew.
    """
    kills = Kills()
    for step in STEPS:
        todo = [one for one in points.get(step, ()) if _thread(rig, one)]
        kills.missed += [one for one in points.get(step, ()) if one not in todo]
        pids = {p.name: p.pid for p in (rig.agent, rig.desk)}
        with _all_armed(rig, todo):
            drive(rig, service, step, kills)
        now = {p.name: p.pid for p in (rig.agent, rig.desk)}
        for one in todo:
            struck = pids[one.program] != now[one.program]
            (kills.hit if struck else kills.missed).append(one)
    return kills


def _thread(rig: Rig, point: Point) -> int | None:
    process = rig.agent if point.program == "agent" else rig.desk
    tids = threads(process.pid)
    return tids[point.thread] if point.thread < len(tids) else None


@contextmanager
def _all_armed(rig: Rig, points: list[Point]) -> Iterator[None]:
    if not points:
        yield
        return
    point, *rest = points
    tid = _thread(rig, point)
    assert tid is not None
    inject = f"inject={point.call}:signal=KILL:when={point.turn}"
    words = ("-p", str(tid), "-o", "/dev/null", "-e", f"trace={point.call}")
    with attached((*words, "-e", inject), [tid]), _all_armed(rig, rest):
        yield


def drawn(points: list[Point], rng: random.Random) -> dict[str, list[Point]]:
    """For one lifecycle: a point for each program in each step."""
    chosen: dict[str, list[Point]] = {}
    for step in STEPS:
        for program in ("agent", "desk"):
            here = [p for p in points if (p.step, p.program) == (step, program)]
            if here:
                chosen.setdefault(step, []).append(rng.choice(here))
    return chosen


def struck(rig: Rig, service: str, rng: random.Random) -> Kills:
    """A lifecycle with one of the programs killed at a random instant of each step."""
    kills = Kills()
    for step in STEPS:
        victim = rng.choice((rig.agent, rig.desk))
        timer = threading.Timer(rng.uniform(0, _WITHIN_S), victim.kill)
        timer.start()
        try:
            drive(rig, service, step, kills)
        finally:
            timer.cancel()
            timer.join()
    for process in (rig.agent, rig.desk):
        if process.dead:
            _again(rig, process, kills)
    assert wait_until(rig.drained, limit_s=LIMIT_S), rig.told()
    return kills


def check(rig: Rig, kills: Kills) -> None:
    """The programs came back in time, and the checker is green."""
    verdict = rig.verdict(repeats=kills.repeats)
    assert not verdict.faults, f"{verdict}\nkilled at {kills.hit}"
    slow = [f"{one:.1f}" for one in kills.back_s if one > BACK_S]
    assert not slow, f"back after {slow} s"
