"""Mails that came in are taken: out of the spool, and out of a mailbox (IMAP).

Both hand each mail to `land`, and let go of it only when that has returned: what
became of it is committed then. What is handed over twice changes nothing, so a desk
may be killed at any moment. A mail that cannot be dealt with holds up no other: it is
set aside as it is.
"""

import asyncio
import logging
import random
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import exc as db_errors

from scudo_agent.clock import Clock
from scudo_agent.desk.mail.imap import Mailbox, MailboxError
from scudo_agent.desk.mail.line import Line
from scudo_agent.desk.mail.spool import Arrived, Spool
from scudo_agent.desk.offload import offload
from scudo_agent.errors import StoreError
from scudo_agent.instant import HOUR, MINUTE, Instant
from scudo_agent.retry import Backoff

IDLE_S = 4 * 60.0
"""So long a mailbox is listened to before it is looked into again (RFC 2177 asks for
less than 29 minutes; what a server announced while nobody listened is found so)."""

_AFTER_S = 2.0
"""Where mails were, more may have come meanwhile."""

_SPOOL_S = 1.0
_STUCK_US = HOUR
"""A mail that cannot even be set aside is tried again after so long."""

_SHUT_US = MINUTE
"""A file that cannot be read: somebody may give it to the desk's user meanwhile."""

_BACKOFF = Backoff(first_s=1.0, limit_s=5 * 60.0)
_REFUSED = Backoff(first_s=30.0, limit_s=15 * 60.0)
"""Who is not let in knocks seldom: servers lock out who does not."""

Land = Callable[[bytes, str, Instant | None], None]
"""Takes a mail from a named source, and when our mail server had it, if that is known;
what became of it is committed on return."""

LandUnread = Callable[[bytes, str, Instant | None, str], None]
"""Sets a mail aside as it is, with the name of the fault that it made; else as `Land`.
"""

_TOO_MUCH = "54"
"""SQLSTATEs of a value that PostgreSQL has no room for; its driver calls that, and
SQLite's calls a statement that it cannot make out, a fault of operation."""

_log = logging.getLogger(__name__)


class LaterError(Exception):
    """The desk can take no mail just now; all of them wait where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What takers share: where mails land, what to call when one did, and time."""

    land: Land
    land_unread: LandUnread
    woke: Callable[[], None]
    clock: Clock
    rng: random.Random


class Taker:
    """Hands mails over, each by a name of its own, and remembers which it cannot."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._stuck: dict[str, int] = {}

    def may(self, name: str) -> bool:
        """Whether it is worth trying now."""
        until = self._stuck.get(name)
        return until is None or self._hands.clock.monotonic_us() >= until

    def hand(self, name: str, mail: Arrived, source: str) -> bool:
        """True when what became of the mail is committed; `LaterError`: not now."""
        try:
            self._land(name, mail, source)
        except Exception as exc:  # noqa: BLE001 - one mail's defect holds up no other
            if (reason := _away(exc)) is not None:
                raise LaterError(reason) from None
            _log.exception("mail %s cannot be set aside; it is tried again", name)
            self._stick(name, _STUCK_US)
            return False
        self._stuck.pop(name, None)
        self._hands.woke()
        return True

    def shut(self, name: str, exc: OSError) -> None:
        """What cannot be read waits, and is told of once."""
        if name not in self._stuck:
            _log.error("mail %s cannot be taken: %s", name, exc)
        self._stick(name, _SHUT_US)

    def _land(self, name: str, mail: Arrived, source: str) -> None:
        try:
            self._hands.land(mail.content, source, mail.at)
        except Exception as exc:
            if _away(exc) is not None:
                raise
            _log.exception("mail %s made the desk stumble; it is set aside", name)
            fault = type(exc).__name__
            self._hands.land_unread(mail.content, source, mail.at, fault)

    def _stick(self, name: str, span_us: int) -> None:
        self._stuck[name] = self._hands.clock.monotonic_us() + span_us


def _away(exc: Exception) -> str | None:
    """Why the database takes nothing now; None: it is this mail that it refuses.

    All mails wait for a database that is away; a mail is never a reason to.
    """
    if isinstance(exc, StoreError | db_errors.TimeoutError):
        return str(exc)
    if not isinstance(exc, db_errors.OperationalError | db_errors.InterfaceError):
        return None
    state = str(getattr(exc.orig, "sqlstate", None) or "")
    if state.startswith(_TOO_MUCH):
        return None
    if getattr(exc.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return None
    return str(exc.orig)


class SpoolTaker:
    """Takes what the pipe brought; one task of the loop."""

    def __init__(self, spool: Spool, hands: Hands) -> None:
        self._spool = spool
        self._hands = hands
        self._taker = Taker(hands)
        self._ending = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take from now on."""
        self._running = asyncio.create_task(self._run(), name="desk mail spool")

    async def stop(self, *, patience_s: float) -> None:
        """Take no more, in `patience_s` at most; what waits stays where it is."""
        self._ending.set()
        if self._running is not None:
            await asyncio.wait([self._running], timeout=patience_s)
            self._running.cancel()
            await asyncio.wait([self._running])

    def take(self) -> int:
        """Take all that waits; how many were taken. Blocks."""
        taken = 0
        for path in self._spool.waiting():
            if self._ending.is_set():
                break
            taken += self._one(path)
        return taken

    def _one(self, path: Path) -> bool:
        if not self._taker.may(path.name):
            return False
        try:
            mail = self._spool.read(path)
            if not self._taker.hand(path.name, mail, "pipe"):
                return False
            self._spool.taken(path)
        except FileNotFoundError:
            return False
        except OSError as exc:  # of another user's, for one
            self._taker.shut(path.name, exc)
            return False
        return True

    async def _tidy(self) -> None:
        try:
            await offload(self._spool.tidy, self._hands.clock.wall())
        except OSError as exc:
            _log.error("what was never whole stays in the spool: %s", exc)

    async def _run(self) -> None:
        await self._tidy()
        failures = 0
        while not self._ending.is_set():
            pause = _SPOOL_S
            try:
                await offload(self.take)
                failures = 0
            except (LaterError, OSError) as exc:
                failures += 1
                _log.error("mails in the spool wait: %s", exc)
                pause = _BACKOFF.delay_s(failures, self._hands.rng)
            try:
                async with asyncio.timeout(pause):
                    await self._ending.wait()
            except TimeoutError:
                continue


class MailboxTaker:
    """Takes what comes into a mailbox; a thread of its own.

    `led` is entered for each mail: only one desk of several on one database takes it.
    """

    def __init__(
        self,
        opened: Callable[[], Mailbox],
        hands: Hands,
        *,
        folder: str,
        line: Line,
        led: Callable[[], AbstractContextManager[bool]],
    ) -> None:
        self._opened = opened
        self._hands = hands
        self._source = f"imap:{folder}"
        self._line = line
        self._led = led
        self._taker = Taker(hands)
        self._taken: set[tuple[int, int]] = set()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._box: Mailbox | None = None
        self._thread = threading.Thread(
            target=self._run, name="desk mailbox", daemon=True
        )

    def start(self) -> None:
        """Take from now on."""
        self._thread.start()

    def stop(self, *, patience_s: float) -> None:
        """Take no more, in `patience_s` at most; blocks."""
        with self._lock:
            self._ending.set()
            box = self._box
        if box is not None:
            box.cut()
        self._thread.join(patience_s)

    def _run(self) -> None:
        failures = 0
        while not self._ending.is_set():
            backoff = _BACKOFF
            try:
                self._session(self._opened())
                failures = 0
                continue
            except MailboxError as exc:
                backoff = _REFUSED if exc.refused else _BACKOFF
                why = str(exc)
            except LaterError as exc:
                why = f"the desk takes nothing just now: {exc}"
            except Exception as exc:  # noqa: BLE001 - without it no mail comes in
                _log.exception("the reader of the mailbox stumbled")
                why = f"{type(exc).__name__}: {exc}"
            if self._ending.is_set():
                return
            looked = self._line.read()
            if looked is not None and looked.lost is None:
                failures = 0  # it was fine until now
            failures += 1
            self._line.lost(self._hands.clock.wall(), why)
            self._ending.wait(backoff.delay_s(failures, self._hands.rng))

    def _session(self, box: Mailbox) -> None:
        """Look into the mailbox and listen, until the end or a `MailboxError`."""
        with self._lock:
            if self._ending.is_set():
                return
            self._box = box
        try:
            box.open()
            while not self._ending.is_set():
                found = self._round(box)
                box.wait(_AFTER_S if found else IDLE_S)
        finally:
            with self._lock:
                self._box = None
            box.close()

    def _round(self, box: Mailbox) -> int:
        """Take all that waits there; how many."""
        waiting = box.waiting()
        self._taken &= {(box.validity, uid) for uid in waiting}
        taken, refusal = 0, None
        for uid in waiting:
            if self._ending.is_set():
                break
            try:
                taken += self._one(box, uid)
            except MailboxError as exc:
                # Of this mail, or of the line: then the next one says the same.
                refusal = exc
                if not box.alive:
                    break
        if refusal is not None:
            raise refusal
        self._line.looked(self._hands.clock.wall())
        return taken

    def _one(self, box: Mailbox, uid: int) -> bool:
        """Take one; it is fetched before it is this desk's turn, however long that
        takes: a duty that stands still is another desk's.
        """
        place = (box.validity, uid)
        name = f"{self._source}/{box.validity}/{uid}"
        mail = None
        if place not in self._taken:
            if not self._taker.may(name):
                return False
            mail = box.fetch(uid)
            if mail is None:
                return False
        with self._led() as mine:
            # Another desk may have taken it meanwhile.
            if not mine or uid not in box.waiting():
                return False
            if mail is not None and not self._taker.hand(name, mail, self._source):
                return False
            self._taken.add(place)
            box.done(uid)
        self._taken.discard(place)
        return True
