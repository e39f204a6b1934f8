"""The script that runs all checks: every test in one stage, nothing green by chance."""

import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("real", "chaos", "browser", "mail", "fuzz", "rights", "prometheus")


def _load() -> ModuleType:
    path = ROOT / "scripts" / "checks.py"
    spec = importlib.util.spec_from_file_location("project_checks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


checks = _load()
STAGES = [stage for stage in checks.STAGES if stage.markers]


@pytest.mark.parametrize(
    "marked",
    [
        frozenset(some)
        for size in range(len(MARKS) + 1)
        for some in itertools.combinations(MARKS, size)
    ],
    ids=lambda marked: "+".join(sorted(marked)) or "none",
)
def test_a_test_runs_in_exactly_one_stage(marked: frozenset[str]) -> None:
    names = {mark: mark in marked for mark in MARKS}
    fits = [stage.name for stage in STAGES if eval(stage.markers, {}, dict(names))]
    assert len(fits) == 1, fits


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("unit", {"unit/test_a.py", "docs/test_b.py", "unit/test_c.py"}),
        ("real", {"real/test_d.py", "e2e/test_e.py"}),
        ("chaos", {"e2e/test_e.py"}),
        ("browser", {"mail/test_f.py"}),
        ("fuzz", {"unit/test_c.py"}),
        ("prometheus", set()),
    ],
)
def test_only_files_that_can_hold_a_test_of_the_stage_are_imported(
    tmp_path: Path, name: str, expected: set[str]
) -> None:
    texts = {
        "unit/test_a.py": "",
        "docs/test_b.py": "",
        "unit/test_c.py": "@pytest.mark.fuzz",
        "real/test_d.py": "",
        "e2e/test_e.py": "pytestmark = pytest.mark.chaos",
        "mail/test_f.py": "",
        "support/helper.py": "@pytest.mark.fuzz",
    }
    for path, text in texts.items():
        (tmp_path / "tests" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / path).write_text(text)
    (stage,) = [one for one in STAGES if one.name == name]
    assert set(checks.files(stage, tmp_path)) == {f"tests/{one}" for one in expected}


def test_folders_are_marked_as_the_script_believes() -> None:
    path = ROOT / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("project_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    marks = {mark for stage in STAGES for mark in stage.marks}
    believed = {mark: mark for mark in marks} | checks.FOLDERS
    believed.pop("prometheus")  # has no folder of its own
    assert believed == conftest.FOLDERS


def test_a_stage_asks_for_one_of_its_marks() -> None:
    for stage in STAGES:
        for mark in stage.marks:
            assert eval(stage.markers, {}, {m: m == mark for m in MARKS})


def test_the_shares_leave_a_reserve() -> None:
    shares = {stage.title: stage.minutes for stage in (checks.SET_UP, *checks.STAGES)}
    assert shares == {
        "set-up": 4,
        "static": 1,
        "unit and property": 4,
        "real servers": 5,
        "chaos": 7,
        "browser and mail": 5,
        "fuzz and rights": 4,
        "Prometheus": 3,
    }
    assert sum(shares.values()) < checks.TOTAL_MINUTES


@pytest.mark.parametrize(
    ("code", "counts", "failed", "note"),
    [
        (0, (3, 0, 0), 0, ""),
        (1, (2, 1, 0), 1, ""),
        (5, (0, 0, 0), 1, "ran no test"),
        (0, (0, 0, 0), 1, "ran no test"),
        (0, (0, 0, 4), 1, "ran no test"),
        (3, (2, 0, 0), 1, "pytest ended with exit code 3"),
        (-9, (2, 0, 0), 1, "pytest ended with exit code -9"),
        (None, (2, 1, 0), 2, "stopped: it took far more than its share"),
        (0, (2, 0, 1), 1, "1 skipped: a test may fail, not be left out"),
    ],
)
def test_only_a_whole_run_is_green(
    code: int | None, counts: tuple[int, int, int], failed: int, note: str
) -> None:
    assert checks.verdict(code, counts) == (failed, note)


def test_the_report_is_counted(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    assert checks.counted(report) == (0, 0, 0)
    report.write_text(
        '<testsuites><testsuite tests="10" failures="2" errors="1" skipped="3"/>'
        "</testsuites>"
    )
    assert checks.counted(report) == (4, 3, 3)


def test_a_command_that_hangs_is_stopped_with_its_children() -> None:
    assert checks.run((sys.executable, "-c", "import sys; sys.exit(3)"), 30) == 3
    assert checks.run(("sleep", "600"), 0.1) is None


def test_the_table_says_what_was_used_and_what_was_the_share() -> None:
    done = checks.Done(
        stage=checks.STAGES[1], passed=7, failed=1, skipped=0, seconds=300.0, note="x"
    )
    lines = checks.table([done]).splitlines()
    assert lines[1].split() == [
        *("unit", "and", "property", "5.0", "4", "7", "1", "x;", "over", "its", "share")
    ]


def test_an_unknown_stage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        checks.main(["nosuch"])
    assert refused.value.code == 2
    assert "no stage 'nosuch'" in capsys.readouterr().err
