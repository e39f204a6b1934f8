"""A desk that is stalled, flooded or spoken to by strangers (threats 8, 20, 21)."""

import asyncio
import contextlib
import socket
import ssl
import time
from pathlib import Path

import httpx
import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.desk import limits, tls
from scudo_agent.desk.limits import Buckets
from support.desk_thread import served_desk
from support.desking import Speaker, site

pytestmark = pytest.mark.real


def test_connections_that_say_nothing_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEADERS_S", 1.0)
    with served_desk(tmp_path) as desk:
        host, port = desk.address.removeprefix("http://").split(":")
        slow = [socket.create_connection((host, int(port))) for _ in range(500)]
        for one in slow:
            one.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: desk\r\nX-")
        began = time.monotonic()
        assert httpx.get(f"{desk.address}/-/healthy", timeout=5).status_code == 200
        for one in slow:
            one.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1) == b""
            one.close()
        assert time.monotonic() - began < 10


def test_a_bucket_fills_again() -> None:
    buckets = Buckets(rate=10, burst=3)
    assert [buckets.take("a", 100) for _ in range(4)] == [True, True, True, False]
    assert buckets.take("b", 100)
    assert buckets.take("a", 100.2)
    assert [buckets.take("a", 200) for _ in range(4)] == [True, True, True, False]


def test_headers_of_a_proxy_say_nothing_about_who_asks(tmp_path: Path) -> None:
    """Threat 21: only the key counts, whatever a client writes beside it."""
    forged = {
        "X-SSL-Client-Verify": "SUCCESS",
        "X-SSL-Client-S-DN": "CN=acme/acme-milano/1",
        "X-Forwarded-For": "127.0.0.1",
        "Forwarded": "for=127.0.0.1;proto=https",
    }
    with served_desk(tmp_path) as desk:
        desk.enrol_embedded(site())
        url = f"{desk.address}/v1/agents/self/tickets"
        assert httpx.get(url, headers=forged).status_code == 401


def test_tls_of_its_own_and_nobody_elses(tmp_path: Path) -> None:
    files = tls.make(tmp_path / "desk" / "tls", ["127.0.0.1"], now=SystemClock().wall())
    stranger = tls.make(tmp_path / "other", ["127.0.0.1"], now=SystemClock().wall())
    assert tls.pin(files.ca) != tls.pin(stranger.ca)
    assert files.key.stat().st_mode & 0o777 == 0o600
    with served_desk(tmp_path, tls="own") as desk:
        assert desk.address.startswith("https://")
        key = desk.enrol_embedded(site())

        async def hello(ca: Path) -> int:
            context = ssl.create_default_context(cafile=ca)
            async with httpx.AsyncClient(
                verify=context, base_url=desk.address, trust_env=False
            ) as client:
                return (await Speaker(client, key).hello()).status_code

        assert asyncio.run(hello(files.ca)) == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            asyncio.run(hello(stranger.ca))
    again = tls.make(files.folder, ["127.0.0.1"], now=SystemClock().wall())
    assert tls.pin(again.ca) == tls.pin(files.ca)
