"""The telemetry server: pages, formats, refusals, and how it begins and ends."""

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from scudo_agent.errors import PortInUseError, ScudoError
from scudo_agent.telemetry import web
from scudo_agent.telemetry.metrics import Metrics
from scudo_agent.telemetry.web import TelemetryServer
from support.snapshots import full

READY = (True, "")
DOCUMENT: Mapping[str, Any] = {"site": "acme-milano", "title": "Connettività"}


@contextmanager
def _serve(
    *,
    metrics: Metrics | None = None,
    ready: tuple[bool, str] = READY,
    status: Any = None,
) -> Iterator[TelemetryServer]:
    server = TelemetryServer(
        "127.0.0.1",
        0,
        metrics=metrics or full(),
        ready=lambda: ready,
        status=status or (lambda: DOCUMENT),
    )
    server.start()
    try:
        yield server
    finally:
        server.close()


def _ask(
    server: TelemetryServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        client.request(method, path, headers=named)
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        client.close()


def test_metrics_are_served_in_the_format_that_is_asked_for() -> None:
    with _serve() as server:
        status, headers, body = _ask(server, "/metrics")
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b"scudo_build_info{" in body
        _, headers, body = _ask(
            server, "/metrics", Accept="application/openmetrics-text;version=1.0.0"
        )
        assert headers["Content-Type"].startswith("application/openmetrics-text")
        assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("br", False),
    ],
)
def test_a_large_answer_is_packed_for_those_who_take_it(
    accepted: str, packed: bool
) -> None:
    with _serve() as server:
        _, headers, body = _ask(server, "/metrics", Accept_Encoding=accepted)
        assert (headers["Content-Encoding"] == "gzip") == packed
        text = gzip.decompress(body) if packed else body
        assert b"scudo_check_state{" in text


def test_health_and_readiness() -> None:
    with _serve() as server:
        assert _ask(server, "/-/healthy")[::2] == (200, b"healthy\n")
        assert _ask(server, "/-/ready")[::2] == (200, b"ready\n")
    with _serve(ready=(False, "the store is not open")) as server:
        assert _ask(server, "/-/healthy")[0] == 200
        assert _ask(server, "/-/ready")[::2] == (503, b"the store is not open\n")


def test_the_status_is_json() -> None:
    with _serve() as server:
        status, headers, body = _ask(server, "/status")
        assert status == 200
        assert headers["Content-Type"] == "application/json"
        assert json.loads(body) == DOCUMENT
        assert "Connettività".encode() in body


def test_the_index_links_to_all_pages() -> None:
    with _serve() as server:
        status, headers, body = _ask(server, "/")
        assert status == 200
        for path in ("/metrics", "/status", "/-/healthy", "/-/ready"):
            assert f"href={path}".encode() in body
            assert _ask(server, path)[0] == 200
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/nothing", "/metrics/", "/../etc/passwd"])
def test_other_paths_are_not_found(path: str) -> None:
    with _serve() as server:
        assert _ask(server, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
def test_it_only_reads(method: str) -> None:
    with _serve() as server:
        status, headers, _ = _ask(server, "/metrics", method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_head_has_no_body() -> None:
    with _serve() as server:
        status, headers, body = _ask(server, "/-/healthy", "HEAD")
        assert (status, body, headers["Content-Length"]) == (200, b"", "8")


def test_a_fault_shows_no_traceback(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Mapping[str, Any]:
        raise RuntimeError("secret detail")

    with _serve(status=broken) as server:
        status, _, body = _ask(server, "/status")
    assert (status, body) == (500, b"failed, see the agent's log\n")
    assert "secret detail" in caplog.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (ScudoError("the agent is starting"), b"the agent is starting\n"),
        (TimeoutError(), b"the agent does not answer\n"),
    ],
)
def test_an_agent_that_cannot_answer_yet_is_unavailable(
    fault: Exception, told: bytes
) -> None:
    def not_yet() -> Mapping[str, Any]:
        raise fault

    with _serve(status=not_yet) as server:
        assert _ask(server, "/status")[::2] == (503, told)


def test_a_taken_port_is_one_clear_line() -> None:
    with (
        _serve() as server,
        pytest.raises(PortInUseError, match=f"port {server.port} on 127.0.0.1 is in"),
    ):
        TelemetryServer(
            "127.0.0.1",
            server.port,
            metrics=full(),
            ready=lambda: READY,
            status=lambda: DOCUMENT,
        )


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_one_clear_line(host: str) -> None:
    with pytest.raises(ScudoError, match=f"cannot listen on {host}:0"):
        TelemetryServer(
            host, 0, metrics=full(), ready=lambda: READY, status=lambda: DOCUMENT
        )


def test_it_listens_on_ipv6() -> None:
    server = TelemetryServer(
        "::1", 0, metrics=full(), ready=lambda: READY, status=lambda: DOCUMENT
    )
    server.start()
    try:
        assert server.url == f"http://[::1]:{server.port}"
        client = http.client.HTTPConnection("::1", server.port, timeout=10)
        client.request("GET", "/-/healthy")
        assert client.getresponse().status == 200
        client.close()
    finally:
        server.close()


def test_a_closed_server_gives_its_port_back() -> None:
    with _serve() as server:
        port = server.port
        assert _ask(server, "/-/healthy")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    again = TelemetryServer(
        "127.0.0.1", port, metrics=full(), ready=lambda: READY, status=lambda: DOCUMENT
    )
    again.close()


def test_a_silent_client_holds_nobody_up() -> None:
    with (
        _serve() as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10),
    ):
        assert _ask(server, "/-/healthy")[0] == 200


def test_a_silent_client_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web._Handler, "timeout", 0.05)
    with (
        _serve() as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as client,
    ):
        assert client.recv(1) == b""


def test_too_many_at_once_are_turned_away() -> None:
    entered, leave = threading.Semaphore(0), threading.Event()

    def slow() -> Mapping[str, Any]:
        entered.release()
        assert leave.wait(timeout=30)
        return DOCUMENT

    with _serve(status=slow) as server:
        answers: list[int] = []
        clients = [
            threading.Thread(target=lambda: answers.append(_ask(server, "/status")[0]))
            for _ in range(web.AT_ONCE)
        ]
        for client in clients:
            client.start()
        for _ in clients:
            assert entered.acquire(timeout=30)
        try:
            with pytest.raises((http.client.HTTPException, ConnectionError)):
                _ask(server, "/-/healthy")
        finally:
            leave.set()
        for client in clients:
            client.join(timeout=30)
        assert answers == [200] * web.AT_ONCE
