"""A mailbox on a real Dovecot: heard at once, lost, found again, nothing twice."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.config.secret import Secret
from scudo_agent.desk.mail import imap as imap_module
from scudo_agent.desk.mail.imap import Mailbox, MailboxError
from scudo_agent.desk.mail.incoming import HostileMailError, read
from scudo_agent.desk.mail.line import Line
from scudo_agent.desk.mail_taking import Hands, MailboxTaker
from scudo_agent.desk.settings import Imap
from scudo_agent.instant import HOUR, Instant
from support.imap_server import PASSWORD, MailServer, mail_server

pytestmark = [pytest.mark.real, pytest.mark.mail]

_WAIT_S = 60.0


@pytest.fixture(scope="module")
def running() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def server(running: MailServer) -> MailServer:
    """The module's server, up and with an empty mailbox."""
    running.kill()
    running.empty()
    running.start()
    return running


def mail(number: int, more: str = "") -> bytes:
    return (
        f"From: mario@acme.example\r\nSubject: n. {number}\r\n"
        f"Message-ID: <{number}@acme.example>\r\n{more}\r\nBuongiorno.\r\n"
    ).encode()


class Landing:
    """Keeps what is handed over; `fault` is raised for the next mail."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.faults: dict[bytes, Exception] = {}
        self._came = threading.Condition()

    def land(self, raw: bytes, source: str, received: Instant | None) -> None:
        assert source == "imap:INBOX"
        assert received is not None
        assert abs(SystemClock().wall() - received) < HOUR
        fault = next((v for k, v in self.faults.items() if k in raw), None)
        with self._came:
            if fault is None:
                self.mails.append(raw)
            self._came.notify_all()
        if fault is not None:
            raise fault

    def until(self, many: int) -> None:
        with self._came:
            assert self._came.wait_for(lambda: len(self.mails) >= many, _WAIT_S)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + _WAIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def taker(
    settings: Imap, landing: Landing, folder: Path, *, ca: str | None = None
) -> MailboxTaker:
    hands = Hands(
        land=landing.land,
        land_unread=lambda raw, source, at, _: landing.land(raw, source, at),
        woke=lambda: None,
        clock=SystemClock(),
        rng=random.Random(1),
    )

    def led() -> AbstractContextManager[bool]:
        return nullcontext(True)

    return MailboxTaker(
        lambda: Mailbox(settings, PASSWORD, ca=ca),
        hands,
        folder=settings.folder,
        line=Line(folder),
        led=led,
    )


def test_idle_brings_mails_and_a_killed_server_costs_none(
    server: MailServer, tmp_path: Path
) -> None:
    landing, line = Landing(), Line(tmp_path)
    taking = taker(server.settings(), landing, tmp_path)
    server.put(mail(1))
    taking.start()
    try:
        landing.until(1)
        until(lambda: server.unseen() == 0)
        # Past the short look after a mail: from here on it is the server that calls.
        before = line.read()
        until(lambda: line.read() != before)
        server.put(mail(2))
        landing.until(2)
        server.kill()
        until(lambda: bool((state := line.read()) and state.lost))
        server.put(mail(3))
        server.start()
        landing.until(3)
        until(lambda: bool((state := line.read()) and state.lost is None))
        assert server.held() == 3
    finally:
        taking.stop(patience_s=_WAIT_S)
    assert [raw.split(b"\r\n")[1][-1:] for raw in landing.mails] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("moves", [True, False])
def test_a_mail_is_moved_after_it_landed_and_one_that_stumbles_blocks_none(
    server: MailServer, tmp_path: Path, *, moves: bool
) -> None:
    landing = Landing()
    landing.faults[b"n. 1"] = ZeroDivisionError("a defect of ours")
    done = "move-to Elaborati" if moves else "seen"
    for number in (1, 2, 3):
        server.put(mail(number))
    taking = taker(server.settings(done=done), landing, tmp_path)
    taking.start()
    try:
        landing.until(2)
        until(lambda: server.unseen() == 1)
        assert server.held("Elaborati") == (2 if moves else 0)
    finally:
        taking.stop(patience_s=_WAIT_S)
    assert len(landing.mails) == 2


def test_what_landed_and_was_not_marked_comes_again(
    server: MailServer, tmp_path: Path
) -> None:
    """As after a kill in between: the same bytes, which `land` knows."""
    server.put(mail(1))
    box = Mailbox(server.settings(), PASSWORD, ca=None)
    box.open()
    try:
        first = box.fetch(box.waiting()[0])
    finally:
        box.close()
    landing = Landing()
    taking = taker(server.settings(), landing, tmp_path)
    taking.start()
    try:
        landing.until(1)
    finally:
        taking.stop(patience_s=_WAIT_S)
    assert first is not None
    assert landing.mails == [first.content]


def test_of_a_mail_that_is_too_large_the_headers_come(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_module, "SIZE", 1_000)
    server.put(mail(1) + b"x" * 5_000)
    box = Mailbox(server.settings(), PASSWORD, ca=None)
    box.open()
    try:
        found = box.fetch(box.waiting()[0])
    finally:
        box.close()
    assert found is not None
    raw = found.content
    assert b"Subject: n. 1" in raw
    assert len(raw) < 1_000
    with pytest.raises(HostileMailError, match=r"it has 5\d\d\d bytes"):
        read(raw)


def test_tls_is_checked_and_a_wrong_password_is_said(server: MailServer) -> None:
    secure = server.settings(tls="implicit", port=server.tls_port)
    ca = str(server.authority.ca)
    for settings in (secure, server.settings(tls="starttls")):
        box = Mailbox(settings, PASSWORD, ca=ca)
        box.open()
        assert box.waiting() == []
        box.close()
        with pytest.raises(MailboxError, match="certificate"):
            Mailbox(settings, PASSWORD, ca=None).open()
    wrong = Secret("wrong", reference="file:password")
    with pytest.raises(MailboxError, match="log-in refused") as caught:
        Mailbox(secure, wrong, ca=ca).open()
    assert caught.value.refused
    assert "wrong" not in str(caught.value)
