"""The desk's socket and its web server, inside a loop that is not its own."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from scudo_agent.errors import PortInUseError

WAITING = 128
"""Connections that wait to be taken; without descriptors asyncio logs so many."""


class Server(uvicorn.Server):
    """uvicorn inside a loop that is not its own: signals are the owner's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signal handlers alone."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, and tell when it is over however it ended."""
        try:
            await super().serve(sockets=sockets)
        finally:
            self.ended.set()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; `PortInUseError` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(WAITING)
    except OSError as exc:
        listener.close()
        raise PortInUseError(
            f"the desk cannot listen on {host}:{port}: {exc.strerror}"
        ) from None
    return listener
