"""Where a webhook may lead: never into the desk's own network, unless that is allowed.

A name is resolved once, every address that it has is looked at, and the connection
goes to the address that was looked at: a name that answers otherwise a moment later
changes nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx

from scudo_agent.errors import InputError

URL_LIMIT = 500
_NAT64 = ip_network("64:ff9b::/96")
_SCHEMES = {"https": 443, "http": 80}

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""All addresses of a name, as the system knows them; `OSError` if there is none."""


class ForbiddenError(Exception):
    """The webhook leads to where none may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is connected to (`url` names an address), and who is meant (`host`)."""

    url: httpx.URL
    host: str
    authority: str


def checked_url(text: str) -> httpx.URL:
    """The URL, if it can be a webhook's at all; `InputError` says why not."""
    try:
        url = httpx.URL(text)
        port = url.port
    except (httpx.InvalidURL, ValueError):
        raise InputError("that is no URL") from None
    if len(text) > URL_LIMIT or not text.isascii() or not text.isprintable():
        raise InputError(f"a URL is at most {URL_LIMIT} visible ASCII characters")
    fits = port is None or 1 <= port <= 65_535
    if url.scheme not in _SCHEMES or not url.host or not fits:
        raise InputError("a webhook's URL is https://HOST/…")
    if url.userinfo or url.fragment:
        raise InputError("a webhook's URL has no user, password or fragment")
    return url


async def resolved(host: str, port: int) -> list[str]:
    """All addresses of a name; `OSError` if there is none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in found]


async def targeted(
    text: str, allowed: Sequence[Network], *, resolve: Resolve = resolved
) -> Target:
    """Where to connect to for a webhook's URL.

    `ForbiddenError` if any address of its name is none that a webhook may have, or
    if it is plain HTTP to anywhere but an allowed network; `OSError` if the name
    has no address.
    """
    url = checked_url(text)
    port = url.port or _SCHEMES[url.scheme]
    found = [ip_address(one.partition("%")[0]) for one in await resolve(url.host, port)]
    if not found:
        raise OSError(f"{url.host} has no address")
    for address in found:
        listed = any(address in network for network in allowed)
        if url.scheme == "http" and not listed:
            raise ForbiddenError("plain HTTP leads only to networks that are allowed")
        if not listed and not public(address):
            raise ForbiddenError(f"{url.host} is {address}, which is not allowed")
    return Target(
        url=url.copy_with(host=str(found[0]), port=port),
        host=url.host,
        authority=url.netloc.decode("ascii"),
    )


def public(address: Address) -> bool:
    """Whether an address is one of the open internet, however it is written."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        # 64:ff9b::/96 counts as reserved, and leads where its last half says.
        inner = _inner(address)
        return address in _NAT64 and inner is not None and public(inner)
    inner = _inner(address)
    return inner is None or public(inner)


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address within an IPv6 address, for the ways to write one."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
