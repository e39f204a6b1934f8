"""The demo's web server, a process of its own: `python -m scudo_agent.demo.web`.

It serves a login page by HTTP and by HTTPS. While the file `broken` is there its
HTTP listener is closed, or its pages are 503 if that is what the file says; SIGUSR1
makes it look. A file, so that a demo that was killed comes back as it was. It ends
with the process that started it.
"""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from pathlib import Path

from scudo_agent.demo.process import die_with_parent

HOST = "127.0.0.1"
BROKEN = "broken"
_PAGE = b"""<!doctype html>
<html lang="it">
<meta charset="utf-8">
<title>Demo S.p.A.</title>
<h1>Area riservata</h1>
<form method="post" action="/login">
<label>Utente <input name="user"></label>
<label>Password <input name="password" type="password"></label>
<button>Accedi</button>
</form>
</html>
"""
_DOWN = b"""<!doctype html>
<html lang="it">
<meta charset="utf-8">
<title>Demo S.p.A.</title>
<body style="margin: 64px; font: 24px sans-serif; color: #fff; background: #7a1f1f">
<h1>503 &ndash; Fuori servizio</h1>
<p>L&rsquo;applicazione non risponde. (<code>demo break web --with 503</code>)</p>
</html>
"""
UNAVAILABLE = "503"
_WAIT_S = 5.0


def reply(head: bytes, *, broken: bool = False) -> bytes:
    """The whole HTTP reply to the head of a request."""
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    status, body = b"404 Not Found", b"not here\n"
    if method not in (b"GET", b"HEAD"):
        status, body = b"405 Method Not Allowed", b"only GET and HEAD\n"
    elif path in (b"/", b"/login"):
        status, body = b"200 OK", _PAGE
        if broken:
            status, body = b"503 Service Unavailable", _DOWN
    kind = b"text/html" if body.startswith(b"<!doctype") else b"text/plain"
    return (
        b"HTTP/1.1 %s\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n" % (status, kind, len(body))
    ) + (b"" if method == b"HEAD" else body)


def _place(port: int) -> socket.socket:
    """The port, taken for as long as the process lives, whether it listens or not.

    A port that is only bound refuses connections as a closed one does, and no other
    program can answer in the web server's name meanwhile.
    """
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind((HOST, port))
    return place


class Web:
    """Both listeners, and the file that tells others how they stand."""

    def __init__(self, run: Path, *, http: int, tls: int) -> None:
        self._run = run
        self._http, self._tls = http, tls
        self._listener: asyncio.Server | None = None
        self._place: socket.socket | None = None
        self._broken = False
        self._change = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, certificate: Path) -> asyncio.Server:
        """Listen as the file says; returns the HTTPS listener."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        secure = await asyncio.start_server(self._serve, HOST, self._tls, ssl=context)
        await self.follow()
        return secure

    def look(self) -> None:
        """Follow the file, from a signal handler."""
        task = asyncio.get_running_loop().create_task(self.follow())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def follow(self) -> None:
        """Open or close the HTTP listener as the file says, and tell it."""
        async with self._change:
            order = self._order()
            self._broken = order == UNAVAILABLE
            wanted = order in (None, UNAVAILABLE)
            if self._place is None:
                self._place = _place(self._http)
            if wanted and self._listener is None:
                # What it listens on is a copy: closing that keeps the port ours.
                self._listener = await asyncio.start_server(
                    self._serve, sock=self._place.dup()
                )
            elif not wanted and self._listener is not None:
                self._listener.close()
                self._listener = None
                self._place.shutdown(socket.SHUT_RD)
            self._tell(wanted)

    def close(self) -> None:
        """Let go of the port."""
        if self._listener is not None:
            self._listener.close()
        if self._place is not None:
            self._place.close()

    def _order(self) -> str | None:
        """How to be broken; None when it is not to be."""
        try:
            return (self._run / BROKEN).read_text("ascii").strip()
        except FileNotFoundError:
            return None

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            async with asyncio.timeout(_WAIT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(reply(head, broken=self._broken))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (
            TimeoutError,
            OSError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ):
            writer.transport.abort()  # the client left, stalled or talks something else

    def _tell(self, is_open: bool) -> None:
        state = {"pid": os.getpid(), "open": is_open, "port": self._http}
        state["unavailable"] = self._broken
        new = self._run / "web.json.new"
        new.write_text(json.dumps(state), encoding="utf-8")
        new.replace(self._run / "web.json")


async def _main(run: Path, http: int, tls: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    web = Web(run, http=http, tls=tls)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, web.look)
    secure = await web.start(run.parent / "tls" / "web.pem")
    await ended.wait()
    secure.close()
    web.close()


def main(argv: list[str]) -> int:
    """`RUN HTTP-PORT TLS-PORT PARENT-PID`; 0 when told to end."""
    run, http, tls, parent = Path(argv[0]), *map(int, argv[1:4])
    die_with_parent(parent)
    try:
        asyncio.run(_main(run, http, tls))
    except OSError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
