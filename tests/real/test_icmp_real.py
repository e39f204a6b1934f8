"""`icmp` against the kernel's own answers, on loopback and in namespaces."""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from time import perf_counter

import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.instant import Instant
from scudo_agent.model import Outcome
from scudo_agent.probes.icmp import IcmpEngine, IcmpSettings, socket_kind
from scudo_agent.probes.port import Job
from support.netns import (
    Namespace,
    drop_net_raw,
    linked,
    namespace,
    set_sysctl,
)
from support.probing import job, outcomes, plain, probe

pytestmark = pytest.mark.real

ONE = IcmpSettings(count=1)
THREE = IcmpSettings(spacing=0.05)


def seen(one: Job, engine: IcmpEngine | None = None) -> Outcome:
    return probe(engine or IcmpEngine(), one)


def all_seen(jobs: Sequence[Job]) -> list[Outcome]:
    return asyncio.run(outcomes(IcmpEngine(), jobs))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_a_host_that_answers_gives_its_round_trip_time(address: str) -> None:
    outcome = seen(job(THREE, address))
    assert outcome.answered is True
    assert plain(outcome.seen).startswith("3 of 3 back, ")
    assert outcome.values["loss"] == 0
    assert outcome.values["received"] == 3
    assert 0 < outcome.values["rtt_s"] <= outcome.values["rtt_max_s"] < 1
    assert outcome.duration_s == outcome.values["rtt_s"]


def test_a_mapped_address_is_the_ipv4_address() -> None:
    asked: list[str] = []

    def allowed(ip: str) -> bool:
        asked.append(ip)
        return True

    assert seen(job(ONE, "::ffff:127.0.0.1", allowed=allowed)).answered is True
    assert asked == ["127.0.0.1"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_an_address_outside_the_networks_gets_no_packet(address: str) -> None:
    outcome = seen(job(ONE, address, allowed=lambda _ip: False))
    assert outcome.answered is False
    assert "outside the networks that may be probed" in plain(outcome.seen)


def test_a_name_that_does_not_exist_is_told() -> None:
    outcome = seen(job(ONE, "nobody.invalid"))
    assert outcome.answered is False
    assert "nobody.invalid" in plain(outcome.seen)


def test_a_thousand_addresses_at_once_lose_no_reply() -> None:
    jobs = [job(ONE, f"127.0.{n // 250}.{n % 250 + 1}") for n in range(1000)]
    assert all(outcome.answered for outcome in all_seen(jobs))


def test_two_engines_never_take_each_others_replies() -> None:
    jobs = [job(THREE, f"127.0.3.{n}") for n in range(1, 51)]

    async def both() -> tuple[list[Outcome], list[Outcome]]:
        return await asyncio.gather(
            outcomes(IcmpEngine(), jobs), outcomes(IcmpEngine(), jobs)
        )

    for found in asyncio.run(both()):
        assert [outcome.values["received"] for outcome in found] == [3] * 50


_SO_TIMESTAMP = 29


def test_time_in_our_own_queue_is_not_round_trip_time() -> None:
    async def busy() -> Outcome:
        engine, done = IcmpEngine(), asyncio.get_running_loop().create_future()
        await engine.start(lambda _check, outcome: done.set_result(outcome))
        engine.submit([job(ONE, timeout_s=0.1)])
        until = perf_counter() + 0.3
        while perf_counter() < until:
            pass  # the loop is blocked past the deadline; the reply waits
        outcome: Outcome = await done
        await engine.close()
        return outcome

    # The kernel begins to note the time of arrival some moments after it was asked to.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMP, 1)
        outcomes = [asyncio.run(busy()) for _ in range(3)]
    assert all(outcome.answered for outcome in outcomes)
    assert min(outcome.values["rtt_s"] for outcome in outcomes) < 0.05


class JumpingClock(SystemClock):
    """The wall clock is set an hour back whenever it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.back = 0

    def wall(self) -> Instant:
        self.back += 3_600_000_000
        return Instant(super().wall() - self.back)


def test_a_clock_that_is_set_does_not_change_the_round_trip_time() -> None:
    outcome = seen(job(THREE), IcmpEngine(clock=JumpingClock()))
    assert 0 <= outcome.values["rtt_max_s"] < 1


LOCAL_ROUTES = {
    "blackhole": "sent into a blackhole by a route",
    "prohibit": "prohibited by a route or a firewall",
    "unreachable": "host unreachable",
    "": "no route to the network",
}


@pytest.mark.parametrize("kind", LOCAL_ROUTES)
def test_every_errno_of_a_local_route_is_no_answer(kind: str) -> None:
    with namespace() as inside:
        if kind:
            inside.ip(f"route add {kind} 192.0.2.0/24")
        outcome = inside.call(lambda: seen(job(THREE, "192.0.2.1")))
    assert outcome.answered is False
    assert plain(outcome.seen) == f"{LOCAL_ROUTES[kind]} (192.0.2.1)"
    assert outcome.values == {"loss": 1.0, "received": 0}


@pytest.mark.parametrize("kind", ["blackhole", "prohibit", "unreachable", ""])
def test_every_errno_of_a_local_ipv6_route_is_no_answer(kind: str) -> None:
    with namespace() as inside:
        if kind:
            inside.ip(f"-6 route add {kind} 2001:db8::/32")
        outcome = inside.call(lambda: seen(job(THREE, "2001:db8::1")))
    assert outcome.answered is False
    assert plain(outcome.seen) == f"{LOCAL_ROUTES[kind]} (2001:db8::1)"


def test_a_firewall_that_forbids_sending_is_no_answer() -> None:
    with namespace() as inside:
        inside.execute("nft add table ip t")
        hook = "{ type filter hook output priority 0 ; policy drop ; }"
        inside.execute(f"nft add chain ip t out {hook}")
        outcome = inside.call(lambda: seen(job(ONE, "127.0.0.1")))
    assert outcome.answered is False
    assert "prohibited by a route or a firewall" in plain(outcome.seen)


def as_root(function: Callable[[], Outcome]) -> Outcome:
    return function()


def unprivileged(function: Callable[[], Outcome]) -> Outcome:
    set_sysctl("net.ipv4.ping_group_range", "0 0")
    drop_net_raw()
    assert socket_kind() == "datagram socket"
    return function()


Way = Callable[[Callable[[], Outcome]], Outcome]
WAYS = pytest.mark.parametrize("way", [as_root, unprivileged])


@WAYS
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_both_kinds_of_socket_get_replies(way: Way, address: str) -> None:
    with namespace() as inside:
        outcome = inside.call(lambda: way(lambda: seen(job(THREE, address))))
    assert outcome.values["received"] == 3


def routed(router: Namespace, kind: str) -> None:
    """Routes of that kind on the router, to the far networks."""
    router.ip(f"route add {kind} 203.0.113.0/24")
    router.ip(f"-6 route add {kind} 2001:db8:2::/48")


FAR = pytest.mark.parametrize(
    ("address", "router_ip"),
    [("203.0.113.1", "198.51.100.1"), ("2001:db8:2::1", "2001:db8:1::1")],
)


@WAYS
@FAR
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("unreachable", "host unreachable, says"),
        ("prohibit", "prohibited by a filter, says"),
    ],
)
def test_a_routers_refusal_is_told_with_its_name(
    way: Way, address: str, router_ip: str, kind: str, words: str
) -> None:
    with linked() as (agent, router):
        routed(router, kind)
        outcome = agent.call(lambda: way(lambda: seen(job(ONE, address, timeout_s=10))))
    assert outcome.answered is False
    if kind == "unreachable" and ":" in address:
        words = "network unreachable, says"  # the kernel's code 0: no route
    assert plain(outcome.seen) == f"{words} {router_ip}"


@WAYS
@FAR
def test_a_packet_that_dies_on_the_way_is_told(
    way: Way, address: str, router_ip: str
) -> None:
    with linked() as (agent, router):
        router.ip("route add default via 198.51.100.2")
        router.ip("route add default via 2001:db8:1::2")
        agent.execute("sysctl -qw net.ipv4.ip_default_ttl=1")
        agent.execute("sysctl -qw net.ipv6.conf.wan0.hop_limit=1")
        outcome = agent.call(lambda: way(lambda: seen(job(ONE, address, timeout_s=10))))
    assert outcome.answered is False
    assert plain(outcome.seen) == (f"too many hops (TTL exceeded), says {router_ip}")


@WAYS
@FAR
def test_silence_ends_at_the_deadline(way: Way, address: str, router_ip: str) -> None:
    with linked() as (agent, router):
        routed(router, "blackhole")

        def timed() -> Outcome:
            started = perf_counter()
            outcome = seen(job(THREE, address, timeout_s=0.4))
            assert 0.39 <= perf_counter() - started < 2
            return outcome

        outcome = agent.call(lambda: way(timed))
    assert outcome.answered is False
    assert plain(outcome.seen) == "no reply to 3 echo requests"
    assert outcome.values == {"loss": 1.0, "received": 0}


@WAYS
def test_a_link_local_neighbour_answers(way: Way) -> None:
    with linked() as (agent, router):
        router.ip("address add fe80::1/64 dev lan0 nodad")
        outcome = agent.call(lambda: way(lambda: seen(job(THREE, "fe80::1%wan0"))))
    assert outcome.values["received"] == 3


def test_a_link_local_address_of_no_interface_is_told() -> None:
    outcome = seen(job(ONE, "fe80::1%nowhere"))
    assert outcome.answered is False
    assert "fe80::1%nowhere" in plain(outcome.seen)


def test_errors_of_one_target_never_fall_on_another() -> None:
    """A shared datagram socket hands a pending error to whoever sends next."""
    jobs = [
        job(THREE, f"{network}.{n}", timeout_s=10)
        for n in range(1, 13)  # 36 errors: a router may answer 50 at once
        for network in ("203.0.113", "198.51.100")
        if (network, n) != ("198.51.100", 2)  # the agent itself
    ]

    def inside() -> list[Outcome]:
        set_sysctl("net.ipv4.ping_group_range", "0 0")
        drop_net_raw()
        return all_seen(jobs)

    with linked() as (agent, router):
        # Back to where it came from: the router also sends redirects.
        router.ip("route add default via 198.51.100.2")
        # Not by a route: of those the kernel tells each peer five at once.
        router.execute("nft add table ip t")
        hook = "{ type filter hook forward priority 0 ; }"
        router.execute(f"nft add chain ip t f {hook}")
        router.execute("nft add rule ip t f reject with icmp type admin-prohibited")
        for n in range(3, 13):
            router.ip(f"address add 198.51.100.{n}/24 dev lan0")
        found = agent.call(inside)
    for one, outcome in zip(jobs, found, strict=True):
        good = one.address is not None and one.address.startswith("198")
        words = "3 of 3 back, " if good else "prohibited by a filter, says 198.51.100.1"
        assert plain(outcome.seen).startswith(words), one.address


def test_without_any_right_it_is_the_agents_own_fault() -> None:
    def inside() -> Outcome:
        drop_net_raw()
        assert socket_kind() is None
        return seen(job(ONE))

    with namespace() as bare:
        outcome = bare.call(inside)
    assert outcome.answered is None
    assert plain(outcome.seen) == (
        "neither raw nor datagram ICMP sockets are allowed: "
        "give CAP_NET_RAW or set net.ipv4.ping_group_range"
    )


def test_root_has_a_raw_socket() -> None:
    assert socket_kind() == "raw socket"


class _Mutes(IcmpEngine):
    """The kernel stops answering after the first reply."""

    def _on_reply(self, run: object, rtt_us: int) -> None:
        super()._on_reply(run, rtt_us)  # type: ignore[arg-type]
        set_sysctl("net.ipv4.icmp_echo_ignore_all", "1")


def test_lost_replies_are_counted() -> None:
    with namespace() as inside:
        outcome = inside.call(lambda: seen(job(THREE, timeout_s=0.5), _Mutes()))
    assert outcome.answered is True
    assert plain(outcome.seen).startswith("1 of 3 back, ")
    assert outcome.values["loss"] == pytest.approx(2 / 3)


def forged(engine: IcmpEngine, change: str) -> None:
    """Send the engine a reply to its last request, right but for `change`."""
    echo = engine._sockets[socket.AF_INET]
    token = b"x" * 8 if change == "token" else echo._token
    sequence = echo._sequence ^ (change == "sequence")
    head = struct.pack("!BBHHH", 0, 0, 0, echo._id, sequence)
    packet = head + token + b"." * 48
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    source = "127.0.0.2" if change == "source" else "127.0.0.9"
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.bind((source, 0))
        raw.sendto(packet[:2] + checksum + packet[4:], ("127.0.0.1", 0))


@pytest.mark.parametrize("change", ["token", "sequence", "source", ""])
def test_a_forged_reply_is_passed_over(change: str) -> None:
    async def run() -> Outcome:
        engine, done = IcmpEngine(), asyncio.get_running_loop().create_future()
        await engine.start(lambda _check, outcome: done.set_result(outcome))
        engine.submit([job(ONE, "127.0.0.9", timeout_s=0.3)])
        forged(engine, change)
        outcome: Outcome = await done
        await engine.close()
        return outcome

    def inside() -> Outcome:
        set_sysctl("net.ipv4.icmp_echo_ignore_all", "1")
        return asyncio.run(run())

    with namespace() as bare:
        outcome = bare.call(inside)
    assert outcome.answered is (change == "")


def test_closing_reports_nothing_and_leaves_nothing_open() -> None:
    async def run() -> list[str]:
        told: list[str] = []
        engine = IcmpEngine()
        await engine.start(lambda check, _outcome: told.append(check))
        engine.submit([job(ONE), job(THREE, "localhost"), job(THREE, "::1")])
        await engine.close()
        await asyncio.get_running_loop().run_in_executor(None, int)
        return told

    assert asyncio.run(run()) == []
