"""A DNS server on loopback that answers as a test's function says."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import dns.message

Answer = Callable[[dns.message.Message], list[bytes]]
"""The packets sent back for a question, in order; none is silence."""


class _Server(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        for packet in self._answer(dns.message.from_wire(data)):
            self._transport.sendto(packet, addr)


@asynccontextmanager
async def dns_server(
    udp: Answer, tcp: Answer | None = None, *, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Serve on a free port; without `tcp` a connection is refused."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert tcp is not None
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        question = dns.message.from_wire(await reader.readexactly(size))
        for packet in tcp(question):
            writer.write(packet)
        writer.close()

    server, port = None, 0
    if tcp is not None:
        server = await asyncio.start_server(serve, host, 0)
        port = server.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Server(udp), local_addr=(host, port), family=family
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        if server is not None:
            server.close()
            await server.wait_closed()
