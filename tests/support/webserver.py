"""Web servers for the tests: a real nginx, and asyncio servers that misbehave."""

import asyncio
import os
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.certs import Pair
from support.ports import free_port

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    default_type text/html;
    server {{
        listen 127.0.0.1:{http};
        listen [::1]:{http};
        listen 127.0.0.1:{https} ssl;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location = / {{ return 200 "<html><h1>Accedi</h1> per favore</html>"; }}
        location = /broken {{ return 503 "chiuso"; }}
        location = /redirect {{ return 302 /; }}
        location = /loop {{ return 302 /loop; }}
        location = /away {{ return 301 http://192.0.2.9/; }}
        location = /nowhere {{ return 302 ftp://192.0.2.9/; }}
        location = /empty {{ return 204; }}
        location = /agent {{ return 200 "$http_user_agent|$http_x_test|$host"; }}
        location = /secret {{ return 200 "$http_authorization"; }}
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Ports of a running nginx."""

    http: int
    https: int


@contextmanager
def running_nginx(folder: Path, pair: Pair) -> Iterator[Nginx]:
    """Start nginx on loopback, plain and with TLS, and wait until it listens."""
    ports = Nginx(free_port(), free_port())
    conf = folder / "nginx.conf"
    conf.write_text(
        NGINX.format(
            folder=folder,
            http=ports.http,
            https=ports.https,
            cert=pair.cert,
            key=pair.key,
        )
    )
    server = subprocess.Popen(
        ["nginx", "-c", str(conf), "-p", str(folder), "-e", str(folder / "error.log")],
        env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(ports.https, server, folder / "error.log")
        yield ports
    finally:
        server.terminate()
        server.wait(timeout=10)


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nginx does not listen: {log.read_text()[-2000:]}")


@asynccontextmanager
async def raw_server(
    handler: Handler, *, pair: Pair | None = None
) -> AsyncIterator[int]:
    """Serve every connection with `handler`; yields the port.

    What a connection breaks on is the handler's own matter.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            tasks.discard(task)

    context = None
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def answering(*parts: bytes, close: bool = True) -> Handler:
    """A server that reads a request and sends the parts, then closes."""

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if close:
            writer.close()
            await writer.wait_closed()
        else:
            await reader.read()

    return handle


def endless(first: bytes, again: bytes, *, every_s: float = 0.0) -> Handler:
    """A server that sends `first` and then `again` for ever."""

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(every_s)

    return handle
