"""Handing a mail over: to an SMTP server, or into a Maildir.

`send` blocks and runs in an executor. It raises `TransportError`, which says
whether trying again can help.
"""

import mailbox
import os
import smtplib
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from scudo_agent.config.secret import Secret
from scudo_agent.desk.settings import DeskSettings, Smtp

PER_CONNECTION = 20
"""So many mails go over one connection at most."""

_DONE = 250


class TransportError(Exception):
    """The mail was not accepted; `permanent` means that it never will be.

    `answered`: a server said so; else there is none, or the line to it broke.
    """

    def __init__(
        self, reason: str, *, permanent: bool = False, answered: bool = False
    ) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.answered = answered


class Transport(Protocol):
    """How mails leave; any thread may call it."""

    def send(self, sender: str, recipient: str, data: bytes) -> None:
        """Hand over one mail; return when the other side has taken charge of it."""

    def rest(self) -> None:
        """There is nothing more to send just now: let go of what is kept."""


class SmtpTransport:
    """A connection for each thread that sends, kept until there is nothing to send.

    One that is used again is asked first whether it is still there (`RSET`), and it
    carries `PER_CONNECTION` mails at most: servers limit that.
    """

    def __init__(self, settings: Smtp, password: Secret | None, *, host: str) -> None:
        self._settings = settings
        self._password = password
        self._host = host
        self._open: list[tuple[smtplib.SMTP, int]] = []
        self._lock = threading.Lock()

    def send(self, sender: str, recipient: str, data: bytes) -> None:
        """Deliver; a 5xx to sender, recipient or data is permanent.

        Everything else (no connection, 4xx, a connection lost after DATA, a
        wrong password) is worth another try with the same Message-ID.
        """
        server = None
        try:
            server, carried = self._kept() or (self._connected(), 0)
            server.sendmail(sender, [recipient], data)
        except smtplib.SMTPRecipientsRefused as exc:
            code, reply = next(iter(exc.recipients.values()))
            raise _refused(code, reply) from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as exc:
            raise _refused(exc.smtp_code, exc.smtp_error) from None
        except (OSError, smtplib.SMTPException) as exc:
            raise TransportError(f"{type(exc).__name__}: {exc}") from None
        else:
            self._keep(server, carried + 1)
            server = None
        finally:
            if server is not None:
                _leave(server)

    def reach(self) -> None:
        """Connect as a mail would, with TLS and log-in, and leave again.

        `OSError` or `SMTPException` as the connection says.
        """
        _leave(self._connected())

    def rest(self) -> None:
        """Close the connections that nobody sends through."""
        while kept := self._pop():
            _leave(kept[0])

    def _pop(self) -> tuple[smtplib.SMTP, int] | None:
        with self._lock:
            return self._open.pop() if self._open else None

    def _kept(self) -> tuple[smtplib.SMTP, int] | None:
        """A connection that is still there, and how many mails it has carried."""
        while kept := self._pop():
            with suppress(OSError, smtplib.SMTPException):
                if kept[0].rset()[0] == _DONE:
                    return kept
            kept[0].close()  # the server has done with it: another one is opened
        return None

    def _keep(self, server: smtplib.SMTP, carried: int) -> None:
        if carried < PER_CONNECTION:
            with self._lock:
                self._open.append((server, carried))
        else:
            _leave(server)

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        timeout = settings.timeout_s
        server: smtplib.SMTP
        if settings.tls == "implicit":
            server = smtplib.SMTP_SSL(
                settings.host,
                settings.port,
                local_hostname=self._host,
                timeout=timeout,
                context=self._context(),
            )
        else:
            server = smtplib.SMTP(
                settings.host,
                settings.port,
                local_hostname=self._host,
                timeout=timeout,
            )
        try:
            if settings.tls == "starttls":
                server.starttls(context=self._context())
            if settings.user is not None and self._password is not None:
                server.login(settings.user, self._password.reveal())
        except BaseException:
            server.close()
            raise
        return server

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca)


class MaildirTransport:
    """Puts mails into a Maildir, written through to the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def rest(self) -> None:
        """Nothing is kept."""

    def send(self, sender: str, recipient: str, data: bytes) -> None:
        """Add one mail; a full or read-only disk is worth another try."""
        with self._lock:  # the names that Python gives are a process's, not a thread's
            self._add(data)

    def _add(self, data: bytes) -> None:
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            box = mailbox.Maildir(self._folder, create=True)
            key = box.add(data)
            new = self._folder / "new"
            handle = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as exc:
            raise TransportError(f"{self._folder}: {exc.strerror or exc}") from None
        if not key:
            raise TransportError(f"{self._folder}: the mail got no name")


def transport_for(settings: DeskSettings) -> Transport:
    """The way that the settings ask for."""
    if settings.mail.smtp is not None:
        return SmtpTransport(
            settings.mail.smtp,
            settings.smtp_password(),
            host=settings.mail.message_host,
        )
    return MaildirTransport(settings.maildir)


def _refused(code: int, reply: bytes | str) -> TransportError:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return TransportError(f"{code} {text}", permanent=code >= 500, answered=True)


def _leave(server: smtplib.SMTP) -> None:
    """Say good-bye and close; no answer is waited for, it could take long."""
    with suppress(OSError, smtplib.SMTPException):
        server.putcmd("quit")
    server.close()
