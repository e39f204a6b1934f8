"""The http probe against a real nginx, and against servers that misbehave."""

import asyncio
import gzip
import socket
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scudo_agent.model import Outcome
from scudo_agent.probes.http import HttpEngine, HttpSettings
from support.certs import Authority
from support.ports import free_port
from support.probe_runs import Runner, ask, job, said
from support.webserver import (
    Handler,
    Nginx,
    answering,
    endless,
    raw_server,
    running_nginx,
)

pytestmark = pytest.mark.real

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def nginx(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    pair = authority.issue("localhost", "127.0.0.1", "::1")
    with running_nginx(tmp_path_factory.mktemp("nginx"), pair) as ports:
        yield ports


def seen(given_: dict[str, Any], **more: Any) -> Outcome:
    checked = HttpSettings.model_validate(given_)
    return ask(HttpEngine(), job(checked, address=None, **more))


def at(nginx: Nginx, path: str = "/", **given_: Any) -> Outcome:
    return seen({"url": f"http://127.0.0.1:{nginx.http}{path}", **given_})


def from_raw(handler: Handler, *, timeout_s: float = 3.0, **given_: Any) -> Outcome:
    """What one run sees of a server with that handler."""

    async def once() -> Outcome:
        async with raw_server(handler) as port, Runner(HttpEngine()) as runner:
            checked = HttpSettings.model_validate(
                {"url": f"http://127.0.0.1:{port}/", **given_}
            )
            one = job(checked, address=None, timeout_s=timeout_s)
            outcome = await runner.one(one)
            sentence = said(outcome.seen).replace(f"127.0.0.1:{port}", "HERE")
            assert sentence.isprintable()
            words.append(sentence)
            return outcome

    words: list[str] = []
    outcome = asyncio.run(once())
    LAST[:] = words
    return outcome


LAST: list[str] = []
"""What the last run of `from_raw` said, with its port taken out."""


def raw_words(handler: Handler, **given_: Any) -> str:
    outcome = from_raw(handler, **given_)
    assert outcome.answered is False
    return LAST[0]


# what a real server answers


def test_a_page_with_its_text(nginx: Nginx) -> None:
    outcome = at(nginx, body="Accedi")
    assert outcome.answered is True
    assert outcome.duration_s == outcome.values["latency_s"]
    assert 0 < outcome.values["latency_s"] < 3
    assert outcome.seen.id == '{status} in {latency}, body has "{text}"'
    assert said(outcome.expected) == '200, body has "Accedi"'


def test_a_page_by_its_status_alone(nginx: Nginx) -> None:
    outcome = at(nginx)
    assert outcome.answered is True
    assert outcome.seen.id == "{status} in {latency}"
    assert outcome.seen.values["status"] == "200"


def test_a_page_that_matches_a_pattern(nginx: Nginx) -> None:
    assert at(nginx, body={"regex": r"<h1>\w+</h1>"}).answered is True
    outcome = at(nginx, body={"regex": r"<h2>\w+</h2>"})
    assert said(outcome.seen) == r"the body does not match <h2>\w+</h2>"


def test_a_page_without_its_text(nginx: Nginx) -> None:
    outcome = at(nginx, body="Esci")
    assert outcome.answered is False
    assert said(outcome.seen) == 'the body has no "Esci"'


def test_a_wrong_status(nginx: Nginx) -> None:
    outcome = at(nginx, "/broken")
    assert outcome.answered is False
    url = f"http://127.0.0.1:{nginx.http}/broken"
    assert said(outcome.seen) == f"{url} answers 503 instead of 200"


@pytest.mark.parametrize(
    ("path", "given_"),
    [
        ("/broken", {"status": 503}),
        ("/broken", {"status": [200, 503]}),
        ("/broken", {"status": "5xx"}),
        ("/empty", {"status": "2xx"}),
        ("/redirect", {"status": 302}),
        ("/redirect", {"redirects": 0, "status": [301, 302]}),
        ("/", {"method": "HEAD"}),
        ("/redirect", {"method": "HEAD"}),
        ("/redirect", {"body": "Accedi"}),
        ("/agent", {"body": "scudo-agent/"}),
        ("/agent", {"headers": {"X-Test": "ciao"}, "body": "|ciao|127.0.0.1"}),
        (
            "/agent",
            {"headers": {"host": "erp.example", "user-agent": "b"}, "body": "b||erp"},
        ),
    ],
)
def test_what_is_as_it_should_be(
    nginx: Nginx, path: str, given_: dict[str, Any]
) -> None:
    outcome = at(nginx, path, **given_)
    assert outcome.answered is True, said(outcome.seen)


def test_a_redirect_that_is_not_followed_is_the_answer(nginx: Nginx) -> None:
    words = said(at(nginx, "/redirect", redirects=0).seen)
    assert words.endswith("/redirect answers 302 instead of 200")


def test_a_redirect_loop_ends(nginx: Nginx) -> None:
    words = said(at(nginx, "/loop", redirects=2).seen)
    assert words.startswith("more than 2 redirects, the last to http://127.0.0.1")


def test_a_redirect_to_what_is_no_url(nginx: Nginx) -> None:
    words = said(at(nginx, "/nowhere").seen)
    assert words.endswith("redirects to what is no URL: ftp://192.0.2.9/")


def test_a_redirect_out_of_the_networks_is_not_followed(nginx: Nginx) -> None:
    outcome = seen(
        {"url": f"http://127.0.0.1:{nginx.http}/away"},
        allowed=lambda ip: ip == "127.0.0.1",
    )
    assert outcome.answered is False
    assert said(outcome.seen) == (
        "redirected to http://192.0.2.9/, and there: "
        "192.0.2.9 is outside the networks that may be probed"
    )


def test_an_address_outside_the_networks_is_not_asked(nginx: Nginx) -> None:
    outcome = seen({"url": f"http://127.0.0.1:{nginx.http}/"}, allowed=lambda ip: False)
    assert "outside the networks" in said(outcome.seen)


def test_ipv6_and_a_name_by_ipv4(nginx: Nginx) -> None:
    assert seen({"url": f"http://[::1]:{nginx.http}/"}).answered is True
    outcome = seen({"url": f"http://localhost:{nginx.http}/", "family": "ipv4"})
    assert outcome.answered is True, said(outcome.seen)


def test_a_refused_connection() -> None:
    port = free_port()
    outcome = seen({"url": f"http://127.0.0.1:{port}/"})
    assert outcome.answered is False
    assert said(outcome.seen) == f"connection refused (127.0.0.1:{port})"
    assert said(outcome.expected) == "status 200"


def test_a_name_without_an_address() -> None:
    outcome = seen({"url": "http://nessuno.invalid/"}, timeout_s=10)
    assert outcome.answered is False
    assert "nessuno.invalid" in said(outcome.seen)


# secrets


def test_a_secret_header_is_sent_and_never_shown(
    nginx: Nginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP_AUTH", "Bearer s3greto-77")
    given_ = {
        "url": f"http://127.0.0.1:{nginx.http}/secret",
        "headers": {"Authorization": "env:ERP_AUTH"},
        "body": {"regex": "^Bearer s3greto.77$"},
    }
    checked = HttpSettings.model_validate(given_)
    outcome = ask(HttpEngine(), job(checked, address=None))
    assert outcome.answered is True
    for shown in (repr(checked), checked.model_dump_json(), str(checked)):
        assert "s3greto-77" not in shown
    assert "s3greto-77" not in repr(outcome)


def test_secrets_do_not_cross_a_redirect(
    nginx: Nginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP_AUTH", "Bearer s3greto-77")
    away = f"http://127.0.0.1:{nginx.http}/secret"

    async def once() -> Outcome:
        handler = answering(f"HTTP/1.1 302 Found\r\nLocation: {away}\r\n\r\n".encode())
        async with raw_server(handler) as port, Runner(HttpEngine()) as runner:
            checked = HttpSettings.model_validate(
                {
                    "url": f"http://127.0.0.1:{port}/",
                    "headers": {"Authorization": "env:ERP_AUTH"},
                    "body": "s3greto",
                }
            )
            return await runner.one(job(checked, address=None))

    assert said(asyncio.run(once()).seen) == 'the body has no "s3greto"'


# TLS


def test_tls_with_a_private_ca(nginx: Nginx, authority: Authority) -> None:
    url = f"https://localhost:{nginx.https}/"
    outcome = seen({"url": url, "ca": str(authority.ca), "body": "Accedi"})
    assert outcome.answered is True, said(outcome.seen)


def test_tls_that_is_not_verified(nginx: Nginx) -> None:
    outcome = seen({"url": f"https://127.0.0.1:{nginx.https}/", "verify": False})
    assert outcome.answered is True, said(outcome.seen)


def test_tls_of_an_unknown_issuer(nginx: Nginx) -> None:
    outcome = seen({"url": f"https://localhost:{nginx.https}/", "family": "ipv4"})
    assert outcome.answered is False
    assert said(outcome.seen) == (
        f"chain is not trusted: its issuer is not known (127.0.0.1:{nginx.https})"
    )


@pytest.mark.parametrize(
    ("names", "made", "words"),
    [
        (("localhost",), {"days": (-9, -1)}, "the certificate has expired (HERE)"),
        (("localhost",), {"days": (1, 9)}, "the certificate is not yet valid (HERE)"),
        (("other.example",), {}, "the certificate is not for localhost (HERE)"),
        (
            ("localhost",),
            {"self_signed": True},
            "chain is not trusted: the certificate is self-signed (HERE)",
        ),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_apart(
    authority: Authority, names: tuple[str, ...], made: dict[str, Any], words: str
) -> None:
    pair = authority.issue(*names, **made)

    async def once() -> str:
        async with raw_server(answering(b""), pair=pair) as port:
            checked = HttpSettings.model_validate(
                {
                    "url": f"https://localhost:{port}/",
                    "ca": str(authority.ca),
                    "family": "ipv4",
                }
            )
            async with Runner(HttpEngine()) as runner:
                outcome = await runner.one(job(checked, address=None))
            assert outcome.answered is False
            return said(outcome.seen).replace(f"127.0.0.1:{port}", "HERE")

    assert asyncio.run(once()) == words


def test_a_server_without_tls(nginx: Nginx) -> None:
    outcome = seen({"url": f"https://127.0.0.1:{nginx.http}/"})
    assert said(outcome.seen) == f"127.0.0.1:{nginx.http} does not speak TLS"


def test_a_tls_handshake_that_stalls() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def once() -> str:
        async with raw_server(stall) as port, Runner(HttpEngine()) as runner:
            checked = HttpSettings.model_validate({"url": f"https://127.0.0.1:{port}/"})
            outcome = await runner.one(job(checked, address=None, timeout_s=0.3))
            assert outcome.answered is False
            return said(outcome.seen)

    assert "no end of the TLS handshake" in asyncio.run(once())


def test_a_connection_that_closes_in_the_handshake() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async def once() -> str:
        async with raw_server(close) as port, Runner(HttpEngine()) as runner:
            checked = HttpSettings.model_validate({"url": f"https://127.0.0.1:{port}/"})
            outcome = await runner.one(job(checked, address=None))
            assert outcome.answered is False
            return said(outcome.seen)

    words = asyncio.run(once())
    assert words.startswith("connection closed during the TLS handshake")


# servers that misbehave

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (answering(b""), "HERE closes the connection without an answer"),
        (answering(b"HTTP/1.1 200"), "the answer of HERE ends too early"),
        (
            answering(OK + b"Content-Length: 9\r\n\r\nshort"),
            "the answer of HERE ends too early",
        ),
        (
            answering(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nshort"),
            "the answer of HERE ends too early",
        ),
        (
            answering(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nshort"),
            "the answer of HERE breaks the rules of HTTP: "
            "Invalid character in chunk size",
        ),
        (
            answering(OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
            "the answer of HERE breaks the rules of HTTP: Duplicate Content-Length",
        ),
        (
            answering(b"SSH-2.0-OpenSSH_9.2\r\n"),
            "the answer of HERE breaks the rules of HTTP: "
            "Expected HTTP/, RTSP/ or ICE/",
        ),
        (
            endless(OK, b"X-Padding: " + b"a" * 900 + b"\r\n"),
            "the headers of HERE are larger than {'bytes': 65536}",
        ),
        (
            endless(OK + b"X-Padding: ", b"a" * 5000),
            "the headers of HERE are larger than {'bytes': 65536}",
        ),
        (
            endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
            "HERE sends interim answers without end",
        ),
        (
            answering(
                OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"0" * 9 * MIB)
            ),
            "the body of HERE is compressed (gzip) and broken "
            "or larger than {'bytes': 1048576}",
        ),
        (
            answering(OK + b"Content-Encoding: gzip\r\n\r\nno gzip at all"),
            "the body of HERE is compressed (gzip) and broken "
            "or larger than {'bytes': 1048576}",
        ),
        (
            answering(OK + b"Content-Encoding: br\r\n\r\nxxxx"),
            "the body of HERE is compressed (br) and broken "
            "or larger than {'bytes': 1048576}",
        ),
        (
            answering(b"HTTP/1.1 302 Found\r\nLocation: http://[::\r\n\r\n"),
            "http://HERE/ redirects to what is no URL: http://[::",
        ),
        (
            answering(b"HTTP/1.1 302 Found\r\n\r\n"),
            "http://HERE/ answers 302 instead of 200",
        ),
    ],
)
def test_servers_that_misbehave_are_told_apart(handler: Handler, words: str) -> None:
    assert raw_words(handler) == words


@pytest.mark.parametrize(
    "handler",
    [
        answering(OK + b"\r\n" + b"Accedi"),
        answering(OK + b"Content-Length: 6\r\n\r\nAccedi and more"),
        answering(OK + b"Content-Length: 6\r\n\r\nAccedi", close=False),
        answering(b"HTTP/1.0 200 OK\r\n\r\nAccedi"),
        answering(b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"\r\nAccedi"),
        answering(OK + b"Transfer-Encoding: chunked\r\n\r\n6\r\nAccedi\r\n0\r\n\r\n"),
        answering(
            OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"Accedi"),
        ),
        answering(
            OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"Accedi"),
        ),
        answering(
            OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"Accedi")[2:-4],
        ),
        answering(
            OK
            + b"Content-Type: text/html; charset=utf-16-le\r\n\r\n"
            + "Accedi".encode("utf-16-le")
        ),
        answering(OK + b"Content-Type: text/html; charset=hex\r\n\r\nAccedi"),
        answering(OK + b"Content-Type: text/html; charset=no\r\n\r\nAccedi\xff"),
        answering(OK + b"\r\nAccedi" + b"x" * 3 * MIB),
        endless(OK + b"\r\nAccedi", b"x" * 9000),
    ],
)
def test_odd_answers_that_are_answers(handler: Handler) -> None:
    outcome = from_raw(handler, body="Accedi")
    assert outcome.answered is True, LAST


def test_a_text_beyond_the_first_mebibyte_is_not_looked_for() -> None:
    handler = answering(OK + b"\r\n" + b"x" * 2 * MIB + b"Accedi")
    words = raw_words(handler, body="Accedi")
    assert words == 'the first MiB of the body has no "Accedi"'


@pytest.mark.parametrize(
    "handler",
    [
        endless(OK, b"X", every_s=0.05),
        endless(OK + b"\r\n", b"x", every_s=0.05),
        endless(OK + b"Content-Length: 999\r\n\r\n", b"x", every_s=0.05),
    ],
    ids=["headers", "body", "sized body"],
)
def test_a_dripping_server_does_not_outlive_the_deadline(handler: Handler) -> None:
    words = raw_words(handler, timeout_s=0.4)
    assert words == "the answer began and did not end in time (HERE)"


def test_a_silent_server() -> None:
    async def silent(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()

    words = raw_words(silent, timeout_s=0.3)
    assert words == "connected, and no answer to the request (HERE)"


def test_a_connection_that_is_reset() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        sock = writer.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    assert raw_words(reset) == "connection reset (HERE)"


def test_400_slow_servers_do_not_hold_up_a_healthy_one(nginx: Nginx) -> None:
    """Asked last, it has answered before the first of them is given up."""

    async def silent(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()

    async def once() -> tuple[dict[str, Outcome], Outcome]:
        others: dict[str, Outcome] = {}
        answer = asyncio.get_running_loop().create_future()

        def report(check: str, outcome: Outcome) -> None:
            if check == "well/web":
                answer.set_result(outcome)
            else:
                others[check] = outcome

        async with raw_server(silent) as port:
            engine = HttpEngine()
            await engine.start(report)
            slow = HttpSettings.model_validate({"url": f"http://127.0.0.1:{port}/"})
            well = HttpSettings.model_validate(
                {"url": f"http://127.0.0.1:{nginx.http}/"}
            )
            jobs = [
                job(slow, check=f"slow/{n}", address=None, timeout_s=60)
                for n in range(400)
            ]
            engine.submit([*jobs, job(well, check="well/web", timeout_s=60)])
            outcome = await answer
            given_up = dict(others)
            await engine.close()
            return given_up, outcome

    given_up, outcome = asyncio.run(once())
    assert outcome.answered is True
    assert given_up == {}


def test_closing_ends_what_is_under_way_without_a_report() -> None:
    reported: list[str] = []
    asked = asyncio.Event()

    async def silent(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    async def once() -> None:
        async with raw_server(silent) as port:
            engine = HttpEngine()
            await engine.start(lambda check, _: reported.append(check))
            checked = HttpSettings.model_validate({"url": f"http://127.0.0.1:{port}/"})
            engine.submit([job(checked, address=None, timeout_s=60)])
            await asyncio.wait_for(asked.wait(), 60)
            await engine.close()

    asyncio.run(once())
    assert reported == []


REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
    b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"6\r\nAccedi\r\n0\r\nX-Trailer: a\r\n\r\n"
)


@pytest.mark.fuzz
def test_mutated_replies_give_an_outcome(tmp_path: Path) -> None:
    """Octets changed, cut out and put in anywhere: an outcome, never a bug."""
    current = [b""]

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(current[0])
        await writer.drain()

    async def all_runs() -> None:
        loop = asyncio.get_running_loop()
        async with raw_server(handle) as port, Runner(HttpEngine()) as runner:
            checked = HttpSettings.model_validate(
                {"url": f"http://127.0.0.1:{port}/", "body": "Accedi", "redirects": 0}
            )

            def run(reply: bytes) -> Outcome:
                current[0] = reply
                one = runner.one(job(checked, address=None, timeout_s=5))
                return asyncio.run_coroutine_threadsafe(one, loop).result(10)

            await asyncio.to_thread(_fuzz, run)

    asyncio.run(all_runs())


def _fuzz(run: Any) -> None:
    edits = st.lists(
        st.tuples(
            st.integers(0, len(REPLY)),
            st.integers(0, 6),
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(
                    [b"\r\n", b"\0", b"0\r\n\r\n", b"-1", b"f" * 20, b"HTTP/1.1 1xx "]
                ),
            ),
        ),
        max_size=6,
    )

    @settings(
        max_examples=400,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        database=None,
    )
    @given(edits)
    def mutate(changes: list[tuple[int, int, bytes]]) -> None:
        reply = REPLY
        for place, cut, new in changes:
            reply = reply[:place] + new + reply[place + cut :]
        outcome = run(reply)
        assert outcome.answered is not None
        assert said(outcome.seen).isprintable()

    mutate()
