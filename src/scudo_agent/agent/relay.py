"""From a browser's cage to the one address that it may see."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from scudo_agent.probes.connect import Resolved

BYTES = 32 * 1024 * 1024
"""Of all answers together: enough for a heavy page, too little for a flood."""

CONNECTIONS = 32
_CHUNK = 65536


class _Relay:
    """Passes bytes on in both directions, as long as there is something left."""

    def __init__(self, to: Resolved, port: int, budget: list[int]) -> None:
        self._to = to.host_port(port)
        self._budget = budget
        self.tasks: set[asyncio.Task[None]] = set()

    def accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Serve one connection of the browser."""
        if len(self.tasks) >= CONNECTIONS:
            back.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(near, back))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(
        self, near: asyncio.StreamReader, back: asyncio.StreamWriter
    ) -> None:
        try:
            far, forth = await asyncio.open_connection(*self._to, limit=_CHUNK)
        except OSError:
            back.transport.abort()  # as the browser would have found it itself
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(near, forth))
                group.create_task(self._pass(far, back))
        except* OSError:
            pass  # one side is gone, and the other need not know more
        finally:
            forth.transport.abort()
            back.transport.abort()

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(_CHUNK):
            self._budget[0] -= len(data)
            if self._budget[0] < 0:
                raise ConnectionAbortedError
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()


@asynccontextmanager
async def relayed(
    listening: Sequence[socket.socket], to: Resolved, ports: Sequence[int]
) -> AsyncIterator[None]:
    """Pass on what comes to each socket to the port in its place at `to`."""
    budget = [BYTES]
    relays = [_Relay(to, port, budget) for port in ports]
    async with AsyncExitStack() as stack:
        for one, relay in zip(listening, relays, strict=True):
            server = await asyncio.start_server(relay.accept, sock=one, limit=_CHUNK)
            stack.callback(server.close)
        try:
            yield
        finally:
            tasks = [task for relay in relays for task in relay.tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
