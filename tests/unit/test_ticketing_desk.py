"""The desk's client against servers on loopback: good ones, and the other kind."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from scudo_agent.config.secret import Secret
from scudo_agent.errors import InputError
from scudo_agent.ticketing.desk import REPLY_LIMIT, DeskClient
from scudo_agent.ticketing.port import (
    Conflict,
    DeskError,
    NoAnswer,
    Parcel,
    Refused,
    Rejected,
)
from scudo_agent.wire import BatchReply, Hello, HelloReply, canonical
from support.certs import Authority
from support.fake_desk import KEY, FakeDesk
from support.storing import stage

HELLO = Hello(
    epoch=None,
    store_id="s-1",
    head_seq={"I": 0},
    acked_seq={"I": 0},
    wall="2026-03-01T10:00:00Z",
    mono_us=1,
    boot_id="b",
)
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def client(url: str, *, ca: Path | None = None, deadline_s: float = 10) -> DeskClient:
    """A client with the key of the fake desk."""
    secret = Secret(KEY, reference="env:KEY")
    return DeskClient(url, secret, ca=ca, deadline_s=deadline_s)


@asynccontextmanager
async def served(speak: Speak, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on a free port of loopback; its URL."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.close()
        await server.wait_closed()


async def request_of(reader: asyncio.StreamReader) -> httpx.Request | None:
    """The next request of a connection; None at its end."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    names = {name.lower(): value for name, value in headers.items()}
    body = await reader.readexactly(int(names.get("content-length", "0")))
    return httpx.Request(
        method, f"http://desk.example{path}", headers=headers, content=body
    )


def speaking(desk: FakeDesk) -> Speak:
    """A server that answers as the fake desk does, connections kept open."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await request_of(reader)) is not None:
            answer = desk.handle(request)
            kind = answer.headers["Content-Type"]
            writer.write(
                f"HTTP/1.1 {answer.status_code} X\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(answer.content)}\r\n\r\n".encode("ascii")
                + answer.content
            )
            await writer.drain()

    return speak


def saying(raw: bytes) -> Speak:
    """A server that answers any request with these bytes."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(raw)
        await writer.drain()

    return speak


async def hello_to(url: str, **options: float) -> HelloReply:
    """Greet once, and close the client."""
    desk = client(url, **options)  # type: ignore[arg-type]
    try:
        return await desk.hello(HELLO)
    finally:
        await desk.close()


def error_of(speak: Speak, **options: float) -> DeskError:
    """What greeting such a server raises."""

    async def main() -> DeskError:
        async with served(speak) as url:
            with pytest.raises(DeskError) as caught:
                await hello_to(url, **options)
            return caught.value

    return asyncio.run(main())


def parcel(count: int = 2) -> Parcel:
    """Events as the store holds them."""
    bodies = [
        canonical({**stage(number).model_dump(), "seq": number, "rev": 1})
        for number in range(1, count + 1)
    ]
    return Parcel(stream="I", epoch=1, first_seq=1, bodies=bodies)


def test_a_whole_conversation_over_one_connection() -> None:
    fake = FakeDesk()

    async def main() -> tuple[HelloReply, BatchReply]:
        async with served(speaking(fake)) as url:
            desk = client(url)
            try:
                return await desk.hello(HELLO), await desk.send(parcel())
            finally:
                await desk.close()

    hello, reply = asyncio.run(main())
    assert (hello.epoch, hello.agent_id) == (1, "a-1")
    assert reply.ack_seq == 2
    assert [result.seq for result in reply.results] == [1, 2]
    assert fake.requests[1].headers["Idempotency-Key"] == "a-1.1.I.1-2"
    assert json.loads(fake.requests[1].content)["first_seq"] == 1


def test_a_path_before_the_api_is_kept() -> None:
    seen: list[str] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await request_of(reader)
        assert request is not None
        seen.append(request.url.path)

    async def main() -> None:
        async with served(speak) as url:
            with pytest.raises(NoAnswer):
                await hello_to(f"{url}/scudo/")

    asyncio.run(main())
    assert seen == ["/scudo/v1/agents/self/hello"]


def test_a_closed_port_is_no_answer() -> None:
    async def main() -> None:
        async with served(saying(b"")) as url:
            gone = url
        with pytest.raises(NoAnswer):
            await hello_to(gone)

    asyncio.run(main())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n"
        b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_is_no_desk_is_no_answer(raw: bytes) -> None:
    assert isinstance(error_of(saying(raw)), NoAnswer)


def test_a_redirect_is_not_followed_with_the_key() -> None:
    portal = FakeDesk()

    async def main() -> None:
        async with served(speaking(portal)) as elsewhere:
            moved = (
                f"HTTP/1.1 307 X\r\nLocation: {elsewhere}/v1/agents/self/hello\r\n"
                "Content-Length: 0\r\n\r\n"
            )
            async with served(saying(moved.encode("ascii"))) as url:
                with pytest.raises(NoAnswer, match="307"):
                    await hello_to(url)

    asyncio.run(main())
    assert portal.requests == []


def test_a_server_that_drips_does_not_outlive_the_deadline() -> None:
    dripped = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal dripped
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        writer.write(b"Content-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            dripped += 1
            await asyncio.sleep(0.01)

    error = error_of(speak, deadline_s=0.3)
    assert isinstance(error, NoAnswer)
    assert str(error) == "no full answer within 0.3 s"
    assert dripped > 3


def test_an_endless_reply_is_cut() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" " * 65536)
            await writer.drain()

    error = error_of(speak)
    assert str(error) == f"an answer of more than {REPLY_LIMIT} bytes"


def test_a_problem_says_what_it_means() -> None:
    def problem(status: int, body: dict[str, object], extra: str = "") -> Speak:
        content = json.dumps(body).encode()
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(content)}\r\n{extra}\r\n"
        )
        return saying(head.encode("ascii") + content)

    error = error_of(problem(401, {"title": "unknown key"}))
    assert isinstance(error, Refused)
    assert str(error) == "401 unknown key"
    error = error_of(problem(409, {"expected_seq": 7}))
    assert isinstance(error, Conflict)
    assert error.expected_seq == 7
    error = error_of(problem(409, {"expected_seq": True}))
    assert isinstance(error, Conflict)
    assert error.expected_seq is None
    error = error_of(problem(422, {"detail": "severity 9", "seq": 4}))
    assert isinstance(error, Rejected)
    assert error.seq == 4
    error = error_of(problem(503, {"title": "busy"}, "Retry-After: 17\r\n"))
    assert isinstance(error, NoAnswer)
    assert error.retry_after_s == 17
    dates = (
        "Date: Sun, 01 Mar 2026 10:00:00 GMT\r\n"
        "Retry-After: Sun, 01 Mar 2026 10:02:00 GMT\r\n"
    )
    error = error_of(problem(503, {}, dates))
    assert isinstance(error, NoAnswer)
    assert error.retry_after_s == 120
    error = error_of(problem(503, {}, "Retry-After: soon\r\n"))
    assert isinstance(error, NoAnswer)
    assert error.retry_after_s is None


def test_an_index_becomes_the_number_of_the_event() -> None:
    raw = b'{"index":1}'
    head = (
        b"HTTP/1.1 422 X\r\nContent-Type: application/problem+json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(raw)
    )

    async def main() -> None:
        async with served(saying(head + raw)) as url:
            desk = client(url)
            try:
                with pytest.raises(Rejected) as caught:
                    await desk.send(parcel())
                assert caught.value.seq == 2
            finally:
                await desk.close()

    asyncio.run(main())


def test_no_error_tells_the_key() -> None:
    for raw in (b"", b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"):
        error = error_of(saying(raw))
        assert KEY not in f"{error!r} {error}"
    assert KEY not in repr(vars(client("http://127.0.0.1:1")))


def _tls(
    authority: Authority, *names: str, days: tuple[float, float]
) -> ssl.SSLContext:
    pair = authority.issue(*names, days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    return context


def test_tls_needs_the_authority_that_was_named(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    fake = FakeDesk()
    good = _tls(ours, "127.0.0.1", days=(-1, 30))

    async def main() -> None:
        async with served(speaking(fake), good) as url:
            desk = client(url, ca=ours.ca)
            assert (await desk.hello(HELLO)).epoch == 1
            await desk.close()
            for ca in (theirs.ca, None):
                desk = client(url, ca=ca)
                with pytest.raises(Refused, match="the desk's certificate"):
                    await desk.hello(HELLO)
                await desk.close()

    asyncio.run(main())
    assert len(fake.requests) == 1, "nothing was sent to whom we do not trust"


@pytest.mark.parametrize(
    ("name", "days"), [("127.0.0.1", (-30, -1)), ("other.example", (-1, 30))]
)
def test_an_expired_or_foreign_certificate_is_refused(
    tmp_path: Path, name: str, days: tuple[float, float]
) -> None:
    ours = Authority(tmp_path / "a")
    fake = FakeDesk()

    async def main() -> None:
        async with served(speaking(fake), _tls(ours, name, days=days)) as url:
            desk = client(url, ca=ours.ca)
            with pytest.raises(Refused, match="certificate"):
                await desk.hello(HELLO)
            await desk.close()

    asyncio.run(main())
    assert fake.requests == []


@pytest.mark.parametrize(
    "url", ["desk.example", "ftp://desk.example", "http://", "http://[::1", ""]
)
def test_what_is_no_url_is_wrong_input(url: str) -> None:
    with pytest.raises(InputError, match="desk: "):
        client(url)


def test_an_authority_that_is_no_file_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no certificate authority"):
        client("https://desk.example", ca=tmp_path / "none.pem")
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(InputError, match="no certificate authority"):
        client("https://desk.example", ca=tmp_path / "ca.pem")


@pytest.mark.parametrize("text", ["two words", "two\nlines", "chiave-è", "nul\0"])
def test_a_key_that_no_header_can_carry_is_refused_and_never_told(text: str) -> None:
    secret = Secret(text, reference="file:agent.key")
    with pytest.raises(InputError) as refused:
        DeskClient("http://127.0.0.1:1", secret)
    assert str(refused.value).startswith("file:agent.key: is no key")
    assert text not in str(refused.value)
