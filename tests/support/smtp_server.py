"""A real SMTP server on loopback that behaves as a test tells it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from support.ports import free_port


class Box:
    """What the server took, and what it is to do with the next mails.

    `replies` are used up one a mail: a status line, or `drop` for a connection
    cut after the mail was taken and before its 250.
    """

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.replies: list[str] = []
        self.rcpt: list[str] = []
        self.port = 0
        self.arrived = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._lines: list[asyncio.Transport] = []

    @property
    def sessions(self) -> int:
        """How many connections have brought a mail."""
        return len(self._lines)

    def drop_all(self) -> None:
        """Cut every connection, and wait until they are."""

        async def drop() -> None:
            for line in self._lines:
                line.abort()
            await asyncio.sleep(0)  # the sockets are closed in the loop's next turn
            assert all(one.get_extra_info("socket").fileno() < 0 for one in self._lines)

        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(drop(), self.loop).result(20)

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take the recipient, or answer what stands in `rcpt`."""
        line = cast(asyncio.Transport, server.transport)
        if line not in self._lines:
            self._lines.append(line)
        if self.rcpt:
            return self.rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take the mail, or not."""
        reply = self.replies.pop(0) if self.replies else "250 taken"
        content = envelope.content
        assert isinstance(content, bytes)
        if reply == "drop" or reply.startswith("250"):
            self.taken.append(BytesParser(policy=default).parsebytes(content))
            self.arrived.set()
        if reply == "drop":
            cast(asyncio.Transport, server.transport).abort()
        return reply


@contextmanager
def smtp_server() -> Iterator[Box]:
    """Serve on a free port until the end."""
    box = Box()
    box.port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    box.loop = controller.loop
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
