"""`host` against this machine and file systems that the test mounts."""

import asyncio
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scudo_agent.model import Outcome
from scudo_agent.probes import host
from scudo_agent.probes.host import HostEngine, HostSettings
from scudo_agent.text import T
from support.probing import job, outcomes, plain, probe

pytestmark = pytest.mark.real


def seen(**keys: object) -> Outcome:
    settings = HostSettings.model_validate(keys)
    return probe(HostEngine(), job(settings, None))


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB with 100 inodes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-o", "size=1m,nr_inodes=100"]
    subprocess.run(["mount", "-t", "tmpfs", *options, "x", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_file_system_shows_how_full_it_is(mounted: Path) -> None:
    (mounted / "file").write_bytes(b"x" * 768 * 1024)
    outcome = seen(disk=str(mounted))
    assert outcome.answered is True
    assert outcome.values["used"] == pytest.approx(0.75, abs=0.01)
    assert outcome.seen.values["total"] == {"bytes": 1 << 20}
    assert outcome.seen.values["used"] == {"ratio": outcome.values["used"]}


def test_a_file_system_shows_its_inodes(mounted: Path) -> None:
    before = seen(inodes=str(mounted)).values["used"]
    for number in range(50):
        (mounted / str(number)).touch()
    after = seen(inodes=str(mounted)).values["used"]
    assert after - before == pytest.approx(0.5, abs=0.02)


def test_a_folder_on_which_nothing_is_mounted_is_a_failure(tmp_path: Path) -> None:
    """An unmounted disk leaves a folder: the disk around it says nothing."""
    for path in (tmp_path, tmp_path / "missing"):
        for measure in ("disk", "inodes"):
            outcome = seen(**{measure: str(path)})
            assert outcome.answered is False
            assert plain(outcome.seen) == f"nothing is mounted on {path}"


def test_a_folder_mounted_from_the_same_file_system_counts(tmp_path: Path) -> None:
    source, folder = tmp_path / "a", tmp_path / "b"
    source.mkdir()
    folder.mkdir()
    subprocess.run(["mount", "--bind", source, folder], check=True)
    try:
        assert seen(disk=str(folder)).answered is True
    finally:
        subprocess.run(["umount", folder], check=True)


def test_the_root_agrees_with_df() -> None:
    outcome = seen(disk="/")
    text = subprocess.run(
        ["df", "--output=pcent", "/"], check=True, capture_output=True, text=True
    ).stdout
    percent = int(text.split()[-1].rstrip("%"))
    assert outcome.values["used"] * 100 == pytest.approx(percent, abs=1)


def test_memory_swap_and_load_are_those_of_the_machine() -> None:
    memory = seen(memory=True)
    used = 1 - psutil.virtual_memory().available / psutil.virtual_memory().total
    assert memory.values["used"] == pytest.approx(used, abs=0.05)
    assert 0 <= seen(swap=True).values["used"] <= 1
    for minutes in (1, 5, 15):
        load = seen(load=minutes)
        assert load.answered is True
        assert load.values[f"load{minutes}_per_cpu"] >= 0
        assert load.seen.values["n"] == os.cpu_count()


@pytest.mark.parametrize(
    ("fault", "answered"),
    [
        (PermissionError(13, "Permission denied"), None),
        (OSError(5, "I/O error"), False),
    ],
)
def test_what_cannot_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch, fault: OSError, answered: bool | None
) -> None:
    def disk_usage(_path: str) -> None:
        raise fault

    monkeypatch.setattr(psutil, "disk_usage", disk_usage)
    outcome = seen(disk="/")
    assert outcome.answered is answered
    assert plain(outcome.seen) == f"/ cannot be read: {fault.strerror}"


def test_a_machine_without_swap_or_inodes_has_none_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Nothing:
        total = used = f_files = 0

    monkeypatch.setattr(psutil, "swap_memory", Nothing)
    monkeypatch.setattr(os, "statvfs", lambda _path: Nothing)
    assert seen(swap=True).values["used"] == 0
    assert plain(seen(inodes="/").seen) == "/ has no fixed number of inodes"


def test_a_hung_file_system_costs_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each run ends at its deadline; the later ones wait for the first's thread."""
    release, entered = threading.Event(), []

    def measure(settings: HostSettings) -> Outcome:
        entered.append(settings)
        release.wait(10)
        return Outcome(answered=True, seen=T("at last"))

    monkeypatch.setattr(host, "measure", measure)

    async def run() -> list[Outcome]:
        engine = HostEngine()
        one = job(HostSettings(disk="/"), None, timeout_s=0.05)
        found = [*await outcomes(engine, [one]), *await outcomes(engine, [one])]
        release.set()
        patient = job(HostSettings(disk="/"), None)
        return [*found, *await outcomes(engine, [patient])]

    first, second, third = asyncio.run(run())
    assert first.answered is second.answered is False
    assert plain(first.seen) == "no answer within {'duration': 50000}"
    assert plain(third.seen) == "at last"
    assert len(entered) == 1
