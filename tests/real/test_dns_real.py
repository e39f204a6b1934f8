"""`dns` against servers on loopback: our own, which misbehave, and dnsmasq."""

import asyncio
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scudo_agent.model import Outcome
from scudo_agent.probes.dns import DnsEngine, DnsSettings
from support.dns_server import Answer, dns_server
from support.netns import linked
from support.probing import job, outcomes, plain, probe

pytestmark = pytest.mark.real

NAME = "acme.example"


def reply(query: Message, *records: str, rcode: int = dns.rcode.NOERROR) -> Message:
    """An answer with records such as `acme.example. A 192.0.2.5`."""
    answer = dns.message.make_response(query)
    answer.set_rcode(dns.rcode.Rcode(rcode))
    for record in records:
        name, kind, data = record.split(" ", 2)
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, data))
    return answer


def with_records(*records: str) -> Answer:
    return lambda query: [reply(query, *records).to_wire()]


def framed(message: bytes) -> bytes:
    return struct.pack("!H", len(message)) + message


def ask(
    udp: Answer,
    tcp: Answer | None = None,
    *,
    host: str = "127.0.0.1",
    timeout_s: float = 5.0,
    **keys: object,
) -> Outcome:
    async def run() -> Outcome:
        async with dns_server(udp, tcp, host=host) as port:
            asked = DnsSettings.model_validate({"name": NAME, "port": port, **keys})
            one = job(asked, host, timeout_s=timeout_s)
            return (await outcomes(DnsEngine(), [one]))[0]

    return asyncio.run(run())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_answer_is_shown_with_its_records(host: str) -> None:
    outcome = ask(with_records(f"{NAME}. A 192.0.2.5"), host=host)
    assert outcome.answered is True
    assert plain(outcome.seen).startswith(f"{NAME} A = 192.0.2.5, ")
    assert outcome.values["records"] == 1
    assert outcome.duration_s == outcome.values["latency_s"] < 1


def test_an_alias_is_followed_to_its_end() -> None:
    records = (f"{NAME}. CNAME www.example.net.", "www.example.net. A 192.0.2.6")
    outcome = ask(with_records(*records))
    assert plain(outcome.seen).startswith(f"{NAME} A = 192.0.2.6, ")


@pytest.mark.parametrize(
    ("kind", "data", "expect"),
    [
        ("A", "192.0.2.5", "192.0.2.5"),
        ("AAAA", "2001:db8::5", "2001:DB8::5"),
        ("MX", "10 mail.acme.example.", "10 mail.acme.example"),
        ("TXT", '"v=spf1 -all"', "v=spf1 -all"),
        ("NS", "ns.acme.example.", ["NS.acme.example"]),
    ],
)
def test_an_expected_record_is_found_as_people_write_it(
    kind: str, data: str, expect: object
) -> None:
    udp = with_records(f"{NAME}. {kind} {data}")
    assert ask(udp, type=kind, expect=expect).answered is True


def test_a_missing_record_is_a_failure_that_names_both() -> None:
    udp = with_records(f"{NAME}. A 192.0.2.66")
    outcome = ask(udp, expect=["192.0.2.5"])
    assert outcome.answered is False
    assert plain(outcome.seen) == (f"{NAME} A = 192.0.2.66, and 192.0.2.5 is missing")
    assert plain(outcome.expected) == f"{NAME} A = 192.0.2.5"


@pytest.mark.parametrize(
    ("rcode", "words"),
    [
        (dns.rcode.NXDOMAIN, "the name acme.example does not exist (NXDOMAIN)"),
        (
            dns.rcode.SERVFAIL,
            "the server failed to find out about acme.example (SERVFAIL)",
        ),
        (
            dns.rcode.REFUSED,
            "the server refuses to answer about acme.example (REFUSED)",
        ),
        (dns.rcode.NOTIMP, "the server answers NOTIMP about acme.example"),
    ],
)
def test_each_refusal_has_its_words(rcode: int, words: str) -> None:
    outcome = ask(lambda query: [reply(query, rcode=rcode).to_wire()])
    assert outcome.answered is False
    assert plain(outcome.seen) == words


def test_an_empty_answer_is_no_record() -> None:
    outcome = ask(with_records(), type="MX")
    assert outcome.answered is False
    assert plain(outcome.seen) == "acme.example has no MX record"


def cut_short(query: Message) -> list[bytes]:
    answer = reply(query)
    answer.flags |= dns.flags.TC
    return [answer.to_wire()]


def test_an_answer_cut_short_is_asked_for_again_over_tcp() -> None:
    def whole(query: Message) -> list[bytes]:
        return [framed(reply(query, f"{NAME}. A 192.0.2.7").to_wire())]

    outcome = ask(cut_short, whole)
    assert plain(outcome.seen).startswith(f"{NAME} A = 192.0.2.7, ")


@pytest.mark.parametrize(
    ("tcp", "words"),
    [
        (None, "too long for UDP, and over TCP: connection refused (127.0.0.1:"),
        (
            lambda _query: [b"\0"],
            "too long for UDP, and over TCP: the connection ended early",
        ),
        (
            lambda _query: [framed(b"rubbish")],
            "the answer is no readable DNS message",
        ),
        (
            lambda query: [
                framed(reply(dns.message.make_query("b.example", "A")).to_wire())
            ],
            "the answer is no readable DNS message",
        ),
    ],
)
def test_a_failure_over_tcp_is_told(tcp: Answer | None, words: str) -> None:
    outcome = ask(cut_short, tcp)
    assert outcome.answered is False
    assert plain(outcome.seen).startswith(words)


def other_id(query: Message) -> bytes:
    answer = reply(query, f"{NAME}. A 192.0.2.66")
    answer.id ^= 1
    return answer.to_wire()


def other_name(query: Message) -> bytes:
    other = dns.message.make_query("evil.example", "A", id=query.id)
    return reply(other, "evil.example. A 192.0.2.66").to_wire()


@pytest.mark.parametrize("forged", [other_id, other_name])
def test_an_answer_to_another_question_is_passed_over(
    forged: Callable[[Message], bytes],
) -> None:
    def udp(query: Message) -> list[bytes]:
        return [forged(query), reply(query, f"{NAME}. A 192.0.2.5").to_wire()]

    assert plain(ask(udp).seen).startswith(f"{NAME} A = 192.0.2.5, ")


def test_an_answer_from_another_source_is_passed_over() -> None:
    """The socket is connected: the kernel drops what others send."""

    async def run() -> Outcome:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            loop = asyncio.get_running_loop()
            asked = DnsSettings(name=NAME, port=server.getsockname()[1])
            run = loop.create_task(outcomes(DnsEngine(), [job(asked, timeout_s=0.3)]))
            data, client = await loop.sock_recvfrom(server, 512)
            answer = reply(dns.message.from_wire(data), f"{NAME}. A 192.0.2.66")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.2", 0))
                other.sendto(answer.to_wire(), client)
            return (await run)[0]

    outcome = asyncio.run(run())
    assert outcome.answered is False
    assert plain(outcome.seen) == "no answer within {'duration': 300000}"


def test_rubbish_with_the_right_id_is_told() -> None:
    outcome = ask(lambda query: [struct.pack("!H", query.id) + b"\xff" * 30])
    assert outcome.answered is False
    assert plain(outcome.seen) == "the answer is no readable DNS message"


def test_a_long_answer_is_shown_in_part() -> None:
    outcome = ask(with_records(f'{NAME}. TXT "{"x" * 250}"'), type="TXT")
    assert outcome.answered is True
    assert len(str(outcome.seen.values["answer"])) == 200


def test_a_silent_server_ends_at_the_deadline() -> None:
    outcome = ask(lambda _query: [], timeout_s=0.2)
    assert plain(outcome.seen) == "no answer within {'duration': 200000}"


def test_a_closed_port_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    outcome = probe(DnsEngine(), job(DnsSettings(name=NAME, port=port)))
    assert outcome.answered is False
    assert plain(outcome.seen) == f"connection refused (127.0.0.1:{port})"


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("blackhole", "sent into a blackhole by a route"),
        ("prohibit", "prohibited by a route or a firewall"),
        ("unreachable", "host unreachable"),
    ],
)
def test_a_route_that_fails_is_no_answer(route: str, words: str) -> None:
    one = job(DnsSettings(name=NAME), "203.0.113.53", timeout_s=10)
    with linked() as (agent, router):
        agent.ip(f"route add {route} 203.0.113.0/24")
        outcome = agent.call(lambda: probe(DnsEngine(), one))
        assert outcome.answered is False
        assert plain(outcome.seen).startswith(words)
        # The same from the router, by ICMP: but a blackhole there is silence.
        agent.ip(f"route del {route} 203.0.113.0/24")
        router.ip("route add unreachable 203.0.113.0/24")
        outcome = agent.call(lambda: probe(DnsEngine(), one))
        assert plain(outcome.seen) == "host unreachable (203.0.113.53:53)"


@pytest.mark.fuzz
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_packet_makes_more_than_an_outcome(data: st.DataObject) -> None:
    """Mutated answers: each gives an outcome, and none is the agent's fault."""

    def mutated(query: Message) -> list[bytes]:
        wire = bytearray(reply(query, f"{NAME}. A 192.0.2.5").to_wire())
        for at in data.draw(st.lists(st.integers(2, len(wire) - 1), max_size=4)):
            wire[at] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(2, len(wire)))
        return [bytes(wire[:cut]) + data.draw(st.binary(max_size=20))]

    outcome = ask(mutated, timeout_s=0.02)
    assert outcome.answered in (True, False)


@pytest.fixture
def dnsmasq(tmp_path: Path) -> Iterator[int]:
    """dnsmasq with one name, on a free port; asks nobody else."""
    program = shutil.which("dnsmasq")
    assert program is not None, "dnsmasq is needed: apt-get install dnsmasq-base"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    process = subprocess.Popen(
        [
            program,
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--bind-interfaces",
            "--listen-address=127.0.0.1",
            f"--port={port}",
            f"--host-record={NAME},192.0.2.5,2001:db8::5",
            "--local=/example/",
            f"--pid-file={tmp_path / 'pid'}",
            "--user=",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        until = monotonic() + 10
        while monotonic() < until:
            settings_ = DnsSettings(name=NAME, port=port)
            if probe(DnsEngine(), job(settings_, timeout_s=0.5)).answered:
                break
            assert process.poll() is None, "dnsmasq did not start"
        yield port
    finally:
        process.terminate()
        process.wait(timeout=5)


def test_a_real_server_answers_refuses_and_denies(dnsmasq: int) -> None:
    def of(name: str, kind: str) -> str:
        asked = DnsSettings.model_validate(
            {"name": name, "type": kind, "port": dnsmasq}
        )
        return plain(probe(DnsEngine(), job(asked)).seen)

    assert of(NAME, "A").startswith(f"{NAME} A = 192.0.2.5, ")
    assert of(NAME, "AAAA").startswith(f"{NAME} AAAA = 2001:db8::5, ")
    assert of(NAME, "MX") == f"{NAME} has no MX record"
    assert of("no.example", "A") == "the name no.example does not exist (NXDOMAIN)"
    assert of("elsewhere.test", "A") == (
        "the server refuses to answer about elsewhere.test (REFUSED)"
    )
