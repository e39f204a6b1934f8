"""One HTTP/1.1 answer, read within bounds, as an asyncio protocol on httptools.

Whatever a server sends, the memory that it takes is bounded and the end is a
`Reply` or a `BadReplyError`; how long it may take is the caller's deadline.
"""

import asyncio
import ssl
import zlib
from dataclasses import dataclass, field
from typing import Any

import httptools

from scudo_agent.probes.connect import words
from scudo_agent.probes.foreign import one_line
from scudo_agent.text import T, Text

MAX_HEAD = 64 * 1024
"""Octets of status line and headers, interim answers included."""

MAX_BODY = 1024 * 1024
"""Octets of the body that are read, and of a compressed one when unpacked."""

MAX_INTERIM = 8
"""Interim answers (1xx) before the one that counts."""

_WINDOW_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_ENCODINGS = ("gzip", "x-gzip", "deflate")


class BadReplyError(Exception):
    """What came is no answer that can be judged; `seen` says why."""

    def __init__(self, seen: Text) -> None:
        super().__init__(seen.id)
        self.seen = seen


@dataclass(slots=True)
class Reply:
    """A final answer; `cut` says that the body went on beyond `MAX_BODY`."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False

    def text(self) -> str:
        """The body as text, by its charset; what cannot be read becomes `\ufffd`."""
        _, _, charset = self.headers.get("content-type", "").partition("charset=")
        name = charset.partition(";")[0].strip().strip("\"'") or "utf-8"
        try:
            return self.body.decode(name, "replace")
        except (LookupError, ValueError):  # no such charset, or no charset of text
            return self.body.decode("utf-8", "replace")


class ReplyReader(asyncio.Protocol):
    """Sends one request when connected, and reads its answer into `done`.

    A redirect's body (`no_body`) is not waited for, nor is one after HEAD.
    """

    def __init__(
        self,
        request: bytes,
        *,
        where: str,
        no_body: frozenset[int] = frozenset(),
        head: bool = False,
    ) -> None:
        self.done: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.began = False
        self._request = request
        self._where = where
        self._no_body = no_body
        self._head = head
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._head_size = self._body_size = self._interim = 0

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Parse what came; the first fault or the end closes the connection."""
        self.began = True
        if self.done.done():
            return
        if self._reply is None:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # a 101, which is judged by its status like any other
        except httptools.HttpParserError as exc:
            self._fail(
                T(
                    "the answer of {where} breaks the rules of HTTP: {error}",
                    where=self._where,
                    error=one_line(str(exc)) or type(exc).__name__,
                )
            )
        if self._reply is None and self._head_size > MAX_HEAD:
            self._fail(_head_too_large(self._where))

    def connection_lost(self, exc: Exception | None) -> None:
        """The end: of a body without a length, or before its time."""
        if self.done.done():
            return
        if isinstance(exc, OSError) and not isinstance(exc, ssl.SSLError):
            self._fail(words(exc, self._where))
        elif exc is None and self._reply is not None and self._ends_with_connection():
            self._finish()
        elif self.began:
            self._fail(T("the answer of {where} ends too early", where=self._where))
        else:
            self._fail(
                T("{where} closes the connection without an answer", where=self._where)
            )

    def _ends_with_connection(self) -> bool:
        framed = ("content-length", "transfer-encoding")
        return not any(name in self._headers for name in framed)

    # httptools' side

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one header; of several of a name, the first."""
        if self._reply is not None:
            return  # trailers after a body
        self._headers.setdefault(
            name.decode("latin-1").lower(), value.decode("latin-1")
        )

    def on_headers_complete(self) -> None:
        """The status counts, unless it is an interim answer."""
        if self.done.done() or self._reply is not None:
            return
        status = self._parser.get_status_code()
        if sum(len(k) + len(v) for k, v in self._headers.items()) > MAX_HEAD:
            self._fail(_head_too_large(self._where))
        elif 100 <= status < 200 and status != 101:
            self._interim += 1
            self._headers.clear()
            if self._interim > MAX_INTERIM:
                self._fail(
                    T("{where} sends interim answers without end", where=self._where)
                )
        else:
            self._reply = Reply(status, self._headers)
            if self._head or status in self._no_body:
                self._finish()

    def on_body(self, data: bytes) -> None:
        """Keep the body, up to `MAX_BODY`."""
        if self.done.done() or self._reply is None:
            return
        self._body.append(data)
        self._body_size += len(data)
        if self._body_size > MAX_BODY:
            self._reply.cut = True
            self._finish()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._reply is not None and not self.done.done():
            self._finish()

    # the end

    def _finish(self) -> None:
        assert self._reply is not None
        body = b"".join(self._body)[:MAX_BODY]
        encoding = self._headers.get("content-encoding", "identity").strip().lower()
        if body and encoding not in ("identity", ""):
            unpacked = unpack(body, encoding)
            if unpacked is None or self._reply.cut:
                self._fail(_packed(self._where, encoding))
                return
            body = unpacked
        self._reply.body = body
        self.done.set_result(self._reply)
        self._close()

    def _fail(self, seen: Text) -> None:
        if not self.done.done():
            self.done.set_exception(BadReplyError(seen))
        self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def unpack(body: bytes, encoding: str) -> bytes | None:
    """A compressed body, or None if it is broken, too large or of another kind.

    It was asked for without compression, so no more is done for it than this.
    """
    if encoding not in _ENCODINGS:
        return None
    raw = encoding == "deflate" and body[:1] and body[0] & 0x0F != zlib.DEFLATED
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if raw else _WINDOW_GZIP_OR_ZLIB)
    try:
        plain = unpacker.decompress(body, MAX_BODY + 1)
    except zlib.error:
        return None
    return plain if unpacker.eof and len(plain) <= MAX_BODY else None


def _head_too_large(where: str) -> Text:
    return T(
        "the headers of {where} are larger than {limit}",
        where=where,
        limit={"bytes": MAX_HEAD},
    )


def _packed(where: str, encoding: str) -> Text:
    return T(
        "the body of {where} is compressed ({encoding}) and broken "
        "or larger than {limit}",
        where=where,
        encoding=one_line(encoding),
        limit={"bytes": MAX_BODY},
    )


def request(method: str, target: str, headers: dict[str, str]) -> bytes:
    """The octets of a request without a body."""
    lines: list[Any] = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
