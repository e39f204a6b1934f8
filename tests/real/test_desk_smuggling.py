"""Two requests in one, as one server reads it and not the other (threat 21)."""

import socket
from pathlib import Path

import pytest

from support.desk_thread import served_desk
from support.desking import site

pytestmark = pytest.mark.real

INNER = b"GET /v1/agents/self/tickets HTTP/1.1\r\nHost: desk\r\nX-Inner: 1\r\n%s\r\n"
LAST = b"GET /-/healthy HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n"
HEAD = b"POST /v1/agents/self/hello HTTP/1.1\r\nHost: desk\r\n"
FORMS = {
    "length and chunks": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n",
    "hidden by a space": b"Content-Length: %d\r\nTransfer-Encoding : chunked\r\n",
    "two lengths": b"Content-Length: %d\r\nContent-Length: 4\r\n",
    "a signed length": b"Content-Length: +%d\r\n",
    "an unknown coding": b"Content-Length: %d\r\nTransfer-Encoding: xchunked\r\n",
}


def answers(address: str, data: bytes) -> bytes:
    """All that the server says until it hangs up, as it is asked to in the end."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(data + LAST)
        said = b""
        while part := line.recv(65_536):
            said += part
    return said


def test_a_request_that_two_servers_read_differently_is_refused(
    tmp_path: Path,
) -> None:
    """Whatever stands in front, nothing of the hidden request is ever answered."""
    with served_desk(tmp_path) as desk:
        key = desk.enrol_embedded(site())
        inner = INNER % f"Authorization: Bearer {key}\r\n".encode()
        assert answers(desk.address, inner).count(b"HTTP/1.1 200") == 2
        for name, form in FORMS.items():
            body = b"0\r\n\r\n" + inner
            said = answers(desk.address, HEAD + form % len(body) + b"\r\n" + body)
            assert said.startswith(b"HTTP/1.1 400"), (name, said)
            assert said.count(b"HTTP/1.1 ") == 1, (name, said)
