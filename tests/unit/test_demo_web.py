"""What the demo's web server replies."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scudo_agent.demo.certificate import renew
from scudo_agent.demo.web import BROKEN, HOST, Web, reply
from scudo_agent.instant import from_datetime


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n", b"200 OK"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200 OK"),
        (b"GET /login?next=1 HTTP/1.1\r\n\r\n", b"200 OK"),
        (b"GET /elsewhere HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"POST /login HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
        (b"\r\n\r\n", b"405 Method Not Allowed"),
    ],
)
def test_the_status_follows_from_method_and_path(head: bytes, status: bytes) -> None:
    assert reply(head).startswith(b"HTTP/1.1 " + status)


def test_while_it_is_broken_its_pages_are_503() -> None:
    head, _, body = reply(b"GET /login HTTP/1.1\r\n\r\n", broken=True).partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable")
    assert b"Content-Type: text/html" in head
    assert b"Accedi" not in body
    assert reply(b"GET /x HTTP/1.1\r\n\r\n", broken=True).startswith(b"HTTP/1.1 404")


def test_the_login_page_has_the_word_that_the_check_looks_for() -> None:
    head, _, body = reply(b"GET /login HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert b"Accedi" in body
    assert f"Content-Length: {len(body)}".encode() in head
    assert reply(b"HEAD /login HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\n")


def test_a_broken_server_refuses_and_keeps_its_port(tmp_path: Path) -> None:
    renew(tmp_path, now=from_datetime(datetime(2026, 11, 22, tzinfo=UTC)))
    certificate = tmp_path / "web.pem"
    with socket.socket() as one, socket.socket() as two:
        one.bind((HOST, 0))
        two.bind((HOST, 0))
        http, tls = one.getsockname()[1], two.getsockname()[1]

    async def scene() -> None:
        web = Web(tmp_path, http=http, tls=tls)
        secure = await web.start(certificate)
        for _ in range(2):
            assert await asked(http) == b"HTTP/1.1 200 OK"
            (tmp_path / BROKEN).write_text("closed", encoding="ascii")
            await web.follow()
            with pytest.raises(ConnectionRefusedError):
                await asked(http)
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind((HOST, http))
            (tmp_path / BROKEN).unlink()
            await web.follow()
        assert await asked(http) == b"HTTP/1.1 200 OK"
        secure.close()
        web.close()

    asyncio.run(scene())


async def asked(port: int) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"GET /login HTTP/1.1\r\n\r\n")
    line = (await reader.read()).partition(b"\r\n")[0]
    writer.close()
    return line
