"""What the demo's web server replies."""

import pytest

from scudo_agent.demo.web import reply


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
