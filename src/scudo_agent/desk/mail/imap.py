"""A mailbox on an IMAP server: what waits in it, one mail, and that one is done.

Every command has its deadline: a server that drips a byte a minute holds nobody. A
mail's size is asked for first, and no more of it is fetched than is taken.
"""

import imaplib
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from scudo_agent.config.secret import Secret
from scudo_agent.desk.mail.incoming import HEADER_BYTES, SIZE, left_out
from scudo_agent.desk.mail.spool import Arrived
from scudo_agent.desk.settings import DeskSettings, Imap
from scudo_agent.instant import from_datetime

_POLL_S = 60.0
"""So often a server without IDLE is asked."""

_SLOW = 32 * 1024
"""Bytes a second that a line has at least."""

_FAULTS = (
    OSError,
    imaplib.IMAP4.error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
)
"""A line that broke, a server that refuses, and what a strange answer does to the
library's parser."""

logging.getLogger("imapclient").setLevel(logging.WARNING)  # it logs whole mails


class MailboxError(Exception):
    """The mailbox cannot be used just now; `refused`: the server does not let us in."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


class Mailbox:
    """One session with a mailbox, of one thread; `cut` is for any other."""

    def __init__(self, settings: Imap, password: Secret, *, ca: str | None) -> None:
        self._settings = settings
        self._password = password
        self._ca = ca
        self._client: IMAPClient | None = None
        self._cut = threading.Event()
        self._broken = False
        self.validity = 0
        """Numbers of mails mean the same mails while this stays the same."""

    @property
    def alive(self) -> bool:
        """Whether the line still carries commands, whatever was refused."""
        return not self._broken and not self._cut.is_set()

    def open(self) -> None:
        """Connect, log in, and look into the folder; `MailboxError` if it cannot be."""
        try:
            with self._deadline(self._settings.timeout_s, "no log-in"):
                self._open()
        except MailboxError:
            self.close()
            raise

    def _open(self) -> None:
        settings = self._settings
        self._client = client = self._connected()
        client.normalise_times = False  # dates with the server's offset
        if self._cut.is_set():
            raise OSError("is to end")
        if settings.tls == "starttls":
            client.starttls(self._context())
        try:
            client.login(settings.user, self._password.reveal())
        except LoginError as exc:
            said = f"log-in refused: {_line(exc)}"
            raise MailboxError(said, refused=True) from None
        folder = settings.move_to
        if folder is not None and not client.folder_exists(folder):
            client.create_folder(folder)
        answer = client.select_folder(settings.folder)
        self.validity = int(answer.get(b"UIDVALIDITY", 0))

    def waiting(self) -> list[int]:
        """Numbers of mails that are not done yet, the oldest first."""
        wanted = ["UNDELETED"] if self._settings.move_to else ["UNSEEN", "UNDELETED"]
        with self._deadline(self._settings.timeout_s, "no list of mails"):
            return sorted(int(uid) for uid in self._there.search(wanted))

    def fetch(self, uid: int) -> Arrived | None:
        """A mail as it stands there, not marked as read; None if it is gone.

        Of one that is too large only the headers are fetched.
        """
        timeout_s = self._settings.timeout_s
        with self._deadline(timeout_s, "no size of a mail"):
            sizes = self._there.fetch([uid], [b"RFC822.SIZE"])
        if uid not in sizes:
            return None
        size = int(sizes[uid][b"RFC822.SIZE"])
        large = size > SIZE
        what = b"BODY.PEEK[HEADER]<0.%d>" % HEADER_BYTES
        if not large:
            what = b"BODY.PEEK[]<0.%d>" % (SIZE + 1)
        patience_s = timeout_s + (0 if large else size) / _SLOW
        with self._deadline(patience_s, "a mail did not come"):
            answer = self._there.fetch([uid], [what, b"INTERNALDATE"]).get(uid)
        if answer is None:
            return None
        data = next((v for k, v in answer.items() if k.startswith(b"BODY[")), None)
        if not isinstance(data, bytes):
            raise MailboxError(f"mail {uid} has no content there")
        if large or len(data) > SIZE:  # servers are known that guess a size
            data = left_out(data, max(size, len(data)))
        at = answer.get(b"INTERNALDATE")
        return Arrived(data, from_datetime(at) if isinstance(at, datetime) else None)

    def done(self, uid: int) -> None:
        """The mail was taken: mark it as seen, or move it away."""
        client = self._there
        with self._deadline(self._settings.timeout_s, "a mail could not be marked"):
            if (folder := self._settings.move_to) is None:
                client.add_flags([uid], [rb"\Seen"], silent=True)
            elif client.has_capability("MOVE"):
                client.move([uid], folder)
            else:
                client.copy([uid], folder)
                client.add_flags([uid], [rb"\Deleted"], silent=True)
                if client.has_capability("UIDPLUS"):
                    client.uid_expunge([uid])

    def wait(self, seconds: float) -> None:
        """Return when the server says that something is new, or after `seconds`."""
        client, timeout_s = self._there, self._settings.timeout_s
        if not client.has_capability("IDLE"):
            self._cut.wait(min(seconds, _POLL_S))
            with self._deadline(timeout_s, "no answer"):
                client.noop()
            return
        with self._deadline(timeout_s, "no answer"):
            client.idle()
        with self._translated("the line broke"):
            client.idle_check(timeout=seconds)
        with self._deadline(timeout_s, "no answer"):
            client.idle_done()

    def cut(self) -> None:
        """End what the session is about, from another thread: the line is cut."""
        self._cut.set()
        client = self._client
        if client is None:
            return
        with suppress(OSError, AttributeError):
            # Not TLS's own: that one takes from its thread what that one works with.
            socket.socket.shutdown(client.socket(), socket.SHUT_RDWR)

    def close(self) -> None:
        """Leave; no good-bye is waited for."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(*_FAULTS):
                client.shutdown()

    @property
    def _there(self) -> IMAPClient:
        if self._client is None or self._cut.is_set():
            raise MailboxError("the session is over")
        return self._client

    def _connected(self) -> IMAPClient:
        settings = self._settings
        secure = settings.tls == "implicit"
        return IMAPClient(
            settings.host,
            port=settings.port,
            ssl=secure,
            ssl_context=self._context() if secure else None,
            timeout=settings.timeout_s,
        )

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._ca)

    @contextmanager
    def _deadline(self, seconds: float, what: str) -> Iterator[None]:
        """Cut the line when a command is not over in time."""
        late = threading.Event()

        def over() -> None:
            late.set()
            self.cut()

        timer = threading.Timer(seconds, over)
        timer.daemon = True
        timer.start()
        try:
            with self._translated(what):
                yield
        except MailboxError:
            if late.is_set():
                raise MailboxError(f"{what} within {seconds:.0f} s") from None
            raise
        finally:
            timer.cancel()

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except _FAULTS as exc:
            refused = isinstance(exc, imaplib.IMAP4.error)
            self._broken |= not refused or isinstance(exc, imaplib.IMAP4.abort)
            raise MailboxError(f"{what}: {_line(exc)}") from None


def mailbox(settings: DeskSettings, imap: Imap, password: Secret) -> Mailbox:
    """A session with the mailbox of the settings, not yet opened."""
    ca = settings.imap_ca
    return Mailbox(imap, password, ca=None if ca is None else str(ca))


def looked_into(settings: DeskSettings, imap: Imap, password: Secret) -> int:
    """Look into the mailbox once, and change nothing; how many mails wait there."""
    box = mailbox(settings, imap.model_copy(update={"done": "seen"}), password)
    box.open()
    try:
        return len(box.waiting())
    finally:
        box.close()


def _line(exc: BaseException) -> str:
    """What an error says, on one line."""
    text = str(exc.strerror) if isinstance(exc, OSError) and exc.strerror else str(exc)
    return " ".join(text.split())[:300] or type(exc).__name__
