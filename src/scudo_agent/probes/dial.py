"""One TCP connection, and TLS on it if asked for: one attempt, then words."""

import asyncio
import socket
import ssl
from collections.abc import Callable

from scudo_agent.probes import tls_fault
from scudo_agent.probes.connect import NoAnswerError, Resolved, waiting_for, words
from scudo_agent.text import T


async def connected(to: Resolved, port: int) -> socket.socket:
    """A connected socket; `NoAnswerError` when there is none to be had."""
    where = to.where(port)
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


async def attached(
    protocol: Callable[[], asyncio.Protocol],
    sock: socket.socket,
    *,
    where: str,
    context: ssl.SSLContext | None = None,
    name: str | None = None,
) -> asyncio.Transport:
    """The socket as a transport, after the TLS handshake if there is a context.

    Raises `ssl.SSLError` when TLS fails and `NoAnswerError` when the connection
    does; the socket is closed then.
    """
    if context is not None:
        seen = T("connected, and no end of the TLS handshake ({where})", where=where)
        waiting_for.set(seen)
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(
            protocol,
            sock=sock,
            ssl=context,
            server_hostname=name if context is not None else None,
        )
    except ssl.SSLError:
        raise
    except OSError as exc:
        if exc.errno is None:  # asyncio's own, for an end within the handshake
            raise NoAnswerError(tls_fault.closed(where)) from None
        raise NoAnswerError(words(exc, where)) from None
    return transport
