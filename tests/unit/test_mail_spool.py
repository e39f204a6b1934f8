"""The pipe's spool: on the disk when the command ends, taken once, whoever runs."""

import asyncio
import io
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import exc as db_errors
from sqlalchemy.exc import OperationalError

from scudo_agent.cli.desk_mail_in import LATER
from scudo_agent.desk.mail import spool as spool_module
from scudo_agent.desk.mail.incoming import SIZE, HostileMailError, read
from scudo_agent.desk.mail.spool import Spool
from scudo_agent.desk.mail_taking import Hands, LaterError, SpoolTaker
from scudo_agent.errors import ConfigError, InputError, ScudoError, StoreError
from scudo_agent.instant import HOUR, Instant
from support.desking import T0, HandClock

MAIL = b"From: mario@acme.example\r\nSubject: Ciao\r\n\r\nBuongiorno.\r\n"


def put(spool: Spool, mail: bytes, at: int = 0) -> Path:
    path = spool.put(io.BytesIO(mail), Instant(T0 + at))
    assert path is not None
    return path


def test_mails_are_taken_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    spool, seen = Spool(tmp_path / "mail-in"), []
    for number in (3, 1, 2):
        put(spool, b"n: %d\r\n\r\n" % number, number)
    taker = SpoolTaker(spool, hands(lambda raw, _, at: seen.append((raw[3:4], at))))
    assert taker.take() == 3
    assert seen == [(b"%d" % n, Instant(T0 + n)) for n in (1, 2, 3)]
    assert spool.waiting() == []
    assert taker.take() == 0


def hands(
    land: object, clock: HandClock | None = None, land_unread: object = None
) -> Hands:
    return Hands(
        land=land,  # type: ignore[arg-type]
        land_unread=land_unread or aside_fails,  # type: ignore[arg-type]
        woke=lambda: None,
        clock=clock or HandClock(),
        rng=random.Random(1),
    )


def aside_fails(*_: object) -> None:
    raise ZeroDivisionError


def test_a_mail_stays_while_the_desk_cannot_take_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "mail-in")
    path = put(spool, MAIL)

    def full(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    with pytest.raises(LaterError, match="disk is full"):
        SpoolTaker(spool, hands(full)).take()
    assert spool.waiting() == [path]


def test_a_mail_that_cannot_even_be_set_aside_is_tried_again(
    tmp_path: Path,
) -> None:
    spool, clock, taken = Spool(tmp_path / "mail-in"), HandClock(), []
    bad = put(spool, b"bad: 1\r\n\r\n")
    put(spool, MAIL, 1)

    def land(raw: bytes, *_: object) -> None:
        if raw.startswith(b"bad") and not clock.at > T0 + HOUR:
            raise ZeroDivisionError
        taken.append(raw)

    taker = SpoolTaker(spool, hands(land, clock))
    assert taker.take() == 1
    assert taker.take() == 0
    assert spool.waiting() == [bad]
    clock.forward(3601)
    assert taker.take() == 1
    assert spool.waiting() == []


class Refused(Exception):
    """What a database's driver says; its codes as PostgreSQL's and SQLite's have."""

    def __init__(self, sqlstate: str = "", sqlite_errorcode: int | None = None) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate
        self.sqlite_errorcode = sqlite_errorcode


def test_a_mail_that_makes_the_desk_stumble_is_set_aside_as_it_is(
    tmp_path: Path,
) -> None:
    spool, aside = Spool(tmp_path / "mail-in"), []
    put(spool, MAIL)

    def land(*_: object) -> None:
        raise KeyError("a defect of ours")

    taking = hands(land, land_unread=lambda *mail: aside.append(mail))
    assert SpoolTaker(spool, taking).take() == 1
    assert aside == [(MAIL, "pipe", T0, "KeyError")]
    assert spool.waiting() == []

    def away(*_: object) -> None:
        raise StoreError("the store is away")

    path = put(spool, MAIL)
    with pytest.raises(LaterError):
        SpoolTaker(spool, hands(land, land_unread=away)).take()
    assert spool.waiting() == [path]


def test_a_file_that_cannot_be_read_blocks_none_and_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spool, clock, taken = Spool(tmp_path / "mail-in"), HandClock(), []
    theirs = put(spool, b"of: root\r\n\r\n")
    put(spool, MAIL, 1)
    read_bytes, shut = Path.read_bytes, {theirs}

    def refused(path: Path) -> bytes:
        if path in shut:
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    taker = SpoolTaker(spool, hands(lambda raw, *_: taken.append(raw), clock))
    assert taker.take() == 1
    assert taken == [MAIL]
    for _ in range(3):
        clock.forward(61)
        assert taker.take() == 0
    assert spool.waiting() == [theirs]
    assert [one.getMessage() for one in caplog.records] == [
        f"mail {theirs.name} cannot be taken: [Errno 13] Permission denied"
    ]
    shut.clear()
    clock.forward(61)
    assert taker.take() == 1


def test_what_cannot_be_tidied_keeps_no_mail_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "mail-in")
    put(spool, MAIL)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(spool, "tidy", refused)

    async def scene() -> None:
        came = asyncio.Event()
        loop = asyncio.get_running_loop()
        taking = hands(lambda *_: loop.call_soon_threadsafe(came.set))
        taker = SpoolTaker(spool, taking)
        taker.start()
        try:
            async with asyncio.timeout(30):
                await came.wait()
        finally:
            await taker.stop(patience_s=30)

    asyncio.run(scene())


def test_mails_of_another_user_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "mail-in")
    theirs = put(spool, MAIL)
    put(spool, MAIL, 1)
    assert spool.foreign() == []
    stat = Path.stat

    def owned(path: Path) -> object:
        if path != theirs:
            return stat(path)
        return SimpleNamespace(st_uid=stat(path).st_uid + 1)

    monkeypatch.setattr(Path, "stat", owned)
    assert spool.foreign() == [theirs]


@pytest.mark.parametrize(
    "fault",
    [
        ConfigError([]),
        InputError("a contract that this desk cannot read"),
        db_errors.DataError("INSERT", {}, Refused("22021")),
        db_errors.IntegrityError("INSERT", {}, Refused("23505")),
        db_errors.ProgrammingError("INSERT", {}, Refused("42601")),
        OperationalError("INSERT", {}, Refused("54000")),
        OperationalError("SELECT", {}, Refused("", sqlite3.SQLITE_ERROR)),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_only_a_database_that_is_away_holds_up_all_mails(
    tmp_path: Path, fault: Exception
) -> None:
    spool, taken = Spool(tmp_path / "mail-in"), []
    put(spool, b"bad: 1\r\n\r\n")
    put(spool, MAIL, 1)

    def land(raw: bytes, *_: object) -> None:
        if raw.startswith(b"bad"):
            raise fault
        taken.append(raw)

    SpoolTaker(spool, hands(land)).take()
    assert taken == [MAIL]


@pytest.mark.parametrize(
    "fault",
    [
        StoreError("the store is away"),
        db_errors.TimeoutError("no connection"),
        db_errors.InterfaceError("INSERT", {}, Refused()),
        OperationalError("INSERT", {}, Refused("57P01")),
        OperationalError("INSERT", {}, Refused("", sqlite3.SQLITE_FULL)),
        OperationalError("INSERT", {}, Refused("", sqlite3.SQLITE_BUSY)),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_while_the_database_is_away_all_mails_wait(
    tmp_path: Path, fault: Exception
) -> None:
    spool = Spool(tmp_path / "mail-in")
    path = put(spool, MAIL)

    def land(*_: object) -> None:
        raise fault

    with pytest.raises(LaterError):
        SpoolTaker(spool, hands(land)).take()
    assert spool.waiting() == [path]


def test_of_a_mail_that_is_too_large_the_headers_are_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "mail-in")
    path = put(spool, MAIL + b"x" * SIZE)
    assert path.stat().st_size < 1_000
    assert b"Subject: Ciao" in path.read_bytes()
    with pytest.raises(HostileMailError, match=f"it has {SIZE + len(MAIL)} bytes"):
        read(path.read_bytes())


def test_the_disk_is_left_to_the_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=spool_module.FREE - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ScudoError, match="the disk has"):
        put(Spool(tmp_path), MAIL)
    assert Spool(tmp_path).waiting() == []


def test_what_was_never_whole_goes_and_what_is_being_written_stays(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path)
    path = put(spool, MAIL)
    part = tmp_path / "tmp" / "1"
    part.write_bytes(b"half")
    born = int(part.stat().st_mtime * 1_000_000)
    spool.tidy(Instant(born + HOUR))
    assert part.exists()
    spool.tidy(Instant(born + 37 * HOUR))
    assert not part.exists()
    assert path.exists()


def command(*words: str, mail: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "scudo_agent", "desk", "mail-in", *words],
        input=mail,
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_the_command_keeps_a_mail_or_says_later(tmp_path: Path) -> None:
    settings = tmp_path / "desk.yaml"
    settings.write_text("mail: {in: {}}\n")
    (tmp_path / "desk-state").mkdir()
    done = command("--settings", str(settings), mail=MAIL)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    waiting = Spool(tmp_path / "desk-state" / "mail-in").waiting()
    assert [path.read_bytes() for path in waiting] == [MAIL]
    assert waiting[0].stat().st_mode & 0o777 == 0o600
    settings.write_text("mail: {in: {imap: 1}}\n")
    later = command("--settings", str(settings), mail=MAIL)
    assert later.returncode == LATER
    assert b"mail.in.imap" in later.stderr
    assert b"Traceback" not in later.stderr


@pytest.mark.parametrize(
    ("yaml", "mail", "says"),
    [
        ("{}", MAIL, "no mail comes in"),
        ("mail: {in: {}}", b"", "there is no mail"),
        ("mail: {in: {}}\nstate: nowhere", MAIL, "is no folder"),
    ],
)
def test_what_the_command_cannot_keep_is_later(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    yaml: str,
    mail: bytes,
    says: str,
) -> None:
    from scudo_agent.cli.main import main

    (tmp_path / "desk.yaml").write_text(yaml)
    (tmp_path / "desk-state").mkdir()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(mail)))
    words = ["desk", "mail-in", "--settings", str(tmp_path / "desk.yaml")]
    assert main(words) == LATER
    assert says in capsys.readouterr().err


def test_only_the_user_of_the_desk_puts_mails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from scudo_agent.cli.main import main

    (tmp_path / "desk.yaml").write_text("mail: {in: {}}")
    state = tmp_path / "desk-state"
    state.mkdir()
    owner = state.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(MAIL)))
    words = ["desk", "mail-in", "--settings", str(tmp_path / "desk.yaml")]
    assert main(words) == LATER
    assert f"{state}: belongs to" in (said := capsys.readouterr().err)
    assert "run it as that" in said
    assert Spool(state / "mail-in").waiting() == []
