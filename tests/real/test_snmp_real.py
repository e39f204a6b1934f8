"""The snmp probe against a real snmpd, and against devices that misbehave."""

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from scudo_agent.config.site import SnmpCredential
from scudo_agent.model import Outcome
from scudo_agent.probes.port import Job
from scudo_agent.probes.snmp import SnmpEngine, SnmpSettings
from support.ports import free_port
from support.probe_runs import Runner, ask, job, said
from support.snmpd import running_snmpd, v1, v2c, v3

pytestmark = pytest.mark.real

UP = {"get": "IF-MIB::ifOperStatus.2", "expect": "up"}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_snmpd(tmp_path_factory.mktemp("snmpd")) as port:
        yield port


def snmp_job(
    port: int,
    given: dict[str, Any],
    *,
    credential: SnmpCredential | None = None,
    **more: Any,
) -> Job:
    settings = SnmpSettings.model_validate({**given, "port": port})
    return job(settings, credential=credential or v2c(), **more)


def seen(port: int, given: dict[str, Any], **more: Any) -> Outcome:
    return ask(SnmpEngine(), snmp_job(port, given, **more))


@pytest.mark.parametrize(
    ("credential", "version"),
    [
        (v1(), "v1"),
        (v2c(), "v2c"),
        (v3(), "v3"),
        (v3("u224", auth="sha224", priv="aes256"), "v3"),
        (v3("u384", auth="sha384", priv="aes192"), "v3"),
        (v3("u512", auth="sha512", priv="aes256"), "v3"),
        (v3("old", auth="sha1"), "v3"),
        (v3("older", auth="md5", priv=None), "v3"),
        (v3("plain", priv=None), "v3"),
    ],
    ids=lambda value: getattr(value, "user", None) or getattr(value, "version", value),
)
def test_every_version_and_algorithm_reads_a_row(
    port: int, credential: SnmpCredential, version: str
) -> None:
    outcome = seen(port, UP, credential=credential)
    assert outcome.answered is True
    assert said(outcome.seen) == f"IF-MIB::ifOperStatus.2 = up (snmp {version})"
    assert said(outcome.expected) == "IF-MIB::ifOperStatus.2 = up"
    assert outcome.values == {"value": 1.0}
    assert outcome.duration_s is not None
    assert 0 < outcome.duration_s < 3


def test_ipv6(port: int) -> None:
    assert seen(port, UP, address="::1", credential=v3()).answered is True


def test_a_row_that_is_down_is_told_by_its_word(port: int) -> None:
    outcome = seen(port, {"get": "IF-MIB::ifOperStatus.1", "expect": "up"})
    assert outcome.answered is False
    words = "IF-MIB::ifOperStatus.1 = down instead of up (snmp v2c)"
    assert said(outcome.seen) == words


@pytest.mark.parametrize("credential", [v1(), v2c(), v3()], ids=["v1", "v2c", "v3"])
@pytest.mark.parametrize(
    "get", ["IF-MIB::ifOperStatus.999", "1.3.6.1.4.1.99999.77.0"], ids=["row", "object"]
)
def test_no_such_instance(port: int, credential: SnmpCredential, get: str) -> None:
    outcome = seen(port, {"get": get}, credential=credential)
    assert outcome.answered is False
    assert f"the device has no {get}: no such instance" in said(outcome.seen)


def test_a_text_where_a_number_is_expected(port: int) -> None:
    warm = 'NET-SNMP-EXTEND-MIB::nsExtendOutput1Line."text"'
    for wish in ({"max": 30}, {"expect": 30}, {"degraded": {"above": 30}}):
        outcome = seen(port, {"get": warm, **wish})
        assert outcome.answered is False
        assert (
            said(outcome.seen) == f'{warm} is the text "warm" and no number (snmp v2c)'
        )


def test_a_text_that_is_a_number_is_one(port: int) -> None:
    get = 'NET-SNMP-EXTEND-MIB::nsExtendOutput1Line."number"'
    outcome = seen(port, {"get": get, "max": 50, "warn": {"above": 40}})
    assert outcome.answered is True
    assert outcome.values == {"value": 42.5}


def test_ranges_and_limits(port: int) -> None:
    get = "UCD-SNMP-MIB::memAvailReal.0"
    assert seen(port, {"get": get, "min": 17, "max": 17}).answered is True
    low = seen(port, {"get": get, "min": 18})
    assert said(low.seen) == f"{get} = 17, below 18.0 (snmp v2c)"
    high = seen(port, {"get": get, "max": 16})
    assert said(high.seen) == f"{get} = 17, above 16.0 (snmp v2c)"


def test_octets_of_a_device_are_shown_on_one_line_without_controls(port: int) -> None:
    mac = seen(port, {"get": "1.3.6.1.4.1.99999.1.0"})
    assert said(mac.seen) == "1.3.6.1.4.1.99999.1.0 = 00:1b:2c:3d:4e:ff (snmp v2c)"
    hostile = seen(port, {"get": "1.3.6.1.4.1.99999.2.0"})
    assert said(hostile.seen).isprintable()


def test_ticks_are_a_duration(port: int) -> None:
    outcome = seen(port, {"get": "SNMPv2-MIB::sysUpTime.0"})
    value = outcome.seen.values["value"]
    assert isinstance(value, dict)
    assert value["duration"] == outcome.values["value"] * 10_000


def test_a_wrong_community_is_silence_and_never_named(port: int) -> None:
    outcome = seen(port, UP, credential=v2c("sbagliata-9z"), timeout_s=0.4)
    assert outcome.answered is False
    assert said(outcome.seen) == "no answer: down, filtered or wrong community"
    assert "sbagliata-9z" not in repr(outcome)


def test_a_closed_port() -> None:
    closed = free_port(udp=True)
    for credential in (v2c(), v3()):
        outcome = seen(closed, UP, credential=credential)
        assert outcome.answered is False
        words = f"nothing answers at 127.0.0.1:{closed}: port closed"
        assert said(outcome.seen) == words


def test_a_v3_device_that_is_down_is_no_matter_of_keys() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        outcome = seen(port, UP, credential=v3(), timeout_s=0.5)
    assert said(outcome.seen) == "no answer: down or filtered"


@pytest.mark.parametrize(
    ("credential", "words"),
    [
        (v3("nessuno"), "unknown user: the device has no nessuno"),
        (
            v3(auth_key="sbagliata-chiave"),
            "wrong authentication key, or another algorithm than sha256",
        ),
        (
            v3(auth="sha512"),
            "wrong authentication key, or another algorithm than sha512",
        ),
        (
            v3(priv_key="sbagliata-chiave"),
            "wrong privacy key, probably: no answer with privacy, but one without it",
        ),
        (v3("plain"), "the device knows the user, but not with authPriv"),
        (v3(priv=None), "the device knows the user, but not with authNoPriv"),
    ],
    ids=["user", "auth key", "auth algorithm", "priv key", "no privacy", "needs it"],
)
def test_what_is_wrong_with_an_snmpv3_user_is_told_apart(
    port: int, credential: SnmpCredential, words: str
) -> None:
    outcome = seen(port, UP, credential=credential, timeout_s=4)
    assert outcome.answered is False
    assert said(outcome.seen) == words
    assert "chiave" not in repr(outcome)


def test_a_device_is_diagnosed_once_an_hour(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scudo_agent.probes import snmp_diagnose

    asked: list[object] = []
    real = snmp_diagnose.diagnose

    def counted(*args: Any) -> Any:
        asked.append(args)
        return real(*args)

    monkeypatch.setattr(snmp_diagnose, "diagnose", counted)
    wrong, right = (snmp_job(port, UP, credential=c) for c in (v3("nessuno"), v3()))

    async def runs() -> list[Outcome]:
        async with Runner(SnmpEngine()) as runner:
            jobs = (wrong, wrong, right, wrong)
            return [await runner.one(one) for one in jobs]

    first, second, good, after = asyncio.run(runs())
    assert said(first.seen) == said(second.seen)
    assert said(first.seen) == "unknown user: the device has no nessuno"
    assert good.answered is True
    assert said(after.seen) == "the device refuses the SNMPv3 user or its keys"
    assert len(asked) == 1


def over_a_restart(folder: Path, first: str, second: str) -> list[str]:
    """What two runs each of one engine say of a device that restarts meanwhile."""
    port = free_port(udp=True)
    one = snmp_job(port, UP, credential=v3(), timeout_s=1.0)

    async def runs() -> list[str]:
        async with Runner(SnmpEngine()) as runner:
            found = []
            for more in (first, second):
                with running_snmpd(folder, port=port, more=more):
                    outcomes = [await runner.one(one), await runner.one(one)]
                found += [said(outcome.seen) for outcome in outcomes]
            return found

    return asyncio.run(runs())


FINE = "IF-MIB::ifOperStatus.2 = up (snmp v3)"


def test_a_v3_device_that_restarted_answers_at_once(tmp_path: Path) -> None:
    same = "exactEngineID 0x80001f888001020304\n"
    found = over_a_restart(tmp_path, same + "engineBoots 3\n", same + "engineBoots 9\n")
    assert found == [FINE] * 4


def test_a_v3_device_with_a_new_engine_is_met_anew(tmp_path: Path) -> None:
    found = over_a_restart(
        tmp_path,
        "exactEngineID 0x80001f888001020304\n",
        "exactEngineID 0x80001f888001020305\n",
    )
    assert found == [FINE, FINE, "no answer: down or filtered", FINE]


def test_objects_that_are_due_together_share_a_request(port: int) -> None:
    names = [f"IF-MIB::ifOperStatus.{n}" for n in (1, 2, 999)]
    jobs = [
        snmp_job(port, {"get": get, "expect": "up"}, check=f"switch/{get}")
        for get in names
    ] + [snmp_job(port, UP, check="other/row", timeout_s=2.0)]

    async def runs() -> dict[str, Outcome]:
        async with Runner(SnmpEngine()) as runner:
            return await runner.run(jobs)

    outcomes = asyncio.run(runs())
    assert [outcomes[one.check].answered for one in jobs] == [False, True, False, True]


def test_many_objects_take_more_than_one_request(port: int) -> None:
    jobs = [snmp_job(port, UP, check=f"switch/{n}") for n in range(40)]

    async def runs() -> dict[str, Outcome]:
        async with Runner(SnmpEngine(limit=1)) as runner:
            return await runner.run(jobs)

    assert all(outcome.answered for outcome in asyncio.run(runs()).values())


def test_an_address_outside_the_networks_is_not_asked(port: int) -> None:
    outcome = seen(port, UP, allowed=lambda ip: False)
    assert outcome.answered is False
    assert "outside the networks" in said(outcome.seen)


def test_a_target_without_credentials_is_the_agents_own_matter(port: int) -> None:
    settings = SnmpSettings.model_validate({**UP, "port": port})
    outcome = ask(SnmpEngine(), job(settings))
    assert outcome.answered is None


def test_no_route_has_words_whatever_its_errno() -> None:
    # A multicast address of a family without a route: the errno is in the text only.
    outcome = seen(161, UP, address="fe80::1")
    assert outcome.answered is False
    assert errno.errorcode[errno.EINVAL] not in said(outcome.seen)
    assert "fe80::1" in said(outcome.seen)


class Liar(asyncio.DatagramProtocol):
    """A device that answers every question with the same octets."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        assert self._transport is not None
        self._transport.sendto(self._answer, addr)


@pytest.mark.parametrize(
    "answer", [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"HTTP/1.0 200", b"\0" * 1400]
)
@pytest.mark.parametrize("credential", [v2c(), v3()], ids=["v2c", "v3"])
def test_what_is_no_snmp_is_an_outcome(
    credential: SnmpCredential, answer: bytes
) -> None:
    async def once() -> Outcome:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Liar(answer), local_addr=("127.0.0.1", 0)
        )
        port = transport.get_extra_info("sockname")[1]
        try:
            async with Runner(SnmpEngine()) as runner:
                one = snmp_job(port, UP, credential=credential, timeout_s=0.4)
                return await runner.one(one)
        finally:
            transport.close()

    outcome = asyncio.run(once())
    assert outcome.answered is False
    assert said(outcome.seen).isprintable()


class Twice(asyncio.DatagramProtocol):
    """Stands before a device and sends each of its answers twice, one late."""

    def __init__(self, device: int) -> None:
        self._device = device
        self.asked = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if addr[1] != self._device:
            self.asked, self._asker = self.asked + 1, addr
            self.transport.sendto(data, ("127.0.0.1", self._device))
        else:
            self.transport.sendto(data, self._asker)
            self.transport.sendto(data, self._asker)


@pytest.mark.parametrize("credential", [v2c(), v3()], ids=["v2c", "v3"])
def test_an_answer_that_comes_twice_is_not_the_next_ones(
    port: int, credential: SnmpCredential
) -> None:
    async def runs() -> list[str]:
        loop = asyncio.get_running_loop()
        transport, twice = await loop.create_datagram_endpoint(
            lambda: Twice(port), local_addr=("127.0.0.1", 0)
        )
        between = transport.get_extra_info("sockname")[1]
        found = []
        async with Runner(SnmpEngine()) as runner:
            for row in (1, 2, 1, 2):
                get = {"get": f"IF-MIB::ifOperStatus.{row}"}
                one = snmp_job(between, get, credential=credential)
                found.append(said((await runner.one(one)).seen)[:29])
        transport.close()
        assert twice.asked >= 4
        return found

    up, down = "IF-MIB::ifOperStatus.2 = up (", "IF-MIB::ifOperStatus.1 = down"
    assert asyncio.run(runs()) == [down, up, down, up]


class Damaging(Twice):
    """Stands before a device and damages its answers."""

    def __init__(self, device: int) -> None:
        super().__init__(device)
        self._random = Random(20261121)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if addr[1] != self._device:
            self._asker = addr
            self.transport.sendto(data, ("127.0.0.1", self._device))
            return
        octets = bytearray(data)
        for _ in range(self._random.randint(0, 3)):
            at = self._random.randrange(len(octets))
            match self._random.randrange(8):
                case 0:
                    del octets[at + 1 : at + 4]
                case 1:
                    octets[at:at] = self._random.randbytes(3)
                case _:
                    octets[at] = self._random.choice((0, 1, 127, 128, 130, 132, 255))
        self.transport.sendto(bytes(octets), self._asker)


@pytest.mark.fuzz
@pytest.mark.parametrize(
    "credential", [v1(), v2c(), v3("plain", priv=None)], ids=["v1", "v2c", "v3"]
)
def test_damaged_answers_give_an_outcome(port: int, credential: SnmpCredential) -> None:
    """gufo's parser panics on some of them, which is no `Exception`."""

    async def runs() -> Counter[bool | None]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Damaging(port), local_addr=("127.0.0.1", 0)
        )
        between = transport.get_extra_info("sockname")[1]
        get = {"get": "SNMPv2-MIB::sysName.0"}
        one = snmp_job(between, get, credential=credential, timeout_s=0.05)
        ends: Counter[bool | None] = Counter()
        async with Runner(SnmpEngine()) as runner:
            for _ in range(300):
                outcome = await runner.one(one)
                assert said(outcome.seen).isprintable()
                ends[outcome.answered] += 1
        transport.close()
        return ends

    ends = asyncio.run(runs())
    assert ends[None] == 0
    assert ends[True] > 0
    assert ends[False] > 0


def test_closing_ends_what_is_under_way_without_a_report() -> None:
    reported: list[str] = []

    async def once() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            engine = SnmpEngine()
            await engine.start(lambda check, _: reported.append(check))
            engine.submit([snmp_job(silent.getsockname()[1], UP, timeout_s=60)])
            await asyncio.sleep(0)
            await engine.close()

    asyncio.run(once())
    assert reported == []
