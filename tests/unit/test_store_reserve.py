"""The space that is kept for the last events."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from scudo_agent.dbfile.reserve import SIZE, Reserve
from scudo_agent.store.agent_store import RESERVE as FILE
from support.storing import opened, told

MB = 2**20


class Usage(NamedTuple):
    """As `shutil.disk_usage` has it."""

    free: int


class Disk:
    """A disk with as much free as the test says."""

    def __init__(self, patch: pytest.MonkeyPatch, free: int) -> None:
        self.free = free
        patch.setattr(shutil, "disk_usage", lambda _: Usage(self.free))


def blocks(folder: Path) -> int:
    """What the file really takes."""
    return (folder / FILE).stat().st_blocks * 512


def test_it_takes_a_quarter_of_what_is_free_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, 8 * MB)
    Reserve(tmp_path / FILE)
    assert blocks(tmp_path) >= 2 * MB, "real blocks, no hole"
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    disk.free = 2**40
    Reserve(tmp_path / FILE)  # what a killed agent left grows
    assert (tmp_path / FILE).stat().st_size == SIZE


def test_it_comes_back_once_twice_as_much_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, 4 * MB)
    reserve = Reserve(tmp_path / FILE)
    assert not reserve.released
    assert reserve.release()
    assert reserve.released
    assert not reserve.release(), "there is nothing more to let go of"
    disk.free = 2 * MB - 1
    reserve.restore()
    assert reserve.released
    disk.free = 2 * MB
    reserve.restore()
    assert not reserve.released
    assert blocks(tmp_path) >= MB
    reserve.remove()
    assert not (tmp_path / FILE).exists()
    assert not reserve.released, "a clean end is no full disk"


def test_where_nearly_nothing_is_free_none_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, MB - 1)
    reserve = Reserve(tmp_path / FILE)
    assert not (tmp_path / FILE).exists()
    assert not reserve.released
    assert not reserve.release()
    disk.free = 2 * SIZE - 1
    reserve.restore()
    assert not (tmp_path / FILE).exists()
    disk.free = 2 * SIZE  # somebody made space
    reserve.restore()
    assert (tmp_path / FILE).stat().st_size == SIZE


def test_where_it_cannot_be_kept_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: int) -> None:
        raise OSError(28, os.strerror(28))

    Disk(monkeypatch, 8 * MB)
    monkeypatch.setattr(os, "posix_fallocate", full)
    Reserve(tmp_path / FILE)
    assert "no space is kept: No space left on device" in caplog.text
    assert not (tmp_path / FILE).exists()


def test_a_store_keeps_it_while_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(monkeypatch, 4 * MB)
    store = opened(tmp_path)
    store.keep_reserve()
    store.commit(told(1)).result()
    assert (tmp_path / FILE).exists()
    assert not store.reserve_used
    store.close()
    assert not (tmp_path / FILE).exists()
