"""All checks of the project, in stages with a share of time each.

Every stage runs, also after a red one; a stage that ran no test is red. The
last line is the sum over all stages, `N passed, N failed`.

Which stage a test belongs to follows from its markers and its folder, so that
every test under tests/ runs in exactly one stage (`tests/conftest.py` marks by
folder): the first that fits of prometheus, chaos, browser and mail, fuzz and
rights, real; else unit.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
TOTAL_MINUTES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: `minutes` is its share; without `markers` it runs the tools.

    `marks` are those of which a test must have one; without them it may have none.
    `spread`: its tests run on all processors at once, else one after the other.
    """

    name: str
    title: str
    minutes: float
    markers: str = ""
    marks: tuple[str, ...] = ()
    spread: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a stage came to; `note` says what a count cannot."""

    stage: Stage
    passed: int
    failed: int
    skipped: int
    seconds: float
    note: str = ""


STAGES = (
    Stage(name="static", title="static", minutes=1),
    Stage(
        name="unit",
        title="unit and property",
        minutes=4,
        markers="not (real or chaos or browser or mail or fuzz or rights"
        " or prometheus)",
        spread=True,
    ),
    Stage(
        name="real",
        title="real servers",
        minutes=5,
        markers="real and not (chaos or browser or mail or fuzz or rights"
        " or prometheus)",
        marks=("real",),
        spread=True,
    ),
    Stage(
        name="chaos",
        title="chaos",
        minutes=7,
        markers="chaos and not prometheus",
        marks=("chaos",),
        spread=True,
    ),
    Stage(
        name="browser",
        title="browser and mail",
        minutes=5,
        markers="(browser or mail) and not (chaos or prometheus)",
        marks=("browser", "mail"),
    ),
    Stage(
        name="fuzz",
        title="fuzz and rights",
        minutes=4,
        markers="(fuzz or rights) and not (chaos or browser or mail or prometheus)",
        marks=("fuzz", "rights"),
        spread=True,
    ),
    Stage(
        name="prometheus",
        title="Prometheus",
        minutes=3,
        markers="prometheus",
        marks=("prometheus",),
    ),
)
_WORKERS = 4
"""At most: some tests measure seconds, and each has programs of its own."""

_SLOWEST = 8
"""So many tests of a stage are named with what they took, from 5 s on."""

SET_UP = Stage(name="setup", title="set-up", minutes=4)

TOOLS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "--quiet", "."),
    ("ruff", "check", "--quiet", "."),
    ("mypy",),
    ("lint-imports", "--no-logo"),
    ("python", "scripts/messages.py", "check"),
)


def hard_limit_s(stage: Stage) -> float:
    """When a stage is stopped for good: it hangs. Well beyond its share."""
    return (stage.minutes * 4 + 2) * 60


def environment() -> dict[str, str]:
    """The environment of every tool: our programs and Debian's servers found."""
    env = dict(os.environ)
    env["PATH"] = f"{BIN}:{env.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    env["SCUDO_DEMO_GATEWAY"] = "stand-in"  # tests touch nothing but loopback
    # Hundreds of programs start: none should compile the same modules again.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def run(command: Sequence[str], limit_s: float) -> int | None:
    """Exit code of a command in a process group of its own; None: stopped."""
    process = subprocess.Popen(
        list(command), cwd=ROOT, env=environment(), start_new_session=True
    )
    try:
        return process.wait(timeout=limit_s)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as exc:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(exc, KeyboardInterrupt):
            raise
        return None


def static(stage: Stage) -> Done:
    """Format, lint, types, layers and the catalogue of messages."""
    began = time.monotonic()
    red: list[str] = []
    for tool in TOOLS:
        left = hard_limit_s(stage) - (time.monotonic() - began)
        print(f"  {' '.join(tool)}", flush=True)
        if run((str(BIN / tool[0]), *tool[1:]), max(left, 1)) != 0:
            red.append(" ".join(tool[:2]))
    return Done(
        stage=stage,
        passed=len(TOOLS) - len(red),
        failed=len(red),
        skipped=0,
        seconds=time.monotonic() - began,
        note=", ".join(red),
    )


def counted(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped of a JUnit file; nothing of a missing one."""
    if not report.exists():
        return 0, 0, 0
    passed = failed = skipped = 0
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left_out = int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - left_out
        failed += bad
        skipped += left_out
    return max(passed, 0), failed, skipped


def verdict(code: int | None, counts: tuple[int, int, int]) -> tuple[int, str]:
    """Failures to count and a note, from pytest's exit code and its report.

    A red exit without a red test (a crash, a time-out, nothing collected) is
    one failure; so are tests that were skipped: a missing server is a fault.
    """
    passed, failed, skipped = counts
    if code is None:
        return failed + 1, "stopped: it took far more than its share"
    if code == 5 or passed + failed == 0:
        return failed + 1, "ran no test"
    if code != 0 and failed == 0:
        return 1, f"pytest ended with exit code {code}"
    if skipped:
        return failed + skipped, f"{skipped} skipped: a test may fail, not be left out"
    return failed, ""


FOLDERS = {"e2e": "real", "contract": "real"}
"""Folders whose tests have a mark of another name (`tests/conftest.py`)."""


def files(stage: Stage, root: Path = ROOT) -> list[str]:
    """The test files that can hold a test of the stage.

    Pytest selects by the marks; this only spares it the import of all the others.
    """
    marks = {mark for one in STAGES for mark in one.marks}
    found = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        folder = path.relative_to(root / "tests").parts[0]
        mark = FOLDERS.get(folder, folder)
        if stage.marks:
            text = path.read_text(encoding="utf-8")
            fits = mark in stage.marks or any(f"mark.{m}" in text for m in stage.marks)
        else:
            fits = mark not in marks
        if fits:
            found.append(str(path.relative_to(root)))
    return found


def tests(stage: Stage, *, order: Sequence[str]) -> Done:
    """The tests of one stage."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [str(BIN / "python"), "-m", "pytest", "-q", "--no-header"]
        command += ["-m", stage.markers, f"--junitxml={report}", *order]
        command += [f"--durations={_SLOWEST}", "--durations-min=5"]
        if stage.spread:
            workers = str(min(os.cpu_count() or 1, _WORKERS))
            command += ["-n", workers, "--dist", "worksteal"]
        chosen = files(stage)
        code = run([*command, *chosen], hard_limit_s(stage)) if chosen else 5
        counts = counted(report)
    failed, note = verdict(code, counts)
    return Done(
        stage=stage,
        passed=counts[0],
        failed=failed,
        skipped=counts[2],
        seconds=time.monotonic() - began,
        note=note,
    )


def table(done: Sequence[Done]) -> str:
    """One line a stage: used and share in minutes, counts, note."""
    lines = [f"{'stage':<20}{'min':>6}{'share':>7}{'passed':>8}{'failed':>8}"]
    for one in done:
        over = "over its share" if one.seconds > one.stage.minutes * 60 else ""
        note = "; ".join(filter(None, (one.note, over)))
        lines.append(
            f"{one.stage.title:<20}{one.seconds / 60:>6.1f}{one.stage.minutes:>7g}"
            f"{one.passed:>8}{one.failed:>8}  {note}".rstrip()
        )
    used = sum(one.seconds for one in done) / 60
    lines.append(f"{'all':<20}{used:>6.1f}{TOTAL_MINUTES:>7}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages named, all without a name; 0 when everything passed."""
    names = [stage.name for stage in STAGES]
    parser = argparse.ArgumentParser(prog="./scudo test", description=__doc__)
    parser.add_argument(
        "stages", nargs="*", metavar="STAGE", help=f"of {', '.join(names)}; all"
    )
    parser.add_argument("--seed", type=int, help="seed of the random order")
    parser.add_argument(
        "--fixed-order", action="store_true", help="run the tests in file order"
    )
    args = parser.parse_args(argv)
    if unknown := [name for name in args.stages if name not in names]:
        parser.error(f"no stage '{unknown[0]}'; there are {', '.join(names)}")
    seed = args.seed if args.seed is not None else random.randrange(2**32)
    order = ["-p", "no:randomly"]
    if not args.fixed_order:
        order = [f"--randomly-seed={seed}"]
        print(f"random order, --seed {seed}", flush=True)

    spent = float(os.environ.get("SCUDO_SETUP_SECONDS", "0") or 0)
    done = [Done(stage=SET_UP, passed=0, failed=0, skipped=0, seconds=spent)]
    for stage in STAGES:
        if args.stages and stage.name not in args.stages:
            continue
        print(f"\n== {stage.title} (share {stage.minutes:g} min)", flush=True)
        done.append(tests(stage, order=order) if stage.markers else static(stage))
    print(f"\n{table(done)}\n")
    failed = sum(one.failed for one in done)
    print(f"{sum(one.passed for one in done)} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
