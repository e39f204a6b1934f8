"""What the desk's client makes of the answers to a picture."""

import asyncio
from hashlib import sha256

import httpx
import pytest

from scudo_agent.config.secret import Secret
from scudo_agent.ticketing.desk import DeskClient
from scudo_agent.ticketing.port import DeskError, Exhibit, NoAnswer, Refused, Rejected
from support.desking import INCIDENT, T0
from support.pictures import png

PICTURE = Exhibit(incident_id=INCIDENT, rev=2, check="erp/web", taken=T0, content=png())


def deliver(reply: httpx.Response) -> httpx.Request:
    """Send the picture to a desk that answers so; what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return reply

    async def run() -> None:
        client = DeskClient(
            "http://desk.example",
            Secret("key", reference="env:KEY"),
            transport=httpx.MockTransport(answer),
        )
        try:
            await client.exhibit(PICTURE)
        finally:
            await client.close()

    asyncio.run(run())
    return asked[0]


def problem(status: int) -> httpx.Response:
    """An error as a desk says it."""
    return httpx.Response(
        status,
        json={"status": status, "detail": "so it is"},
        headers={"Content-Type": "application/problem+json"},
    )


def test_a_picture_goes_as_it_is_with_its_hash() -> None:
    asked = deliver(httpx.Response(200, json={"ticket": "SC-7F3K-9QZ2"}))
    assert asked.method == "PUT"
    assert asked.url.path == f"/v1/agents/self/incidents/{INCIDENT}/evidence/2"
    assert dict(asked.url.params) == {
        "check": "erp/web",
        "taken": "2026-11-23T09:41:50Z",
    }
    assert asked.headers["Content-Type"] == "image/png"
    assert asked.headers["X-Content-SHA256"] == sha256(png()).hexdigest()
    assert asked.headers["Authorization"] == "Bearer key"
    assert asked.content == png()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, NoAnswer),
        (405, NoAnswer),
        (503, NoAnswer),
        (401, Refused),
        (413, Rejected),
        (422, Rejected),
    ],
)
def test_what_an_error_means(status: int, error: type[DeskError]) -> None:
    with pytest.raises(error):
        deliver(problem(status))
