"""./scudo sets up once, again when the lock changes, and one at a time.

In a small project of the test's own, so that no registry is asked. The first two
tests use the real venv and pip; the others an interpreter whose environments
have a pip that only notes how it was called.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
_NOTE = (
    "import pathlib, sys; pathlib.Path(sys.prefix, 'pip.log').write_text(str(sys.argv))"
)
_MAIN = "import sys\nprint('agent', *sys.argv[1:])\n"
_LOCK = "# no package\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "a project"
    for name in ("locks", "scripts", "src/scudo_agent"):
        (folder / name).mkdir(parents=True)
    shutil.copy(ROOT / "scudo", folder)
    (folder / "scripts" / "debian-packages").write_text("snmpd # why\nnginx\n")
    (folder / "scripts" / "check").write_text('#!/bin/sh\necho "checks $*"\n')
    (folder / "scripts" / "check").chmod(0o755)
    for name in ("run", "dev"):
        (folder / "locks" / f"{name}.txt").write_text(_LOCK)
    (folder / "src" / "scudo_agent" / "__init__.py").touch()
    (folder / "src" / "scudo_agent" / "__main__.py").write_text(_MAIN)
    return folder


def _tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """An interpreter that makes an environment in no time, with a stub of pip."""
    site = f"lib/python3.{sys.version_info.minor}/site-packages"
    (tmp_path / "stub" / "pip").mkdir(parents=True)
    (tmp_path / "stub" / "pip" / "__main__.py").write_text(_NOTE)
    _tool(
        tmp_path / "bin",
        "python",
        f'if [ "$1 $2" != "-m venv" ]; then exec {sys.executable} "$@"; fi\n'
        f'{sys.executable} -m venv --without-pip "$3"\n'
        f'cp -r {tmp_path}/stub/pip "$3/{site}"',
    )
    return tmp_path / "bin" / "python"


def _scudo(
    project: Path,
    *words: str,
    tools: Path | None = None,
    python: Path = Path(sys.executable),
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHON": str(python)}
    env.pop("SCUDO_VENV", None)
    if tools is not None:
        env["PATH"] = f"{tools}:{env['PATH']}"
    return subprocess.run(
        [str(project / "scudo"), *words],
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
        check=False,
    )


def test_the_first_call_sets_up_and_the_next_one_is_quick(project: Path) -> None:
    first = _scudo(project, "status", "--json")
    assert (first.returncode, first.stdout) == (0, "agent status --json\n")
    assert "set up: python 3." in first.stderr
    assert "0 packages, hashes checked" in first.stderr
    assert (project / ".venv" / "bin" / "scudo-agent").stat().st_mode & 0o111
    began = perf_counter()
    second = _scudo(project, "status")
    assert perf_counter() - began < 1  # far below any set-up, also on a busy machine
    assert (second.stdout, second.stderr) == ("agent status\n", "")


def test_it_may_be_called_from_anywhere(
    project: Path, quick: Path, tmp_path: Path
) -> None:
    _scudo(project, "status", python=quick)
    (tmp_path / "link").symlink_to(project / "scudo")
    for command, folder in (
        ([str(tmp_path / "link")], tmp_path),
        (["sh", "scudo"], project),
        (["sh", "./scudo"], project),
    ):
        done = subprocess.run(
            [*command, "status"], cwd=folder, capture_output=True, text=True, timeout=60
        )
        assert (done.stdout, done.stderr) == ("agent status\n", "")


def test_a_changed_lock_makes_the_environment_anew(project: Path, quick: Path) -> None:
    _scudo(project, "status", python=quick)
    (project / ".venv" / "old").touch()
    (project / "locks" / "run.txt").write_text("# another\n")
    assert "set up: " in _scudo(project, "status", python=quick).stderr
    assert not (project / ".venv" / "old").exists()


def test_a_set_up_that_was_cut_off_is_done_again(project: Path, quick: Path) -> None:
    _scudo(project, "status", python=quick)
    (project / ".venv" / "run.stamp").unlink()
    assert "set up: " in _scudo(project, "status", python=quick).stderr


def test_two_first_calls_at_once_set_up_once(project: Path, quick: Path) -> None:
    with ThreadPoolExecutor() as pool:
        calls = list(
            pool.map(lambda word: _scudo(project, word, python=quick), ["a", "b", "c"])
        )
    assert sorted(call.stdout for call in calls) == [
        "agent a\n",
        "agent b\n",
        "agent c\n",
    ]
    waited = [call for call in calls if "another set-up is at work" in call.stderr]
    assert len(waited) == 2


def test_packages_without_a_hash_are_refused_with_what_to_do(
    project: Path, tmp_path: Path
) -> None:
    wheel = tmp_path / "some_package-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("some_package.py", "")
    (project / "locks" / "run.txt").write_text(f"{wheel.as_uri()}\n")
    refused = _scudo(project, "status")
    assert refused.returncode == 1
    assert "--hash=sha256:" in refused.stderr
    assert "could not be installed" in refused.stderr
    assert refused.stdout == ""


def test_pip_takes_wheels_by_hash_only(project: Path, quick: Path) -> None:
    _scudo(project, "status", python=quick)
    called = (project / ".venv" / "pip.log").read_text()
    for option in ("--require-hashes", "--only-binary', ':all:", "--no-deps"):
        assert option in called


def test_a_folder_that_is_no_environment_is_not_removed(project: Path) -> None:
    (project / ".venv").mkdir()
    (project / ".venv" / "precious").touch()
    refused = _scudo(project, "status")
    assert refused.returncode == 1
    assert "is no virtual environment; nothing was removed" in refused.stderr
    assert (project / ".venv" / "precious").exists()


def test_without_root_the_one_command_is_named(project: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    _tool(tools, "id", "echo 1000")
    _tool(tools, "dpkg-query", "exit 1")
    _tool(tools, "sudo", "exit 9")
    _tool(tools, "apt-get", f"touch {tmp_path}/used")
    told = _scudo(project, "test", tools=tools)
    assert told.returncode == 1
    assert (
        "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends"
        " snmpd nginx'\n" in told.stderr
    )
    assert not (tmp_path / "used").exists()


def test_as_root_the_packages_are_installed_and_nothing_is_started(
    project: Path, quick: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    policy = Path("/usr/sbin/policy-rc.d")
    there = policy.exists()  # somebody's own policy is respected
    _tool(tools, "id", "echo 0")
    _tool(tools, "dpkg-query", f"test -e {tmp_path}/there && echo installed")
    _tool(tools, "systemctl", f'echo "systemctl $*" >> {tmp_path}/log')
    _tool(
        tools,
        "apt-get",
        f'echo "$@" >> {tmp_path}/log; touch {tmp_path}/there\n'
        f"cat /usr/sbin/policy-rc.d >> {tmp_path}/log",
    )
    done = _scudo(project, "test", "unit", tools=tools, python=quick)
    assert (done.returncode, done.stdout) == (0, "checks unit\n")
    log = (tmp_path / "log").read_text()
    assert "install --no-install-recommends snmpd nginx" in log
    assert there or "exit 101" in log
    assert "systemctl disable snmpd.service" in log
    assert policy.exists() == there


def test_packages_that_cannot_be_installed_are_told(
    project: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    _tool(tools, "id", "echo 0")
    _tool(tools, "dpkg-query", "exit 1")
    _tool(tools, "apt-get", "echo E: no way to the archive; exit 100")
    told = _scudo(project, "test", tools=tools)
    assert told.returncode == 1
    assert "E: no way to the archive" in told.stderr
    assert "could not be installed (snmpd nginx)" in told.stderr
