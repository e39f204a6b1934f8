"""One request over one fresh connection: look up, connect, TLS, ask, read."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from scudo_agent.probes import tls_fault
from scudo_agent.probes.connect import NoAnswerError, resolve, waiting_for
from scudo_agent.probes.dial import attached, connected
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
    sock = await connected(to, ask.url.port)
    reader = ReplyReader(
        request(ask.method, ask.url.target, ask.headers),
        where=where,
        no_body=ask.no_body,
        head=ask.method == "HEAD",
    )
    try:
        transport = await attached(
            lambda: reader, sock, where=where, context=context, name=ask.url.host
        )
    except ssl.SSLError as exc:
        raise NoAnswerError(tls_fault.words(exc, where, ask.url.host)) from None
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
