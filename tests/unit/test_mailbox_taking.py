"""A mailbox that several desks read: who fetches slowly keeps the turn from none."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scudo_agent.desk.mail.line import Line
from scudo_agent.desk.mail.spool import Arrived
from scudo_agent.desk.mail_taking import Hands, MailboxTaker
from support.desking import T0, HandClock

_WAIT_S = 30.0


class Box:
    """A mailbox of some mails; `other` is what another desk takes during a fetch."""

    validity = 1
    alive = True

    def __init__(self, *uids: int, other: int | None = None) -> None:
        self.uids = list(uids)
        self.other = other
        self.leads = True
        self.leading = False
        self.told: list[tuple[str, int, bool]] = []
        self.landed: list[bytes] = []
        self._cut = threading.Event()
        self.rested = threading.Event()

    def open(self) -> None:
        """Nothing to do."""

    close = open

    def waiting(self) -> list[int]:
        return list(self.uids)

    def fetch(self, uid: int) -> Arrived | None:
        self.told.append(("fetch", uid, self.leading))
        if uid == self.other:
            self.uids.remove(uid)
        return Arrived(b"n: %d\r\n\r\n" % uid, T0)

    def done(self, uid: int) -> None:
        self.told.append(("done", uid, self.leading))
        self.uids.remove(uid)

    def wait(self, _: float) -> None:
        self.rested.set()
        self._cut.wait(_WAIT_S)

    def cut(self) -> None:
        self._cut.set()

    @contextmanager
    def led(self) -> Iterator[bool]:
        self.leading = self.leads
        try:
            yield self.leads
        finally:
            self.leading = False


def round_of(box: Box, folder: Path) -> None:
    """One look into the mailbox, and all that comes of it."""
    hands = Hands(
        land=lambda raw, *_: box.landed.append(raw),
        land_unread=lambda *_: None,
        woke=lambda: None,
        clock=HandClock(),
        rng=random.Random(1),
    )
    taker = MailboxTaker(
        lambda: box,  # type: ignore[arg-type,return-value]
        hands,
        folder="INBOX",
        line=Line(folder),
        led=box.led,
    )
    taker.start()
    assert box.rested.wait(_WAIT_S)
    taker.stop(patience_s=_WAIT_S)


def test_a_mail_is_fetched_before_and_marked_within_the_duty(tmp_path: Path) -> None:
    box = Box(1, 2)
    round_of(box, tmp_path)
    assert box.told == [
        ("fetch", 1, False),
        ("done", 1, True),
        ("fetch", 2, False),
        ("done", 2, True),
    ]
    assert box.landed == [b"n: 1\r\n\r\n", b"n: 2\r\n\r\n"]


def test_what_another_desk_took_meanwhile_is_left_alone(tmp_path: Path) -> None:
    box = Box(1, 2, other=1)
    round_of(box, tmp_path)
    assert box.landed == [b"n: 2\r\n\r\n"]
    assert [told[:2] for told in box.told if told[0] == "done"] == [("done", 2)]


def test_a_desk_whose_turn_it_is_not_takes_none(tmp_path: Path) -> None:
    box = Box(1)
    box.leads = False
    round_of(box, tmp_path)
    assert (box.landed, box.uids) == ([], [1])
