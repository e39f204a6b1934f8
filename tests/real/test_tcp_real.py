"""`tcp` against servers on loopback and routes in a namespace."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import pytest

from scudo_agent.model import Outcome
from scudo_agent.probes.tcp import TcpEngine, TcpSettings
from support.netns import linked, namespace
from support.ports import free_port
from support.probing import job, outcomes, plain, probe

pytestmark = pytest.mark.real


@asynccontextmanager
async def listening(host: str) -> AsyncIterator[int]:
    server = await asyncio.start_server(lambda _r, w: w.close(), host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_accepts_answers(host: str) -> None:
    async def run() -> tuple[int, Outcome]:
        async with listening(host) as port:
            jobs = [job(TcpSettings(port=port), host)]
            return port, (await outcomes(TcpEngine(), jobs))[0]

    port, outcome = asyncio.run(run())
    assert outcome.answered is True
    where = f"[::1]:{port}" if ":" in host else f"127.0.0.1:{port}"
    assert plain(outcome.seen).startswith(f"{where} accepts, ")
    assert outcome.duration_s == outcome.values["latency_s"] < 1


def test_a_name_is_looked_up_once_and_connected_to() -> None:
    async def run() -> Outcome:
        async with listening("127.0.0.1") as port:
            one = job(
                TcpSettings(port=port),
                "localhost",
                allowed=lambda ip: ip == "127.0.0.1",
            )
            return (await outcomes(TcpEngine(), [one]))[0]

    assert asyncio.run(run()).answered is True


def test_a_closed_port_refuses() -> None:
    port = free_port()
    outcome = probe(TcpEngine(), job(TcpSettings(port=port)))
    assert outcome.answered is False
    assert plain(outcome.seen) == f"connection refused (127.0.0.1:{port})"
    assert plain(outcome.expected) == "an accepted connection"
    assert outcome.duration_s is None


def test_without_a_descriptor_left_it_is_the_agents_own_fault() -> None:
    one = job(TcpSettings(port=free_port()))

    async def run() -> Outcome:
        engine, done = TcpEngine(), asyncio.get_running_loop().create_future()
        await engine.start(lambda _check, outcome: done.set_result(outcome))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        try:
            engine.submit([one])
            outcome: Outcome = await done
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await engine.close()
        return outcome

    outcome = asyncio.run(run())
    assert outcome.answered is None
    assert "Too many open files" in plain(outcome.seen)


def test_an_address_outside_the_networks_is_not_connected_to() -> None:
    async def run() -> tuple[Outcome, bool]:
        came = asyncio.Event()

        def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set()
            writer.close()

        async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            one = job(TcpSettings(port=port), allowed=lambda _ip: False)
            return (await outcomes(TcpEngine(), [one]))[0], came.is_set()

    outcome, came = asyncio.run(run())
    assert not came
    assert plain(outcome.seen) == (
        "127.0.0.1 is outside the networks that may be probed"
    )


def test_a_silent_host_ends_at_the_deadline() -> None:
    def inside() -> Outcome:
        started = perf_counter()
        one = job(TcpSettings(port=80), "203.0.113.1", timeout_s=0.3)
        outcome = probe(TcpEngine(), one)
        assert 0.29 <= perf_counter() - started < 2
        return outcome

    with linked() as (agent, router):
        router.ip("route add blackhole 203.0.113.0/24")
        outcome = agent.call(inside)
    assert outcome.answered is False
    assert plain(outcome.seen) == "no answer within {'duration': 300000}"


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("blackhole", "sent into a blackhole by a route"),
        ("prohibit", "prohibited by a route or a firewall"),
        ("unreachable", "host unreachable"),
        ("", "no route to the network"),
    ],
)
@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_every_errno_of_a_route_is_no_answer(
    route: str, words: str, address: str
) -> None:
    with namespace() as inside:
        if route:
            inside.ip(f"route add {route} 192.0.2.0/24")
            inside.ip(f"-6 route add {route} 2001:db8::/32")
        one = job(TcpSettings(port=22), address)
        outcome = inside.call(lambda: probe(TcpEngine(), one))
    assert outcome.answered is False
    assert plain(outcome.seen).startswith(words)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("reject with tcp reset", "connection refused (127.0.0.1:7)"),
        ("reject", "connection refused (127.0.0.1:7)"),
        ("reject with icmp type host-unreachable", "host unreachable (127.0.0.1:7)"),
        ("reject with icmp type net-unreachable", "no route to the network"),
        ("reject with icmp type admin-prohibited", "host unreachable"),
    ],
)
def test_a_firewall_that_rejects_is_told(verdict: str, words: str) -> None:
    with namespace() as inside:
        inside.execute("nft add table ip t")
        hook = "{ type filter hook input priority 0 ; }"
        inside.execute(f"nft add chain ip t in {hook}")
        inside.execute(f"nft add rule ip t in tcp dport 7 {verdict}")
        outcome = inside.call(lambda: probe(TcpEngine(), job(TcpSettings(port=7))))
    assert outcome.answered is False
    assert plain(outcome.seen).startswith(words)
