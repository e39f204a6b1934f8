"""`icmp`: how many echo requests come back, and how soon."""

import asyncio
import heapq
from collections.abc import Sequence
from math import ceil
from socket import AF_INET, AF_INET6, AddressFamily
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from scudo_agent.clock import Clock, SystemClock
from scudo_agent.config.probe import Model, ProbeSettings, Ratio, Seconds
from scudo_agent.instant import SECOND
from scudo_agent.model import Limit, Outcome
from scudo_agent.probes.connect import (
    NoAnswerError,
    Resolved,
    literal,
    resolve,
    waiting_for,
    words,
)
from scudo_agent.probes.port import Job, Report
from scudo_agent.probes.simple import too_late
from scudo_agent.text import TN, T, Text

if TYPE_CHECKING:
    from scudo_agent.probes.icmp_socket import EchoSocket

_TICK_S = 0.05
"""Later packets leave, and runs end, on this grid: wake-ups cost, not packets."""

_BURST = 64
"""After so many requests the replies are taken, before they fill the buffer."""

_EXPECTED = T("a reply to each echo request")


class IcmpLimits(Model):
    """Bounds on what an `icmp` check measures; crossed above."""

    loss: Annotated[Ratio, Field(ge=0, lt=1)] | None = None
    """Share of the requests without a reply."""
    rtt: Annotated[Seconds, Field(gt=0)] | None = None
    """Mean round-trip time of the replies."""

    def limits(self) -> tuple[Limit, ...]:
        """The bounds that are set."""
        bounds = (("loss", self.loss), ("rtt_s", self.rtt))
        return tuple(Limit(value=v, bound=b) for v, b in bounds if b is not None)


class IcmpSettings(ProbeSettings):
    """`icmp`, or `{icmp: {count: 3, degraded: {loss: 20%, rtt: 200ms}}}`."""

    KIND: ClassVar[str] = "icmp"

    count: Annotated[int, Field(ge=1, le=20)] = 3
    """Echo requests a run; one reply is an answer."""
    spacing: Annotated[Seconds, Field(ge=0.05, le=5)] = 0.2
    """From one request to the next."""
    degraded: IcmpLimits = IcmpLimits()
    warn: IcmpLimits = IcmpLimits()

    def degraded_limits(self) -> tuple[Limit, ...]:
        """Limits of `degraded`."""
        return self.degraded.limits()

    def warn_limits(self) -> tuple[Limit, ...]:
        """Limits of `warn`."""
        return self.warn.limits()

    def reproduce(self, address: str | None) -> str:
        """The same requests sent by ping."""
        return f"ping -c {self.count} {address}"


def socket_kind() -> str | None:
    """`raw socket` or `datagram socket`, None when this process may have neither."""
    from scudo_agent.probes import icmp_socket

    try:
        echo = icmp_socket.EchoSocket(
            AF_INET,
            clock=SystemClock(),
            on_reply=lambda _owner, _rtt_us: None,
            on_error=lambda _owner, _seen: None,
        )
    except icmp_socket.EchoUnavailableError:
        return None
    echo.close()
    return echo.kind


class _Run:
    """One job at work."""

    __slots__ = (
        "check",
        "done",
        "echo",
        "ends_at",
        "error",
        "left",
        "max_us",
        "open",
        "received",
        "sequences",
        "settings",
        "sum_us",
        "to",
    )

    def __init__(
        self, job: Job, settings: IcmpSettings, echo: "EchoSocket", *, ends_at: float
    ) -> None:
        self.check = job.check
        self.settings = settings
        self.echo = echo
        self.ends_at = ends_at
        self.left = settings.count
        self.received = self.open = self.sum_us = self.max_us = 0
        self.error: Text | None = None
        self.sequences: list[int] = []
        self.done = False
        self.to: tuple[str, tuple[Any, ...]] = ("", ())


class IcmpEngine:
    """All `icmp` checks on one socket a family, sent in ticks."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._report: Report | None = None
        self._sockets: dict[AddressFamily, EchoSocket] = {}
        self._missing: dict[AddressFamily, Text] = {}
        self._naming: set[asyncio.Task[None]] = set()
        self._due: dict[int, list[_Run]] = {}
        self._ticks: list[int] = []
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, report: Report) -> None:
        """Open a socket for each address family, as far as that is allowed."""
        from scudo_agent.probes import icmp_socket

        self._report = report
        self._loop = asyncio.get_running_loop()
        self._place = icmp_socket.place
        for family in (AF_INET, AF_INET6):
            try:
                echo = icmp_socket.EchoSocket(
                    family,
                    clock=self._clock,
                    on_reply=self._on_reply,
                    on_error=self._on_error,
                )
            except icmp_socket.EchoUnavailableError as exc:
                self._missing[family] = exc.seen
            else:
                self._sockets[family] = echo
                self._loop.add_reader(echo.fileno(), echo.drain)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Send the first request of each job; of a name, once it is looked up."""
        now = self._loop.time()
        for number, job in enumerate(jobs, 1):
            to = literal(job.address or "")
            if to is not None and job.allowed(to.ip):
                self._begin(job, to, ends_at=now + job.timeout_s)
            else:
                task = self._loop.create_task(self._name(job, now + job.timeout_s))
                self._naming.add(task)
                task.add_done_callback(self._naming.discard)
            if number % _BURST == 0:
                self._drain()
        self._arm()

    async def close(self) -> None:
        """Forget what runs and close the sockets."""
        self._report = None
        if self._timer is not None:
            self._timer.cancel()
        naming = list(self._naming)
        for task in naming:
            task.cancel()
        await asyncio.gather(*naming, return_exceptions=True)
        for echo in self._sockets.values():
            self._loop.remove_reader(echo.fileno())
            echo.close()
        self._sockets.clear()
        self._due.clear()
        self._ticks.clear()

    async def _name(self, job: Job, ends_at: float) -> None:
        """Look a name up (or refuse the address) within the run's deadline."""
        waiting_for.set(None)
        try:
            async with asyncio.timeout_at(ends_at):
                to = await resolve(job.address or "", job.allowed)
        except TimeoutError:
            seen = waiting_for.get() or too_late(job)
            self._tell(job.check, Outcome(answered=False, seen=seen))
        except NoAnswerError as exc:
            self._tell(job.check, exc.outcome())
        else:
            self._begin(job, to, ends_at=ends_at)
            self._arm()

    def _begin(self, job: Job, to: Resolved, *, ends_at: float) -> None:
        echo = self._sockets.get(to.family)
        if echo is None:
            seen = self._missing[to.family]
            # Later, as every report: `submit` returns before any.
            outcome = Outcome(answered=None, seen=seen, expected=_EXPECTED)
            self._loop.call_soon(self._tell, job.check, outcome)
            return
        assert isinstance(job.settings, IcmpSettings)
        run = _Run(job, job.settings, echo, ends_at=ends_at)
        run.to = self._place(to)
        self._at(ends_at, run)
        self._send(run)

    def _send(self, run: _Run) -> None:
        """Send the next request; plan the one after it."""
        ip, sockaddr = run.to
        try:
            run.sequences.append(run.echo.send(ip, sockaddr, run))
        except BlockingIOError:  # this machine's buffer is full: on the next tick
            self._at(self._loop.time() + _TICK_S, run)
            return
        except OSError as exc:  # any errno is no answer (`reliability.md` 0.6)
            run.error = words(exc, ip)
        else:
            run.open += 1
        run.left -= 1
        if run.left:
            self._at(self._loop.time() + run.settings.spacing, run)
        elif not run.open:
            self._loop.call_soon(self._end, run)

    def _on_reply(self, run: _Run, rtt_us: int) -> None:
        run.received += 1
        run.sum_us += rtt_us
        if rtt_us > run.max_us:
            run.max_us = rtt_us
        run.open -= 1
        if not run.open and not run.left:
            self._end(run)

    def _on_error(self, run: _Run, seen: Text) -> None:
        run.error = seen
        run.open -= 1
        if not run.open and not run.left:
            self._end(run)

    def _end(self, run: _Run) -> None:
        if run.done:
            return
        run.done = True
        if run.open:
            for sequence in run.sequences:
                run.echo.forget(sequence, run)
        if self._report is not None:
            self._report(run.check, _outcome(run))

    def _tell(self, check: str, outcome: Outcome) -> None:
        if self._report is not None:
            self._report(check, outcome)

    def _drain(self) -> None:
        for echo in self._sockets.values():
            echo.drain()

    def _at(self, when: float, run: _Run) -> None:
        """Look at `run` again on the first tick from `when` on."""
        tick = ceil(when / _TICK_S - 1e-6)
        due = self._due.get(tick)
        if due is None:
            self._due[tick] = [run]
            heapq.heappush(self._ticks, tick)
        else:
            due.append(run)

    def _arm(self) -> None:
        if self._timer is not None:
            if not self._ticks or self._timer.when() <= self._ticks[0] * _TICK_S:
                return
            self._timer.cancel()
            self._timer = None
        if self._ticks:
            when = self._ticks[0] * _TICK_S
            self._timer = self._loop.call_at(when, self._on_tick)

    def _on_tick(self) -> None:
        self._timer = None
        # Replies first: if the loop was late, they wait in the kernel in time.
        self._drain()
        now = self._loop.time()
        sent = 0
        while self._ticks and self._ticks[0] * _TICK_S <= now + 1e-6:
            for run in self._due.pop(heapq.heappop(self._ticks)):
                if run.done:
                    continue
                if now + 1e-6 >= run.ends_at:
                    self._end(run)
                elif run.left:
                    self._send(run)
                    sent += 1
                    if sent % _BURST == 0:
                        self._drain()
        self._arm()


def _outcome(run: _Run) -> Outcome:
    sent, received = run.settings.count - run.left, run.received
    if not sent:
        return Outcome(
            answered=None,
            seen=T("the agent could not send: this machine's send buffer is full"),
            expected=_EXPECTED,
        )
    loss = 1 - received / sent
    if not received:
        seen = run.error or TN(
            "no reply to {n} echo request", "no reply to {n} echo requests", n=sent
        )
        return Outcome(
            answered=False,
            seen=seen,
            expected=_EXPECTED,
            values={"loss": loss, "received": 0},
        )
    mean_us = run.sum_us / received
    mean_s = mean_us / SECOND
    return Outcome(
        answered=True,
        seen=T(
            "{received} of {sent} back, {rtt}",
            received=received,
            sent=sent,
            rtt={"ms": mean_us / 1000},
        ),
        expected=_EXPECTED,
        values={
            "loss": loss,
            "received": received,
            "rtt_s": mean_s,
            "rtt_max_s": run.max_us / SECOND,
        },
        duration_s=mean_s,
    )
