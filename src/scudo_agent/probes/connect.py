"""From a target's address to a socket address, and from an errno to words.

Every probe that connects does it in the same order: look the name up once, ask
whether the address may be probed, and connect to that very address, so that a
name which changes its answer in between cannot lead a probe elsewhere
(`reliability.md`, SSRF by probe target).
"""

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scudo_agent.model import Outcome
from scudo_agent.text import T, Text

waiting_for: ContextVar[Text | None] = ContextVar("waiting_for", default=None)
"""What a run waits for; its words if the deadline passes meanwhile."""

_OWN_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAFNOSUPPORT})
"""What only making a socket raises: nothing has been asked of anyone yet."""


class NoAnswerError(Exception):
    """A run ends here without an answer; `seen` says why, `own_fault` whose it is.

    `SimpleEngine` makes the outcome of it, so that helpers need no outcomes.
    """

    def __init__(self, seen: Text, *, own_fault: bool = False) -> None:
        super().__init__(seen.id)
        self.seen = seen
        self.own_fault = own_fault

    def outcome(self) -> Outcome:
        """Not answered; unknown when the agent itself was at fault."""
        return Outcome(answered=None if self.own_fault else False, seen=self.seen)


@dataclass(frozen=True, slots=True)
class Resolved:
    """One IP address to connect to; `scope_id` only of link-local IPv6."""

    family: socket.AddressFamily
    ip: str
    scope_id: int = 0

    def sockaddr(self, port: int) -> tuple[Any, ...]:
        """The address as the functions of `socket` take it."""
        if self.family == socket.AF_INET6:
            return (self.ip, port, 0, self.scope_id)
        return (self.ip, port)

    def host_port(self, port: int) -> tuple[str, int]:
        """The address as asyncio's functions take it."""
        return (f"{self.ip}%{self.scope_id}" if self.scope_id else self.ip, port)

    def where(self, port: int) -> str:
        """`192.0.2.1:80` or `[2001:db8::1]:80`."""
        return host_port(*self.host_port(port))


def host_port(host: str, port: int) -> str:
    """A host and a port as people write them; IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def literal(address: str) -> Resolved | None:
    """The address if it is an IP address already, None for a name.

    An IPv4 address in IPv6's clothes (`::ffff:192.0.2.1`) is the IPv4 address.
    """
    if "%" not in address:
        return _plain(address)
    try:  # each time, as an interface that comes back has another number
        info = socket.getaddrinfo(address, None, flags=socket.AI_NUMERICHOST)
    except OSError:  # no such interface: reported when it is looked up
        return None
    return _resolved(info[0])


@lru_cache(maxsize=65536)
def _plain(address: str) -> Resolved | None:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    if ip.version == 4:
        return Resolved(socket.AF_INET, str(ip))
    if ip.ipv4_mapped is not None:
        return Resolved(socket.AF_INET, str(ip.ipv4_mapped))
    return Resolved(socket.AF_INET6, str(ip))


async def resolve(
    address: str,
    allowed: Callable[[str], bool],
    *,
    family: socket.AddressFamily = socket.AF_UNSPEC,
) -> Resolved:
    """Look `address` up once and return the address to connect to.

    Of several it is the first (in the system's order of RFC 6724) that may be
    probed: one attempt, as a retry would hide the fault. Raises `NoAnswerError`
    when there is none; the caller's deadline bounds the look-up.
    """
    ready = literal(address)
    found = [ready] if ready else await _look_up(address, family)
    for one in found:
        if allowed(one.ip):
            return one
    raise NoAnswerError(_outside(address, found[0].ip))


def _outside(address: str, ip: str) -> Text:
    if address == ip:
        return T("{address} is outside the networks that may be probed", address=ip)
    return T(
        "{name} is {address}, which is outside the networks that may be probed",
        name=address,
        address=ip,
    )


async def _look_up(name: str, family: socket.AddressFamily) -> list[Resolved]:
    loop = asyncio.get_running_loop()
    token = waiting_for.set(T("no answer of the name servers about {name}", name=name))
    try:
        infos = await loop.run_in_executor(None, _getaddrinfo, name, family)
    except (socket.gaierror, UnicodeError) as exc:
        raise NoAnswerError(_no_address(name, exc)) from None
    except OSError as exc:
        raise _no_answer(exc, name) from None
    waiting_for.reset(token)
    found = [_resolved(info) for info in infos]
    if not found:
        raise NoAnswerError(T("the name {name} has no address", name=name))
    return list(dict.fromkeys(found))


def _getaddrinfo(name: str, family: socket.AddressFamily) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(name, None, family, socket.SOCK_STREAM))


def _resolved(info: tuple[Any, ...]) -> Resolved:
    family, sockaddr = info[0], info[4]
    scope_id = sockaddr[3] if family == socket.AF_INET6 else 0
    ip = str(sockaddr[0]).partition("%")[0]
    plain = None if scope_id else literal(ip)
    return plain or Resolved(family, ip, scope_id)


def _no_address(name: str, exc: OSError | UnicodeError) -> Text:
    if isinstance(exc, UnicodeError):
        return T("'{name}' cannot be a host's name", name=name)
    if exc.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
        return T("the name {name} has no address", name=name)
    if exc.errno == socket.EAI_AGAIN:
        return T("no answer of the name servers about {name}", name=name)
    return T(
        "the name {name} cannot be looked up: {error}",
        name=name,
        error=exc.strerror or str(exc.errno),
    )


def words(exc: OSError, where: str) -> Text:
    """What went wrong with the connection to `where`, in words by its errno.

    Every errno has words: a blackhole route gives EINVAL and a prohibited one
    EACCES, and both are no answer (`reliability.md` 0.6).
    """
    match exc.errno:
        case errno.ECONNREFUSED:
            return T("connection refused ({where})", where=where)
        case errno.ECONNRESET | errno.EPIPE | errno.ECONNABORTED:
            return T("connection reset ({where})", where=where)
        case errno.EHOSTUNREACH | errno.EHOSTDOWN:
            return T("host unreachable ({where})", where=where)
        case errno.ENETUNREACH | errno.ENETDOWN | errno.EADDRNOTAVAIL:
            return T("no route to the network ({where})", where=where)
        case errno.EACCES | errno.EPERM:
            return T("prohibited by a route or a firewall ({where})", where=where)
        case errno.EINVAL:
            return T("sent into a blackhole by a route ({where})", where=where)
        case errno.ETIMEDOUT:
            return T("no answer, the connection timed out ({where})", where=where)
        case errno.EMSGSIZE:
            return T("the packet is too large for the route ({where})", where=where)
        case None:
            return T("no connection: {error} ({where})", error=str(exc), where=where)
        case number:
            error = os.strerror(number)
            return T("no connection: {error} ({where})", error=error, where=where)


def _no_answer(exc: OSError, where: str) -> NoAnswerError:
    return NoAnswerError(words(exc, where), own_fault=exc.errno in _OWN_FAULT)


def failure(exc: OSError, where: str) -> Outcome:
    """The outcome of a run that ended in `exc`: failed, or unknown.

    Unknown only if the agent could not even make the socket (out of file
    descriptors or memory, no such address family on this machine).
    """
    return _no_answer(exc, where).outcome()
