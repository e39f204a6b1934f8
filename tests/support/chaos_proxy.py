"""A proxy of ours that loses, repeats, delays and cuts what two programs say.

Before a desk it works on whole requests: one may not arrive, arrive twice (the
second time later, after others), or its reply may be lost when it has been
committed. Before a mail server a connection may be cut at any byte of a mail, or
after the mail was taken and before its 250 arrives. As a plain `line` it only
has so many bits a second in each direction.
"""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic

_HOST = "127.0.0.1"
_END_OF_MAIL = b"\r\n.\r\n"
RATE = 10_000_000 / 8
"""Bytes a second of a `line`: 10 Mbit/s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Shares of what happens to a request or a mail; `delay_s` is the longest."""

    lost: float = 0.20
    twice: float = 0.20
    reply_lost: float = 0.20
    delay_s: float = 0.02
    later_s: float = 0.5


@dataclass(slots=True)
class _Fate:
    """What befalls the next mail on a connection to the mail server."""

    cut_at: int | None
    swallow: bool
    passed: int = 0
    whole: bool = False


class ChaosProxy:
    """Listens on `port` and speaks with `upstream`; counts what it did."""

    def __init__(self, upstream: int, rng: random.Random, weather: Weather) -> None:
        self.upstream = upstream
        self.port = 0
        self.counts: Counter[str] = Counter()
        self._rng = rng
        self._weather = weather
        self._later: set[asyncio.Task[None]] = set()
        self._free_at = {"up": 0.0, "down": 0.0}

    async def http(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection of an agent, request by request."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while request := await _message(reader):
                self.counts["requests"] += 1
                reply = await self._passed(request)
                if reply is None:
                    break
                writer.write(reply)
                await writer.drain()
        writer.close()

    async def _passed(self, request: bytes) -> bytes | None:
        """The reply, or None where the connection breaks."""
        rng, weather = self._rng, self._weather
        await asyncio.sleep(rng.uniform(0, weather.delay_s))
        if rng.random() < weather.lost:
            self.counts["lost"] += 1
            return None
        if rng.random() < weather.twice:
            self.counts["twice"] += 1
            task = asyncio.create_task(self._again(request))
            self._later.add(task)
            task.add_done_callback(self._later.discard)
        reply = await self._asked(request)
        if rng.random() < weather.reply_lost:
            self.counts["reply lost"] += 1
            return None
        return reply

    async def _again(self, request: bytes) -> None:
        """The same request once more, after others; nobody reads its reply."""
        await asyncio.sleep(self._rng.uniform(0, self._weather.later_s))
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._asked(request)

    async def _asked(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(_HOST, self.upstream)
        try:
            writer.write(request)
            await writer.drain()
            return await _message(reader)
        finally:
            writer.close()

    async def line(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection over a line that all share."""
        self.counts["connections"] += 1
        with suppress(OSError):
            server_in, server_out = await asyncio.open_connection(_HOST, self.upstream)
            try:
                await asyncio.gather(
                    self._carried("up", reader, server_out),
                    self._carried("down", server_in, writer),
                )
            finally:
                server_out.close()
        writer.close()

    async def _carried(
        self, way: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        """One direction, to its end: a chunk leaves when those before it have."""
        while data := await source.read(8192):
            self.counts[f"bytes {way}"] += len(data)
            begins = max(self._free_at[way], monotonic())
            self._free_at[way] = begins + len(data) / RATE
            await asyncio.sleep(self._free_at[way] - monotonic())
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()

    async def smtp(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection of a desk to its mail server."""
        self.counts["connections"] += 1
        await asyncio.sleep(self._rng.uniform(0, self._weather.delay_s))
        with suppress(OSError):
            server_in, server_out = await asyncio.open_connection(_HOST, self.upstream)
            try:
                await self._relay(reader, writer, server_in, server_out)
            finally:
                server_out.close()
        writer.close()

    def _fate(self) -> _Fate:
        rng, weather = self._rng, self._weather
        fate = rng.random()
        return _Fate(
            cut_at=rng.randrange(2_000) if fate < weather.lost else None,
            swallow=weather.lost <= fate < weather.lost + weather.reply_lost,
        )

    async def _relay(
        self,
        client_in: asyncio.StreamReader,
        client_out: asyncio.StreamWriter,
        server_in: asyncio.StreamReader,
        server_out: asyncio.StreamWriter,
    ) -> None:
        """Both directions, until one end closes or the line is cut."""
        fate = self._fate()

        async def up() -> None:
            tail = b""
            while data := await client_in.read(1024):
                fate.passed += len(data)
                if fate.cut_at is not None and fate.passed > fate.cut_at:
                    self.counts["cut"] += 1
                    return
                tail = (tail + data)[-len(_END_OF_MAIL) :]
                fate.whole = fate.whole or tail == _END_OF_MAIL
                server_out.write(data)
                await server_out.drain()

        async def down() -> None:
            nonlocal fate
            while data := await server_in.read(1024):
                if fate.whole:
                    taken = data.startswith(b"250")
                    if fate.swallow:
                        self.counts["250 lost"] += taken
                        return
                    self.counts["mails"] += taken
                    fate = self._fate()
                client_out.write(data)
                await client_out.drain()

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message, head and body; empty at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as exc:
        if exc.partial:
            raise
        return b""
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


@contextmanager
def chaos_proxy(
    upstream: int, *, speaks: str, seed: int, weather: Weather | None = None
) -> Iterator[ChaosProxy]:
    """A proxy of `http`, `smtp` or a `line` in a thread of its own, until the end."""
    proxy = ChaosProxy(upstream, random.Random(seed), weather or Weather())
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        handles = {"http": proxy.http, "smtp": proxy.smtp, "line": proxy.line}
        handle = handles[speaks]
        server = await asyncio.start_server(handle, _HOST, 0, limit=1 << 22)
        proxy.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await stop.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
