"""Settings of the http probe, its URLs, and the reader's bounds."""

import asyncio
import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scudo_agent.probes.http import HttpSettings, expected
from scudo_agent.probes.http_url import Url
from scudo_agent.probes.http_wire import (
    MAX_BODY,
    BadReplyError,
    Reply,
    ReplyReader,
    unpack,
)
from support.certs import Authority
from support.probe_runs import said

URL = "https://erp.example/login"


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({}, "Field required"),
        ({"url": "erp.example"}, "is no URL such as https://erp.example/login"),
        ({"url": "ftp://erp.example/"}, "is no URL such as https://erp.example/login"),
        ({"url": "https:///x"}, "is no URL such as https://erp.example/login"),
        (
            {"url": "https://a:b@erp.example/"},
            "a URL holds no user or password here; "
            "give an Authorization header by reference",
        ),
        ({"url": "https://erp.example/a b"}, "a URL has no spaces"),
        ({"url": "https://erp.example:0/"}, "the port of a URL is a number from 1"),
        ({"url": "https://erp.example:x/"}, "the port of a URL is a number from 1"),
        ({"url": URL, "status": 99}, "'99' is no status such as 200 or 2xx"),
        ({"url": URL, "status": "6xx"}, "'6xx' is no status such as 200 or 2xx"),
        ({"url": URL, "status": [200, "ok"]}, "'ok' is no status such as 200 or 2xx"),
        ({"url": URL, "status": []}, "needs at least one status such as 200 or 2xx"),
        ({"url": URL, "method": "POST"}, "Input should be 'GET', 'HEAD' or 'OPTIONS'"),
        (
            {"url": URL, "method": "HEAD", "body": "Accedi"},
            "the answer to HEAD has no body to look into; use GET",
        ),
        ({"url": URL, "body": {"regex": "(a"}}, "is no regular expression: missing )"),
        (
            {"url": URL, "body": {"regex": "(a+)+$"}},
            "a repetition within a repetition can take for ever",
        ),
        (
            {"url": URL, "headers": {"Authorization": "Bearer abc"}},
            "the header 'Authorization' holds a secret: give it by reference, "
            "env:NAME, file:PATH or credential:NAME",
        ),
        (
            {"url": URL, "headers": {"Cookie": "env:NO_SUCH_VARIABLE_77"}},
            "env:NO_SUCH_VARIABLE_77: the environment has no 'NO_SUCH_VARIABLE_77'",
        ),
        (
            {"url": URL, "headers": {"X-A": "b\r\nX-C: d"}},
            "the header 'X-A' has characters that cannot be sent",
        ),
        ({"url": URL, "headers": {"X A": "b"}}, "'X A' cannot be a header's name"),
        (
            {"url": URL, "headers": {"Connection": "keep-alive"}},
            "the header 'Connection' is the agent's to set",
        ),
        ({"url": URL, "ca": "/no/such/file.pem"}, "/no/such/file.pem: No such file"),
        ({"url": URL, "redirects": 11}, "less than or equal to 10"),
        ({"url": URL, "degraded": {"latency": "0s"}}, "greater than 0"),
    ],
)
def test_settings_that_cannot_be_meant(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as fault:
        HttpSettings.model_validate(given_)
    assert words in str(fault.value)


def test_a_literal_secret_is_not_echoed() -> None:
    with pytest.raises(ValidationError) as fault:
        HttpSettings.model_validate(
            {"url": URL, "headers": {"Authorization": "Bearer s3greto"}}
        )
    told = [error["msg"] for error in fault.value.errors()]
    assert not any("s3greto" in words for words in told)


def test_a_secret_that_cannot_be_sent_is_refused_and_not_echoed(
    tmp_path: Path,
) -> None:
    (tmp_path / "token").write_text("one\ntwo-s3greto\n")
    with pytest.raises(ValidationError) as fault:
        HttpSettings.model_validate(
            {"url": URL, "headers": {"X-Token": "file:token"}},
            context={"base": tmp_path},
        )
    (error,) = fault.value.errors()
    words = "Value error, the header 'file:token' has characters that cannot be sent"
    assert error["msg"] == words


def test_a_files_secret_is_read_from_the_folder_of_the_context(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Bearer s3greto\n")
    settings = HttpSettings.model_validate(
        {"url": URL, "headers": {"authorization": "file:token"}},
        context={"base": tmp_path},
    )
    assert settings.sent_headers(settings.parsed)["authorization"] == "Bearer s3greto"
    elsewhere = Url.parse("https://other.example/")
    assert "authorization" not in settings.sent_headers(elsewhere)
    for shown in (repr(settings), settings.model_dump_json()):
        assert "s3greto" not in shown


def test_without_secrets_a_reference_is_only_looked_at() -> None:
    settings = HttpSettings.model_validate(
        {"url": URL, "headers": {"Authorization": "env:NO_SUCH_VARIABLE_77"}},
        context={"secrets": False},
    )
    assert settings.headers == {"Authorization": "env:NO_SUCH_VARIABLE_77"}


def test_words_for_a_ticket() -> None:
    settings = HttpSettings.model_validate(
        {"url": "https://erp.example/?a=1&b=2", "verify": False, "status": ["2xx", 301]}
    )
    assert settings.endpoint(None) == "https://erp.example/?a=1&b=2"
    command = "curl -sS -i -k 'https://erp.example/?a=1&b=2'"
    assert settings.reproduce(None) == command
    assert settings.hosts("192.0.2.1") == ("erp.example",)
    assert said(expected(settings)) == "status 2xx, 301"


def test_limits() -> None:
    settings = HttpSettings.model_validate(
        {"url": URL, "degraded": {"latency": "2s"}, "warn": {"latency": "500ms"}}
    )
    (degraded,), (warn,) = settings.degraded_limits(), settings.warn_limits()
    assert (degraded.value, degraded.bound, warn.bound) == ("latency_s", 2.0, 0.5)


def test_settings_load_no_tls_and_no_parser() -> None:
    code = (
        "import sys\n"
        "from scudo_agent.probes.http import HttpSettings\n"
        "HttpSettings.model_validate({'url': 'https://erp.example/'})\n"
        "print([m for m in sys.modules if m in ('httptools', 'cryptography')])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "host", "port", "target", "authority"),
    [
        ("http://erp.example", "erp.example", 80, "/", "erp.example"),
        ("https://ERP.example:443/a#b", "erp.example", 443, "/a", "erp.example"),
        ("http://[2001:db8::1]:81/", "2001:db8::1", 81, "/", "[2001:db8::1]:81"),
        ("https://[2001:db8::1]/", "2001:db8::1", 443, "/", "[2001:db8::1]"),
        ("http://città.example/è?q=è&r=%20", "xn--citt-3na.example", 80, "", ""),
    ],
)
def test_urls(text: str, host: str, port: int, target: str, authority: str) -> None:
    url = Url.parse(text)
    assert (url.host, url.port) == (host, port)
    if target:
        assert (url.target, url.authority) == (target, authority)
    else:
        assert url.target == "/%C3%A8?q=%C3%A8&r=%20"


@pytest.mark.parametrize(
    ("location", "to"),
    [
        ("/b", "https://erp.example/b"),
        ("b?c", "https://erp.example/a/b?c"),
        ("//other.example/x", "https://other.example/x"),
        ("http://erp.example/", "http://erp.example/"),
    ],
)
def test_redirects(location: str, to: str) -> None:
    assert Url.parse("https://erp.example/a/").redirected(location).text == to


@given(st.text(max_size=60))
def test_any_location_is_a_url_or_a_value_error(location: str) -> None:
    base = Url.parse(URL)
    try:
        url = base.redirected(location)
    except ValueError:
        return
    assert url.scheme in ("http", "https")
    assert url.target.isascii()
    assert not any(c in url.target + url.authority for c in "\r\n \0")


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br"]))
def test_any_compressed_body_is_unpacked_or_refused(body: bytes, how: str) -> None:
    plain = unpack(body, how)
    assert plain is None or len(plain) <= MAX_BODY


@given(st.binary(max_size=3000))
def test_a_compressed_body_is_what_it_was(body: bytes) -> None:
    assert unpack(gzip.compress(body), "gzip") == body


def test_a_bomb_is_refused_at_the_limit() -> None:
    assert unpack(gzip.compress(b"0" * MAX_BODY), "gzip") == b"0" * MAX_BODY
    assert unpack(gzip.compress(b"0" * (MAX_BODY + 1)), "gzip") is None


class Wire(asyncio.Transport):
    """A connection that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.aborted = False

    def write(self, data: Any) -> None:
        self.sent += data

    def abort(self) -> None:
        self.aborted = True


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [
                    b"HTTP/1.1 200 OK\r\n",
                    b"HTTP/1.1 100 Continue\r\n\r\n",
                    b"Content-Length: 5\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"\r\n",
                    b"5\r\nhello\r\n",
                    b"0\r\n\r\n",
                ]
            ),
        ),
        max_size=12,
    )
)
@pytest.mark.fuzz
def test_any_octets_in_any_pieces_end_in_a_reply_or_a_fault(
    pieces: list[bytes],
) -> None:
    async def fed() -> Reply | BadReplyError:
        wire = Wire()
        reader = ReplyReader(b"GET", where="here:80")
        reader.connection_made(wire)
        for piece in pieces:
            reader.data_received(piece)
        reader.connection_lost(None)
        assert wire.sent == b"GET"
        try:
            return await reader.done
        except BadReplyError as exc:
            return exc

    found = asyncio.run(fed())
    if isinstance(found, Reply):
        assert len(found.body) <= MAX_BODY
        assert found.text() is not None
    else:
        assert said(found.seen).isprintable()


def test_a_relative_file_of_cas_begins_at_the_site_files_folder(
    tmp_path: Path,
) -> None:
    Authority(tmp_path / "tls")
    settings = HttpSettings.model_validate(
        {"url": URL, "ca": "tls/ca.pem"}, context={"base": tmp_path}
    )
    assert settings.ca == "tls/ca.pem"
    assert settings.trust[1] == str(tmp_path / "tls/ca.pem")
