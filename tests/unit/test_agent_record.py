"""`run --record`: never in the way of the watching, never with a hole in it."""

import errno
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from scudo_agent.agent.record import JsonlRecorder
from scudo_agent.errors import ScudoError
from scudo_agent.instant import SECOND, Instant, parse_instant
from scudo_agent.judge.engine import (
    AgentStart,
    Event,
    HoldsSet,
    PausesSet,
    ReopenSet,
)
from scudo_agent.judge.holds import Hold
from scudo_agent.replay import read_events

T0 = parse_instant("2026-11-23T09:41:50Z")


def starts(count: int, since: Instant = T0) -> list[AgentStart]:
    """So many events, a second apart."""
    return [AgentStart(Instant(since + n * SECOND)) for n in range(count)]


def read(path: Path) -> Sequence[object]:
    """The events of a record as `replay` reads them."""
    return read_events(path.read_text().splitlines(), (), str(path))


class Disk:
    """Lets so many bytes through, and then is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 1 << 30
        self._write = os.pwrite
        monkeypatch.setattr(os, "pwrite", self.pwrite)

    def pwrite(self, fd: int, data: memoryview, at: int) -> int:
        """Write what there is room for; none: ENOSPC."""
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = self._write(fd, data[: self.room], at)
        self.room -= done
        return done


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.mark.parametrize(
    "content",
    [
        b"garbage\n",
        b"garbage",
        bytes(range(256)) + b"\n",
        b"[]\n",
        b'{"x": 1}\n',
        b'{"t": "yesterday"}\n',
        b'{"t": 5}\n',
        b"\n",
    ],
)
def test_a_file_that_is_no_record_is_refused_and_left_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ScudoError, match="is no record of events"):
        JsonlRecorder(path)
    assert path.read_bytes() == content


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(ScudoError, match="cannot record"):
            JsonlRecorder(path)


def test_a_line_that_a_kill_left_unfinished_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = JsonlRecorder(path)
    first.write(starts(2000))
    first.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"t": "2026-11-23T10:')
    again = JsonlRecorder(path)
    assert again.last == starts(2000)[-1].at
    again.close()
    assert path.read_bytes() == whole


def test_a_full_disk_holds_nothing_up_and_leaves_no_hole(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "events.jsonl"
    events = starts(9)
    recorder = JsonlRecorder(path)
    recorder.write(events[:3])
    disk.room = 20
    recorder.write(events[3:5])
    recorder.write(events[5:6])
    assert len(read(path)) == 3, "half a line was left"
    disk.room = 1 << 30
    recorder.write(events[6:])
    recorder.close()
    assert read(path) == events
    said = [one.getMessage() for one in caplog.records if one.levelno > logging.INFO]
    assert [("trying again" in one, "goes on" in one) for one in said] == [
        (True, False),
        (False, True),
    ]


def test_a_record_that_waits_for_too_long_ends_whole(
    tmp_path: Path, disk: Disk
) -> None:
    path = tmp_path / "events.jsonl"
    events = starts(40)
    recorder = JsonlRecorder(path, kept_bytes=500)
    recorder.write(events[:3])
    disk.room = 0
    for event in events[3:20]:
        recorder.write([event])
    disk.room = 1 << 30
    recorder.write(events[20:])
    recorder.close()
    assert read(path) == events[:3]


def test_a_disk_that_is_still_full_at_the_end_is_no_error(
    tmp_path: Path, disk: Disk
) -> None:
    recorder = JsonlRecorder(tmp_path / "events.jsonl")
    disk.room = 0
    recorder.write(starts(1))
    recorder.close()


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        JsonlRecorder(tmp_path / "events.jsonl").close()
    finally:
        os.umask(before)
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o777 == 0o600


def test_windows_mutes_and_pauses_come_back_as_they_were(tmp_path: Path) -> None:
    hold = Hold(
        id="window:w1",
        start=T0,
        end=Instant(T0 + 90 * SECOND),
        services=("erp", "*"),
        checks=("web/http",),
    )
    events: list[Event] = [
        AgentStart(T0),
        HoldsSet(T0, (hold,)),
        PausesSet(Instant(T0 + 1), frozenset({"web/http", "sw/ping"})),
        ReopenSet(Instant(T0 + 2), 7_200_000_000),
        HoldsSet(Instant(T0 + 2), ()),
    ]
    recorder = JsonlRecorder(tmp_path / "events.jsonl")
    recorder.write(events)
    recorder.close()

    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert read_events(lines, ("web/http", "sw/ping"), "events") == events
