"""The browser's only road: what passes, and what is too much."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from scudo_agent.agent import relay
from scudo_agent.agent.relay import relayed
from scudo_agent.probes.connect import Resolved

Scene = Callable[[int], Awaitable[None]]


async def _upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each line in capitals until the other side has said all."""
    try:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()
    except OSError:
        writer.transport.abort()


def play(scene: Scene, *, open_port: bool = True) -> None:
    """Run the scene with the port of a relay to a server that shouts."""

    async def run() -> None:
        server = await asyncio.start_server(_upper, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if not open_port:
            server.close()
        near = socket.create_server(("127.0.0.1", 0))
        to = Resolved(socket.AF_INET, "127.0.0.1")
        async with asyncio.timeout(20), relayed([near], to, [port]):
            await scene(near.getsockname()[1])
        server.close()

    asyncio.run(run())


async def ask(port: int, text: bytes) -> bytes:
    """Say it, end, and read all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text)
        writer.write_eof()
        return await reader.read()
    except OSError:
        return b""
    finally:
        writer.transport.abort()


def test_bytes_pass_in_both_directions() -> None:
    async def scene(port: int) -> None:
        assert await ask(port, b"hello\nagain\n") == b"HELLO\nAGAIN\n"
        assert await ask(port, b"once more\n") == b"ONCE MORE\n"

    play(scene)


def test_a_server_that_refuses_is_a_closed_connection() -> None:
    async def scene(port: int) -> None:
        assert await ask(port, b"hello\n") == b""

    play(scene, open_port=False)


def test_more_than_a_page_may_be_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BYTES", 1000)

    async def scene(port: int) -> None:
        assert await ask(port, b"x" * 100 + b"\n") == b"X" * 100 + b"\n"
        assert await ask(port, b"x" * 2000 + b"\n") == b""
        assert await ask(port, b"x\n") == b""  # one budget for the whole picture

    play(scene)


def test_too_many_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "CONNECTIONS", 2)

    async def scene(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in held:
            writer.write(b"a\n")
            assert await reader.readline() == b"A\n"
        assert await ask(port, b"b\n") == b""
        for _, writer in held:
            writer.transport.abort()

    play(scene)


def test_what_is_under_way_ends_with_the_picture() -> None:
    async def run() -> None:
        server = await asyncio.start_server(_upper, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        near = socket.create_server(("127.0.0.1", 0))
        to = Resolved(socket.AF_INET, "127.0.0.1")
        async with asyncio.timeout(20):
            async with relayed([near], to, [port]):
                reader, writer = await asyncio.open_connection(*near.getsockname())
                writer.write(b"a\n")
                assert await reader.readline() == b"A\n"
            with suppress(ConnectionResetError):  # cut as hard as can be
                assert await reader.read() == b""
            writer.transport.abort()
        server.close()

    asyncio.run(run())
