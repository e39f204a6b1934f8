"""`dns`: what a name server answers about a name, and how soon.

The target's address is the server that is asked; dnspython builds the question
and reads the answer, the packets are our own.
"""

import asyncio
import socket
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from scudo_agent.config.probe import Model, ProbeSettings, Seconds
from scudo_agent.model import Limit, Outcome
from scudo_agent.probes.connect import (
    NoAnswerError,
    Resolved,
    failure,
    host_port,
    resolve,
    words,
)
from scudo_agent.probes.port import Job
from scudo_agent.probes.simple import SimpleEngine
from scudo_agent.text import T, Text

if TYPE_CHECKING:
    from dns.message import Message

_SHOWN = 200
"""Characters of an answer that are shown: a TXT record may have 65,535."""

_RECVERR = {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)}
"""`IP_RECVERR` and `IPV6_RECVERR`, which the module `socket` does not name."""

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class DnsLimits(Model):
    """Bounds on what a `dns` check measures."""

    latency: Annotated[Seconds, Field(gt=0)] | None = None
    """From the question to the whole answer."""

    def limits(self) -> tuple[Limit, ...]:
        """The bounds that are set; crossed above."""
        if self.latency is None:
            return ()
        return (Limit(value="latency_s", bound=self.latency),)


class DnsSettings(ProbeSettings):
    """`{dns: {name: acme.example, type: A, expect: [192.0.2.5]}}`."""

    KIND: ClassVar[str] = "dns"
    SHORT: ClassVar[str | None] = "name"

    name: Annotated[
        str, Field(max_length=254, pattern=rf"^(\.|{_LABEL}(\.{_LABEL})*\.?)$")
    ]
    type: Literal[
        "A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"
    ] = "A"
    expect: Annotated[
        Annotated[tuple[str, ...], Field(min_length=1)] | None,
        BeforeValidator(_listed),
    ] = None
    """Each of these must be in the answer; more may be."""
    port: Annotated[int, Field(ge=1, le=65535)] = 53
    degraded: DnsLimits = DnsLimits()
    warn: DnsLimits = DnsLimits()

    def degraded_limits(self) -> tuple[Limit, ...]:
        """Limits of `degraded`."""
        return self.degraded.limits()

    def warn_limits(self) -> tuple[Limit, ...]:
        """Limits of `warn`."""
        return self.warn.limits()

    def endpoint(self, address: str | None) -> str:
        """The server and the question."""
        return f"{host_port(address or '', self.port)} {self.name} {self.type}"

    def reproduce(self, address: str | None) -> str:
        """The same question asked by dig."""
        port = "" if self.port == 53 else f" -p {self.port}"
        return f"dig @{address}{port} {self.name} {self.type}"


class DnsEngine(SimpleEngine):
    """One question a run, each from a source port of its own."""

    def __init__(self) -> None:
        super().__init__(probe)


class UnreadableError(Exception):
    """What came is no DNS message, or not an answer to what was asked."""


async def probe(job: Job) -> Outcome:
    """Ask once; whatever the server does is an outcome."""
    from dns.exception import DNSException
    from dns.message import make_query

    settings = job.settings
    if not isinstance(settings, DnsSettings) or job.address is None:
        raise TypeError(f"{job.check} is no job of the dns probe")
    loop = asyncio.get_running_loop()
    to = await resolve(job.address, job.allowed)
    query = make_query(settings.name, settings.type)
    started = loop.time()
    try:
        reply = await _ask(query, to, settings.port)
        took = loop.time() - started
        return _outcome(settings, reply, took)
    except OSError as exc:
        outcome = failure(exc, to.where(settings.port))
        return replace(outcome, expected=_wanted(settings))
    except (UnreadableError, DNSException):
        seen = T("the answer is no readable DNS message")
        return Outcome(answered=False, seen=seen, expected=_wanted(settings))


async def _ask(query: "Message", to: Resolved, port: int) -> "Message":
    """The server's answer: over UDP, over TCP when it says it was cut short."""
    from dns.flags import TC

    reply = await _ask_udp(query, to, port)
    if not reply.flags & TC:
        return reply
    try:
        return await _ask_tcp(query, to, port)
    except OSError as exc:
        reason = words(exc, to.where(port)).to_json()
    except asyncio.IncompleteReadError:
        reason = T("the connection ended early").to_json()
    raise NoAnswerError(
        T("too long for UDP, and over TCP: {reason}", reason={"text": reason})
    )


async def _ask_udp(query: "Message", to: Resolved, port: int) -> "Message":
    """Ask from a connected socket of its own: the kernel drops other sources.

    A packet that does not answer this question (another id, another name) is
    passed over, as a forger may send it.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(to.family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        # Else the kernel tells a closed port, but not an unreachable host.
        sock.setsockopt(*_RECVERR[to.family], 1)
        sock.connect(to.sockaddr(port))
        await loop.sock_sendall(sock, query.to_wire())
        while True:
            data = await loop.sock_recv(sock, 0xFFFF)
            if data[:2] == struct.pack("!H", query.id):
                reply = _read(data)
                if query.is_response(reply):
                    return reply
            await asyncio.sleep(0)  # a flood must not keep the loop


async def _ask_tcp(query: "Message", to: Resolved, port: int) -> "Message":
    reader, writer = await asyncio.open_connection(*to.host_port(port))
    try:
        wire = query.to_wire()
        writer.write(struct.pack("!H", len(wire)) + wire)
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        reply = _read(await reader.readexactly(size))
    finally:
        writer.close()
    if not query.is_response(reply):
        raise UnreadableError("the answer is to another question")
    return reply


def _read(data: bytes) -> "Message":
    """Parse a message that may be hostile; any fault is an `UnreadableError`."""
    from dns.exception import DNSException
    from dns.message import from_wire

    try:
        return from_wire(data, ignore_trailing=True)
    except (DNSException, ValueError, LookupError, struct.error) as exc:
        raise UnreadableError(type(exc).__name__) from exc


def _wanted(settings: DnsSettings) -> Text:
    if settings.expect is None:
        return T("a {type} record of {name}", type=settings.type, name=settings.name)
    return T(
        "{name} {type} = {expect}",
        name=settings.name,
        type=settings.type,
        expect=", ".join(settings.expect),
    )


def _outcome(settings: DnsSettings, reply: "Message", took: float) -> Outcome:
    from dns import rcode

    if reply.rcode() != rcode.NOERROR:
        seen = _refusal(settings, rcode.to_text(reply.rcode()))
        return Outcome(answered=False, seen=seen, expected=_wanted(settings))
    records = _records(settings, reply)
    if not records:
        seen = T("{name} has no {type} record", name=settings.name, type=settings.type)
        return Outcome(answered=False, seen=seen, expected=_wanted(settings))
    shown = ", ".join(records)
    shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
    values = {"latency_s": took, "records": float(len(records))}
    missing = {_norm(one) for one in settings.expect or ()} - set(map(_norm, records))
    if missing:
        seen = T(
            "{name} {type} = {answer}, and {missing} is missing",
            name=settings.name,
            type=settings.type,
            answer=shown,
            missing=", ".join(sorted(missing)),
        )
    else:
        seen = T(
            "{name} {type} = {answer}, {latency}",
            name=settings.name,
            type=settings.type,
            answer=shown,
            latency={"ms": took * 1000},
        )
    return Outcome(
        answered=not missing,
        seen=seen,
        expected=_wanted(settings),
        values=values,
        duration_s=took,
    )


def _refusal(settings: DnsSettings, code: str) -> Text:
    match code:
        case "NXDOMAIN":
            return T("the name {name} does not exist (NXDOMAIN)", name=settings.name)
        case "SERVFAIL":
            return T(
                "the server failed to find out about {name} (SERVFAIL)",
                name=settings.name,
            )
        case "REFUSED":
            return T(
                "the server refuses to answer about {name} (REFUSED)",
                name=settings.name,
            )
        case _:
            return T(
                "the server answers {code} about {name}", code=code, name=settings.name
            )


def _records(settings: DnsSettings, reply: "Message") -> list[str]:
    """The records of the asked type at the end of the chain of aliases."""
    from dns.message import QueryMessage

    if not isinstance(reply, QueryMessage):
        return []
    rrset = reply.resolve_chaining().answer
    return sorted(rdata.to_text() for rdata in rrset) if rrset else []


def _norm(record: str) -> str:
    """A record's text for comparison: case, quotes and final dot don't matter."""
    return record.strip('"').rstrip(".").lower()
