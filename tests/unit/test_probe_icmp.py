"""`icmp`: its settings, its words, and what it does when sending fails."""

import asyncio
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icmplib.exceptions import ICMPSocketError
from pydantic import ValidationError

from scudo_agent.model import Limit, Outcome
from scudo_agent.probes import icmp_socket, icmp_words
from scudo_agent.probes.icmp import IcmpEngine, IcmpSettings
from scudo_agent.probes.icmp_socket import EchoSocket, EchoUnavailableError
from scudo_agent.text import T
from support.probing import job, outcomes, plain


def test_limits_are_read_as_people_write_them() -> None:
    settings = IcmpSettings.model_validate(
        {"degraded": {"loss": "20%", "rtt": "200ms"}, "warn": {"rtt": "50ms"}}
    )
    assert settings.count == 3
    assert settings.degraded_limits() == (
        Limit(value="loss", bound=0.2),
        Limit(value="rtt_s", bound=0.2),
    )
    assert settings.warn_limits() == (Limit(value="rtt_s", bound=0.05),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 21},
        {"counts": 3},
        {"spacing": "10ms"},
        {"degraded": {"loss": "100%"}},
        {"degraded": {"loss": "a fifth"}},
        {"degraded": {"rtt": 0}},
        {"warn": {"latency": 1}},
    ],
)
def test_wrong_settings_are_faults(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IcmpSettings.model_validate(wrong)


def test_it_names_what_it_asks_and_how_to_ask_it() -> None:
    assert IcmpSettings().endpoint("192.0.2.1") == "192.0.2.1"
    assert IcmpSettings().reproduce("192.0.2.1") == "ping -c 3 192.0.2.1"


@pytest.mark.parametrize(
    ("family", "kind", "code", "words"),
    [
        (socket.AF_INET, 3, 0, "network unreachable, says r"),
        (socket.AF_INET, 3, 1, "host unreachable, says r"),
        (socket.AF_INET, 3, 2, "unreachable (Destination protocol unreachable), s"),
        (socket.AF_INET, 3, 10, "prohibited by a filter, says r"),
        (socket.AF_INET, 3, 13, "prohibited by a filter, says r"),
        (socket.AF_INET, 3, 99, "unreachable (Destination unreachable, bad code: 99)"),
        (socket.AF_INET, 11, 0, "too many hops (TTL exceeded), says r"),
        (socket.AF_INET, 12, 1, "ICMP error of type 12 and code 1, says r"),
        (socket.AF_INET6, 1, 0, "network unreachable, says r"),
        (socket.AF_INET6, 1, 1, "prohibited by a filter, says r"),
        (socket.AF_INET6, 1, 3, "host unreachable, says r"),
        (socket.AF_INET6, 1, 4, "unreachable (Port unreachable), says r"),
        (socket.AF_INET6, 3, 0, "too many hops (TTL exceeded), says r"),
        (socket.AF_INET6, 2, 0, "ICMP error of type 2 and code 0, says r"),
    ],
)
def test_every_icmp_error_has_words(
    family: socket.AddressFamily, kind: int, code: int, words: str
) -> None:
    assert plain(icmp_words.of_error(family, kind, code, "r")).startswith(words)


class FakeEcho:
    """An ICMP socket whose sending fails as told, and never gets a reply."""

    kind = icmp_socket.RAW

    def __init__(self, *faults: OSError | None) -> None:
        self.faults = list(faults)
        self.forgotten: list[int] = []
        self.sent = 0

    def send(self, _ip: str, _sockaddr: tuple[Any, ...], _owner: object) -> int:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        self.sent += 1
        return self.sent

    def forget(self, sequence: int, _owner: object) -> None:
        self.forgotten.append(sequence)

    def drain(self) -> None:
        """Nothing ever comes."""


class FakedEngine(IcmpEngine):
    """The engine with a fake socket instead of those it opened."""

    def __init__(self, echo: FakeEcho) -> None:
        super().__init__()
        self.echo = echo

    async def start(self, report: Any) -> None:
        await super().start(report)
        self.own, self._sockets = (
            self._sockets,
            {socket.AF_INET: self.echo},  # type: ignore[dict-item]
        )

    async def close(self) -> None:
        self._sockets = self.own
        await super().close()


def run(echo: FakeEcho, *, timeout_s: float = 0.3, count: int = 2) -> Outcome:
    settings = IcmpSettings(count=count, spacing=0.05)
    jobs = [job(settings, timeout_s=timeout_s)]
    return asyncio.run(outcomes(FakedEngine(echo), jobs))[0]


def test_a_full_send_buffer_is_tried_again_on_the_next_tick() -> None:
    echo = FakeEcho(BlockingIOError())
    outcome = run(echo)
    assert echo.sent == 2
    assert plain(outcome.seen) == "no reply to 2 echo requests"


def test_a_send_buffer_that_stays_full_is_the_agents_own_fault() -> None:
    outcome = run(FakeEcho(*[BlockingIOError()] * 100), timeout_s=0.1)
    assert outcome.answered is None
    assert "send buffer is full" in plain(outcome.seen)


def test_the_last_error_is_told_and_replies_are_no_longer_waited_for() -> None:
    echo = FakeEcho(None, OSError(22, "Invalid argument"))
    outcome = run(echo, timeout_s=0.15)
    assert plain(outcome.seen) == "sent into a blackhole by a route (127.0.0.1)"
    assert echo.forgotten == [1]


def test_a_run_ends_at_once_when_nothing_could_leave() -> None:
    """It must not wait for the deadline of an hour."""
    echo = FakeEcho(*[OSError(113, "No route to host")] * 2)
    assert run(echo, timeout_s=3600).answered is False


def test_an_address_family_that_is_missing_is_the_agents_own_fault() -> None:
    class Missing(IcmpEngine):
        async def start(self, report: Any) -> None:
            await super().start(report)
            self._missing[socket.AF_INET6] = T("no IPv6 here")

        def _begin(self, *arguments: Any, **named: Any) -> None:
            hidden = self._sockets.pop(socket.AF_INET6)
            super()._begin(*arguments, **named)
            self._sockets[socket.AF_INET6] = hidden

    found = asyncio.run(outcomes(Missing(), [job(IcmpSettings(), "::1")]))[0]
    assert found.answered is None
    assert plain(found.seen) == "no IPv6 here"


def test_a_machine_without_the_family_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_named: object) -> None:
        raise ICMPSocketError("Address family not supported")

    monkeypatch.setattr(icmp_socket, "ICMPv6Socket", refuse)
    with pytest.raises(EchoUnavailableError) as raised:
        icmp_socket._open(socket.AF_INET6)
    assert "Address family not supported" in plain(raised.value.seen)


class FakeSocket:
    """Gives these packets to `recvmsg`, then nothing."""

    proto = socket.IPPROTO_ICMP

    def __init__(self, packets: list[tuple[bytes, list[Any], str]]) -> None:
        self.packets = packets

    def recvmsg(self, *_sizes: int) -> tuple[bytes, list[Any], int, tuple[str, int]]:
        if not self.packets:
            raise BlockingIOError
        data, extra, source = self.packets.pop(0)
        return data, extra, 0, (source, 0)


ancillary = st.tuples(
    st.sampled_from([0, 1, 41]),
    st.sampled_from([11, 25, 35]),
    st.binary(max_size=48),
)


@pytest.mark.fuzz
@given(
    family=st.sampled_from([socket.AF_INET, socket.AF_INET6]),
    kind=st.sampled_from([icmp_socket.RAW, icmp_socket.DATAGRAM]),
    packets=st.lists(
        st.tuples(
            st.binary(max_size=120),
            st.lists(ancillary, max_size=2),
            st.sampled_from(["192.0.2.1", "2001:db8::1"]),
        ),
        max_size=8,
    ),
)
def test_no_packet_breaks_the_receiver(
    family: socket.AddressFamily, kind: str, packets: list[Any]
) -> None:
    got: list[object] = []
    echo = EchoSocket.__new__(EchoSocket)
    echo.family, echo.kind = family, kind
    echo._reply_type = 0 if family == socket.AF_INET else 129
    echo._has_header = kind == icmp_socket.RAW and family == socket.AF_INET
    echo._id, echo._token = 0, b"\0" * 8
    echo._monotonic_us = lambda: 5
    echo._clock = type("C", (), {"wall": staticmethod(lambda: 7)})()
    echo._on_reply = lambda owner, rtt: got.append((owner, rtt))
    echo._on_error = lambda owner, seen: got.append((owner, seen))
    echo._waiting = {n: (n, 1, "192.0.2.1") for n in range(0x100)}
    echo._sock = FakeSocket(packets)  # type: ignore[assignment]
    echo.drain()
    assert all(isinstance(one, tuple) for one in got)
