"""Windows at a desk for tests: short words for the requests of an agent."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import count
from typing import Any, cast

import httpx

from support.desking import Bench, Speaker

SELF = "/v1/agents/self"
SERVICES = [
    {"id": "erp", "title": {"it": "Gestionale", "en": "ERP"}},
    {"id": "mail", "title": {"it": "Posta", "en": "Mail"}},
]
SPAN = {"start": "2026-11-26T22:00:00+01:00", "end": "2026-11-27T02:00:00+01:00"}
LATER = {"start": "2026-11-27T22:00:00+01:00", "end": "2026-11-28T02:00:00+01:00"}
NEW: dict[str, Any] = {
    "kind": "ordinary",
    "services": ["erp"],
    "reason": "Aggiornamento del gestionale",
    "by": "anna",
}
SERIES = {"rule": "first saturday 22:00-02:00", "last": "2027-02-28"}


class Planner:
    """Asks the desk as one agent; every request has a key of its own."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self._keys = (f"request-{number:04}" for number in count())

    async def post(
        self, path: str, body: dict[str, Any], *, key: str | None = None
    ) -> httpx.Response:
        """Send a change."""
        headers = self.speaker.headers | {"Idempotency-Key": key or next(self._keys)}
        return await self.speaker.client.post(
            f"{SELF}{path}", json=body, headers=headers
        )

    async def get(self, path: str) -> httpx.Response:
        """Read something."""
        return await self.speaker.client.get(
            f"{SELF}{path}", headers=self.speaker.headers
        )

    async def add(self, **changes: Any) -> dict[str, Any]:
        """Announce a window (or the first of a series) that the desk takes."""
        body = NEW | SPAN | changes
        if "series" in changes:
            body = {k: v for k, v in body.items() if k not in SPAN}
        reply = await self.post("/windows", body)
        assert reply.status_code == 201, reply.text
        found: dict[str, Any] = reply.json()["windows"][0]
        return found

    async def move(self, name: str, **changes: Any) -> httpx.Response:
        """Announce another span."""
        body = LATER | {"by": "anna"} | changes
        return await self.post(f"/windows/{name}/announcements", body)

    async def cancel(self, name: str) -> httpx.Response:
        """Call it off."""
        body = {"by": "anna", "reason": "rinviato"}
        return await self.post(f"/windows/{name}/cancel", body)

    async def windows(self) -> dict[str, Any]:
        """All windows of the site, at their revision."""
        reply = await self.get("/windows")
        assert reply.status_code == 200
        return cast(dict[str, Any], reply.json())


async def planner(b: Bench, **where: Any) -> Planner:
    """An enrolled agent whose services the desk knows."""
    made = Planner(await b.agent(**where))
    reply = await b.client.put(
        f"{SELF}/services", json={"services": SERVICES}, headers=made.speaker.headers
    )
    assert reply.status_code == 200
    return made


def read_mails(b: Bench) -> list[EmailMessage]:
    """The mails that have left, oldest first."""
    return [parsed(data) for _, data in b.mails.mails]


def parsed(data: bytes) -> EmailMessage:
    """A mail as a receiver reads it."""
    return message_from_bytes(data, policy=default)


def plain(mail: EmailMessage) -> str:
    """The text part."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())
