"""The tls probe against servers with certificates of every kind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.model import Outcome
from scudo_agent.probes.tls import TlsEngine, TlsSettings
from support.certs import Authority, Pair
from support.ports import free_port
from support.probe_runs import Runner, ask, job, said
from support.webserver import (
    Nginx,
    answering,
    raw_server,
    running_nginx,
)

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def nginx(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    pair = authority.issue("erp.example", "127.0.0.1", days=(-1, 12))
    with running_nginx(tmp_path_factory.mktemp("nginx"), pair) as ports:
        yield ports


def shown_by(pair: Pair, **given_: Any) -> Outcome:
    """What one run sees of a server with that certificate."""

    async def once() -> Outcome:
        async with raw_server(answering(b""), pair=pair) as port:
            checked = TlsSettings.model_validate({"port": port, **given_})
            async with Runner(TlsEngine()) as runner:
                return await runner.one(job(checked))

    return asyncio.run(once())


def test_a_real_server(nginx: Nginx, authority: Authority) -> None:
    checked = TlsSettings.model_validate(
        {"port": nginx.https, "name": "erp.example", "ca": str(authority.ca)}
    )
    outcome = ask(TlsEngine(), job(checked))
    assert outcome.answered is True
    assert said(outcome.seen) == "certificate ends in 12 days"
    assert said(outcome.expected) == "a trusted certificate for erp.example"
    assert 11.9 < outcome.values["days_left"] < 12
    assert [limit.crossed(outcome.values) for limit in checked.warn_limits()] == [True]
    assert checked.degraded_limits() == ()


def test_the_name_is_the_address_unless_told(
    nginx: Nginx, authority: Authority
) -> None:
    checked = TlsSettings.model_validate({"port": nginx.https, "ca": str(authority.ca)})
    assert ask(TlsEngine(), job(checked)).answered is True
    by_name = ask(TlsEngine(), job(checked, address="localhost"))
    words = "certificate is for erp.example, 127.0.0.1, not for localhost"
    assert said(by_name.seen) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (
            (-90, -3),
            "certificate ended 3 days ago (CN=erp.example, issued by CN=Test CA)",
        ),
        (
            (-90, -1.5),
            "certificate ended 1 day ago (CN=erp.example, issued by CN=Test CA)",
        ),
    ],
)
def test_a_certificate_that_ended_tells_when_and_which(
    authority: Authority, days: tuple[float, float], words: str
) -> None:
    pair = authority.issue("erp.example", days=days)
    outcome = shown_by(pair, name="erp.example", ca=str(authority.ca))
    assert outcome.answered is False
    assert said(outcome.seen) == words
    assert outcome.values["days_left"] == pytest.approx(days[1], abs=0.01)


def test_a_certificate_that_ended_an_hour_ago(authority: Authority) -> None:
    pair = authority.issue("erp.example", days=(-9, -1 / 24))
    outcome = shown_by(pair, name="erp.example", verify=False)
    assert outcome.answered is False
    assert outcome.seen.id.startswith("certificate ended {ago} ago")


def test_a_certificate_that_ends_within_the_day(authority: Authority) -> None:
    pair = authority.issue("erp.example", days=(-9, 0.5))
    outcome = shown_by(pair, name="erp.example", ca=str(authority.ca))
    assert outcome.answered is True
    assert outcome.seen.id == "certificate ends in {left}"


def test_a_certificate_that_has_not_begun(authority: Authority) -> None:
    pair = authority.issue("erp.example", days=(2, 9))
    outcome = shown_by(pair, name="erp.example", ca=str(authority.ca))
    assert outcome.answered is False
    assert outcome.seen.id.startswith("certificate is not valid before {begins}")


def test_another_name(authority: Authority) -> None:
    pair = authority.issue("a.example", "b.example", "c.example", "d.example")
    outcome = shown_by(pair, name="erp.example", ca=str(authority.ca))
    assert outcome.answered is False
    words = "certificate is for a.example, b.example, c.example, …, not for erp.example"
    assert said(outcome.seen) == words
    assert outcome.values["days_left"] == pytest.approx(30, abs=0.01)


def test_a_self_signed_certificate(authority: Authority) -> None:
    pair = authority.issue("erp.example", self_signed=True)
    outcome = shown_by(pair, name="erp.example", ca=str(authority.ca))
    assert outcome.answered is False
    words = "chain is not trusted: CN=erp.example is self-signed"
    assert said(outcome.seen) == words


def test_an_unknown_issuer(authority: Authority) -> None:
    outcome = shown_by(authority.issue("erp.example"), name="erp.example")
    assert outcome.answered is False
    assert said(outcome.seen) == "chain is not trusted: CN=Test CA is not known"


def test_a_self_signed_certificate_that_is_trusted_itself(
    authority: Authority,
) -> None:
    pair = authority.issue("erp.example", self_signed=True)
    outcome = shown_by(pair, name="erp.example", ca=str(pair.cert))
    assert outcome.answered is True, said(outcome.seen)


def test_a_leaf_that_is_trusted_itself(authority: Authority) -> None:
    pair = authority.issue("erp.example")
    outcome = shown_by(pair, name="erp.example", ca=str(pair.cert))
    assert outcome.answered is True, said(outcome.seen)


def test_without_verification_only_the_end_counts(authority: Authority) -> None:
    pair = authority.issue("other.example", self_signed=True)
    outcome = shown_by(pair, name="erp.example", verify=False)
    assert outcome.answered is True
    assert said(outcome.seen) == "certificate ends in 30 days"
    assert said(outcome.expected) == "a certificate that has not ended"


def test_a_refused_connection() -> None:
    port = free_port()
    checked = TlsSettings.model_validate({"port": port})
    outcome = ask(TlsEngine(), job(checked))
    assert outcome.answered is False
    assert said(outcome.seen) == f"connection refused (127.0.0.1:{port})"


def test_a_server_without_tls(nginx: Nginx) -> None:
    checked = TlsSettings.model_validate({"port": nginx.http})
    outcome = ask(TlsEngine(), job(checked))
    assert outcome.answered is False
    assert said(outcome.seen) == f"127.0.0.1:{nginx.http} does not speak TLS"


def test_a_handshake_that_stalls() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def once() -> str:
        async with raw_server(stall) as port, Runner(TlsEngine()) as runner:
            checked = TlsSettings.model_validate({"port": port})
            outcome = await runner.one(job(checked, timeout_s=0.3))
            assert outcome.answered is False
            return said(outcome.seen)

    assert "no end of the TLS handshake" in asyncio.run(once())


def test_an_address_outside_the_networks_is_not_asked(nginx: Nginx) -> None:
    checked = TlsSettings.model_validate({"port": nginx.https})
    outcome = ask(TlsEngine(), job(checked, allowed=lambda ip: False))
    assert outcome.answered is False
    assert "outside the networks" in said(outcome.seen)


def test_a_file_of_cas_that_vanished_is_the_agents_own_matter(
    authority: Authority, nginx: Nginx, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.ca.read_bytes())
    checked = TlsSettings.model_validate({"port": nginx.https, "ca": str(ca)})
    ca.unlink()
    outcome = ask(TlsEngine(), job(checked))
    assert outcome.answered is None
    words = "the file of trusted certificates cannot be read"
    assert said(outcome.seen).startswith(words)
