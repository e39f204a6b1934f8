"""`tcp`: whether a port accepts a connection, and how soon."""

import asyncio
import socket
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from scudo_agent.config.probe import Model, ProbeSettings, Seconds
from scudo_agent.model import Limit, Outcome
from scudo_agent.probes.connect import failure, host_port, resolve
from scudo_agent.probes.port import Job
from scudo_agent.probes.simple import SimpleEngine
from scudo_agent.text import T

_EXPECTED = T("an accepted connection")


class TcpLimits(Model):
    """Bounds on what a `tcp` check measures."""

    latency: Annotated[Seconds, Field(gt=0)] | None = None
    """From the first packet to the accepted connection."""

    def limits(self) -> tuple[Limit, ...]:
        """The bounds that are set; crossed above."""
        if self.latency is None:
            return ()
        return (Limit(value="latency_s", bound=self.latency),)


class TcpSettings(ProbeSettings):
    """`{tcp: 5432}` or `{tcp: {port: 5432, degraded: {latency: 1s}}}`."""

    KIND: ClassVar[str] = "tcp"
    SHORT: ClassVar[str | None] = "port"

    port: Annotated[int, Field(ge=1, le=65535)]
    degraded: TcpLimits = TcpLimits()
    warn: TcpLimits = TcpLimits()

    def degraded_limits(self) -> tuple[Limit, ...]:
        """Limits of `degraded`."""
        return self.degraded.limits()

    def warn_limits(self) -> tuple[Limit, ...]:
        """Limits of `warn`."""
        return self.warn.limits()

    def endpoint(self, address: str | None) -> str:
        """`host:port`."""
        return host_port(address or "", self.port)

    def reproduce(self, address: str | None) -> str:
        """The same question asked by netcat."""
        return f"nc -vz {address} {self.port}"


class TcpEngine(SimpleEngine):
    """One connection a run, closed as soon as it is accepted."""

    def __init__(self) -> None:
        super().__init__(probe)


async def probe(job: Job) -> Outcome:
    """Connect once; whatever the other side does is an outcome."""
    settings = job.settings
    if not isinstance(settings, TcpSettings) or job.address is None:
        raise TypeError(f"{job.check} is no job of the tcp probe")
    loop = asyncio.get_running_loop()
    to = await resolve(job.address, job.allowed)
    where = to.where(settings.port)
    started = loop.time()
    try:
        with socket.socket(to.family, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, to.sockaddr(settings.port))
    except OSError as exc:
        return replace(failure(exc, where), expected=_EXPECTED)
    took = loop.time() - started
    return Outcome(
        answered=True,
        seen=T("{where} accepts, {latency}", where=where, latency={"ms": took * 1000}),
        expected=_EXPECTED,
        values={"latency_s": took},
        duration_s=took,
    )
