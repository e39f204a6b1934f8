"""From an address to a socket address, and from an errno to words."""

import asyncio
import errno
import os
import socket

import pytest

from scudo_agent.probes import connect
from scudo_agent.probes.connect import NoAnswerError, Resolved, literal, resolve
from support.probing import plain


@pytest.mark.parametrize(
    ("address", "family", "ip"),
    [
        ("192.0.2.1", socket.AF_INET, "192.0.2.1"),
        ("2001:DB8:0::1", socket.AF_INET6, "2001:db8::1"),
        ("::ffff:192.0.2.1", socket.AF_INET, "192.0.2.1"),
    ],
)
def test_an_ip_address_needs_no_look_up(
    address: str, family: socket.AddressFamily, ip: str
) -> None:
    assert literal(address) == Resolved(family, ip)


@pytest.mark.parametrize("name", ["erp.acme.example", "0x7f.1", "127.1", ""])
def test_anything_else_is_a_name(name: str) -> None:
    assert literal(name) is None


def test_a_link_local_address_keeps_its_interface() -> None:
    found = literal("fe80::1%lo")
    assert found is not None
    assert found.scope_id == socket.if_nametoindex("lo")
    assert found.sockaddr(80) == ("fe80::1", 80, 0, found.scope_id)


def test_addresses_are_written_as_people_write_them() -> None:
    assert Resolved(socket.AF_INET, "192.0.2.1").where(80) == "192.0.2.1:80"
    assert Resolved(socket.AF_INET6, "2001:db8::1").where(80) == "[2001:db8::1]:80"


def answers(monkeypatch: pytest.MonkeyPatch, *ips: str) -> None:
    """The system's resolver gives these for every name."""
    infos = [
        (socket.AF_INET6, 0, 0, "", (ip, 0, 0, 0))
        if ":" in ip
        else (socket.AF_INET, 0, 0, "", (ip, 0))
        for ip in ips
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: infos)


def found(name: str, *allowed: str) -> Resolved:
    return asyncio.run(resolve(name, lambda ip: not allowed or ip in allowed))


def test_the_first_address_that_may_be_probed_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, "2001:db8::1", "192.0.2.1", "192.0.2.2")
    assert found("erp.example").ip == "2001:db8::1"
    assert found("erp.example", "192.0.2.2").ip == "192.0.2.2"


def test_a_mapped_answer_is_judged_as_the_ipv4_address_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, "::ffff:169.254.169.254")
    with pytest.raises(NoAnswerError) as raised:
        found("meta.example", "192.0.2.1")
    assert plain(raised.value.seen) == (
        "meta.example is 169.254.169.254, "
        "which is outside the networks that may be probed"
    )


def test_a_number_in_disguise_is_judged_as_what_it_means() -> None:
    """`127.1` and `0x7f000001` are loopback for the system's resolver."""
    for name in ("127.1", "0x7f000001", "2130706433"):
        with pytest.raises(NoAnswerError) as raised:
            found(name, "192.0.2.1")
        assert "127.0.0.1, which is outside" in plain(raised.value.seen)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, ""), "the name x.example has no address"),
        (socket.gaierror(socket.EAI_NODATA, ""), "the name x.example has no address"),
        (
            socket.gaierror(socket.EAI_AGAIN, ""),
            "no answer of the name servers about x.example",
        ),
        (
            socket.gaierror(socket.EAI_FAIL, "no good"),
            "the name x.example cannot be looked up: no good",
        ),
        (UnicodeError(), "'x.example' cannot be a host's name"),
        (OSError(errno.ECONNREFUSED, ""), "connection refused (x.example)"),
    ],
)
def test_a_failed_look_up_says_what_failed(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, words: str
) -> None:
    def getaddrinfo(*_arguments: object, **_named: object) -> None:
        raise fault

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NoAnswerError) as raised:
        found("x.example")
    assert raised.value.outcome().answered is False
    assert plain(raised.value.seen) == words


def test_no_address_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch)
    with pytest.raises(NoAnswerError) as raised:
        found("x.example")
    assert plain(raised.value.seen) == "the name x.example has no address"


OWN = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAFNOSUPPORT}


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_errno_has_words_and_only_our_own_are_unknown(number: int) -> None:
    outcome = connect.failure(OSError(number, os.strerror(number)), "192.0.2.1:80")
    assert outcome.answered is (None if number in OWN else False)
    assert plain(outcome.seen).endswith("(192.0.2.1:80)")


def test_what_can_be_told_apart_is_told_apart() -> None:
    numbers = [
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EACCES,
        errno.EINVAL,
        errno.ETIMEDOUT,
    ]
    said = {plain(connect.words(OSError(n, ""), "x")) for n in numbers}
    assert len(said) == len(numbers)


def test_an_error_without_a_number_keeps_its_text() -> None:
    assert plain(connect.words(OSError("odd"), "x")) == "no connection: odd (x)"
