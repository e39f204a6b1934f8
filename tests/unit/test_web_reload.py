"""`/-/reload` of the telemetry server: who may, and what it answers."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from scudo_agent.errors import ScudoError
from scudo_agent.telemetry.web import TelemetryServer
from support.snapshots import full


@contextmanager
def serve(reload: Callable[[], tuple[str, str]] | None) -> Iterator[TelemetryServer]:
    server = TelemetryServer(
        "127.0.0.1",
        0,
        metrics=full(),
        ready=lambda: (True, ""),
        status=dict,
        reload=reload,
    )
    server.start()
    try:
        yield server
    finally:
        server.close()


def ask(server: TelemetryServer, method: str, **headers: str) -> tuple[int, str]:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        client.request(method, "/-/reload", headers=headers)
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    finally:
        client.close()


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_came_of_it_is_answered(method: str) -> None:
    with serve(lambda: ("422 Unprocessable Entity", "one\ntwo")) as server:
        assert ask(server, method) == (422, "one\ntwo\n")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_reading_reloads_nothing(method: str) -> None:
    def never() -> tuple[str, str]:
        raise AssertionError("it was reloaded")

    with serve(never) as server:
        assert ask(server, method)[0] == 405


def test_a_page_in_a_browser_cannot_reload() -> None:
    called: list[bool] = []

    def count() -> tuple[str, str]:
        called.append(True)
        return "200 OK", "reloaded"

    with serve(count) as server:
        assert ask(server, "POST", Origin="http://evil.example")[0] == 403
    assert not called


def test_an_agent_that_is_starting_says_so() -> None:
    def starting() -> tuple[str, str]:
        raise ScudoError("the agent is starting")

    with serve(starting) as server:
        assert ask(server, "POST") == (503, "the agent is starting\n")


def test_without_anything_to_reload_there_is_no_such_page() -> None:
    with serve(None) as server:
        assert ask(server, "POST")[0] == 405
