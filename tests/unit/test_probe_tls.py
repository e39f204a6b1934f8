"""Settings of the tls probe, and reading of certificates."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scudo_agent.instant import DAY, HOUR, Instant
from scudo_agent.probes.connect import NoAnswerError
from scudo_agent.probes.tls import (
    Certificate,
    TlsSettings,
    _dated,
    _ends,
    read_certificate,
)
from support.certs import Authority
from support.probe_runs import said


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"port": 0}, "greater than or equal to 1"),
        ({"warn": 14}, "is less than an hour; write days such as 14d"),
        ({"degraded": "3 m"}, "is less than an hour; write days such as 14d"),
        ({"warn": "soon"}, "'soon' is not a duration"),
        ({"name": "a b"}, "String should match pattern"),
        ({"ca": "/no/such/file.pem"}, "/no/such/file.pem: No such file or directory"),
    ],
)
def test_settings_that_cannot_be_meant(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as fault:
        TlsSettings.model_validate(given_)
    assert words in str(fault.value)


def test_a_relative_ca_starts_at_the_folder_of_the_site_file(tmp_path: Path) -> None:
    context = {"base": tmp_path}
    with pytest.raises(ValidationError, match=f"{tmp_path}/ca.pem: No such file"):
        TlsSettings.model_validate({"ca": "ca.pem"}, context=context)


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing\n")
    with pytest.raises(ValidationError, match="holds no certificates"):
        TlsSettings.model_validate({"ca": str(tmp_path / "ca.pem")})


def test_limits_are_days() -> None:
    settings = TlsSettings.model_validate({"degraded": "3d"})
    (warn,), (degraded,) = settings.warn_limits(), settings.degraded_limits()
    assert (warn.value, warn.bound, warn.above) == ("days_left", 14, False)
    assert (degraded.bound, degraded.above) == (3, False)
    assert TlsSettings.model_validate({"warn": None}).warn_limits() == ()


def test_words_for_a_ticket() -> None:
    settings = TlsSettings.model_validate({"name": "erp.example"})
    assert settings.endpoint("192.0.2.1") == "192.0.2.1:443 (erp.example)"
    assert settings.endpoint("erp.example") == "erp.example:443"
    command = "openssl s_client -connect 192.0.2.1:443 -servername erp.example"
    assert settings.reproduce("192.0.2.1") == f"{command} </dev/null"


NOW = Instant(1_800_000_000_000_000)


def lasting(begins: int, ends: int) -> Certificate:
    return Certificate("CN=a", "CN=b", (), Instant(NOW + begins), Instant(NOW + ends))


@pytest.mark.parametrize(
    ("ended_ago", "words"),
    [
        (0, "certificate ended 0 s ago (CN=a, issued by CN=b)"),
        (HOUR, "certificate ended 3600 s ago (CN=a, issued by CN=b)"),
        (DAY, "certificate ended 1 day ago (CN=a, issued by CN=b)"),
        (2 * DAY - 1, "certificate ended 1 day ago (CN=a, issued by CN=b)"),
        (2 * DAY, "certificate ended 2 days ago (CN=a, issued by CN=b)"),
    ],
)
def test_an_end_is_told_in_days(ended_ago: int, words: str) -> None:
    assert said(_dated(lasting(-99 * DAY, -ended_ago), NOW)) == words


def test_a_certificate_in_its_time_has_no_fault_of_date() -> None:
    assert _dated(lasting(0, 1), NOW) is None
    assert _dated(lasting(1, 2), NOW) is not None


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (0.5, "certificate ends in 43200 s"),
        (1.0, "certificate ends in 1 day"),
        (11.99, "certificate ends in 12 days"),
        (12.2, "certificate ends in 12 days"),
    ],
)
def test_what_is_left_is_told_in_days(left: float, words: str) -> None:
    assert said(_ends(left)) == words


@given(st.binary(max_size=200))
def test_any_octets_are_a_certificate_or_no_answer(der: bytes) -> None:
    with pytest.raises(NoAnswerError):
        read_certificate(der)


@pytest.mark.fuzz
@given(st.data())
def test_a_mutated_certificate_is_read_or_refused(
    certificate: bytes, data: st.DataObject
) -> None:
    octets = bytearray(certificate)
    for _ in range(data.draw(st.integers(0, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(
            st.integers(0, 255)
        )
    try:
        found = read_certificate(bytes(octets))
    except NoAnswerError:
        return
    assert all(text.isprintable() for text in (found.subject, *found.names))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    authority = Authority(tmp_path_factory.mktemp("ca"))
    pem = authority.issue("erp.example", "192.0.2.1").cert.read_bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def test_a_relative_file_of_cas_begins_at_the_site_files_folder(
    tmp_path: Path,
) -> None:
    Authority(tmp_path / "tls")
    settings = TlsSettings.model_validate(
        {"ca": "tls/ca.pem"}, context={"base": tmp_path}
    )
    assert settings.ca == "tls/ca.pem"
    assert settings.ca_file == str(tmp_path / "tls/ca.pem")
