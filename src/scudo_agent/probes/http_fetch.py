"""One request over one fresh connection: look up, connect, TLS, ask, read."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from scudo_agent.probes import tls_fault
from scudo_agent.probes.connect import (
    NoAnswerError,
    Resolved,
    resolve,
    waiting_for,
    words,
)
from scudo_agent.probes.http_url import Url
from scudo_agent.probes.http_wire import BadReplyError, Reply, ReplyReader, request
from scudo_agent.text import T


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request: what is asked for, and how it may be connected to."""

    url: Url
    method: str
    headers: dict[str, str]
    family: socket.AddressFamily
    allowed: Callable[[str], bool]
    no_body: frozenset[int]


async def fetch(ask: Ask, context: ssl.SSLContext | None) -> Reply:
    """The reply to one request; every failure is a `NoAnswerError`.

    The caller's deadline bounds it; `waiting_for` tells what was waited for.
    """
    to = await resolve(ask.url.host, ask.allowed, family=ask.family)
    where = to.where(ask.url.port)
    sock = await _connected(to, ask.url.port, where)
    reader = ReplyReader(
        request(ask.method, ask.url.target, ask.headers),
        where=where,
        no_body=ask.no_body,
        head=ask.method == "HEAD",
    )
    transport = await _attached(reader, sock, where, ask.url, context)
    waiting_for.set(T("connected, and no answer to the request ({where})", where=where))
    try:
        return await reader.done
    except asyncio.CancelledError:
        if reader.began:
            seen = T("the answer began and did not end in time ({where})", where=where)
            waiting_for.set(seen)
        raise
    except BadReplyError as exc:
        raise NoAnswerError(exc.seen) from None
    finally:
        transport.abort()


async def _connected(to: Resolved, port: int, where: str) -> socket.socket:
    waiting_for.set(T("no connection in time ({where})", where=where))
    try:
        sock = socket.socket(to.family, socket.SOCK_STREAM)
    except OSError as exc:
        raise NoAnswerError(words(exc, where), own_fault=True) from None
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, to.sockaddr(port))
    except OSError as exc:
        sock.close()
        raise NoAnswerError(words(exc, where)) from None
    except BaseException:
        sock.close()
        raise
    return sock


async def _attached(
    reader: ReplyReader,
    sock: socket.socket,
    where: str,
    url: Url,
    context: ssl.SSLContext | None,
) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    if context is not None:
        seen = T("connected, and no end of the TLS handshake ({where})", where=where)
        waiting_for.set(seen)
    try:
        transport, _ = await loop.create_connection(
            lambda: reader,
            sock=sock,
            ssl=context,
            server_hostname=url.host if context is not None else None,
        )
    except ssl.SSLError as exc:
        raise NoAnswerError(tls_fault.words(exc, where, url.host)) from None
    except OSError as exc:
        if exc.errno is None:  # asyncio's own, for an end within the handshake
            raise NoAnswerError(tls_fault.closed(where)) from None
        raise NoAnswerError(words(exc, where)) from None
    return transport
