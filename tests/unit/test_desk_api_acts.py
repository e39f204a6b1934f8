"""What programs do with tickets: by version, by right, and who reads it then."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from scudo_agent.desk.rights import Role
from support.desking import Bench, bench, stage
from support.token_desk import program, put_person, put_token

pytestmark = pytest.mark.rights
CANARY = "canary-only-for-us"


class Ticket:
    """The one ticket of a desk, as a program with some token handles it."""

    def __init__(self, b: Bench, ref: str, headers: dict[str, str]) -> None:
        self.client = b.client
        self.path = f"/v1/desk/tickets/{ref}"
        self.headers = headers

    async def get(self) -> httpx.Response:
        """It as it is."""
        return await self.client.get(self.path, headers=self.headers)

    async def do(self, act: str, seen: int | None = None, **body: Any) -> Any:
        """Ask for an act, having seen that version."""
        headers = dict(self.headers)
        if seen is not None:
            headers["If-Match"] = f'"{seen}"'
        return await self.client.post(f"{self.path}/{act}", json=body, headers=headers)


def desk(tmp_path: Path, walk: Callable[[Bench, str], Awaitable[None]]) -> None:
    async def go() -> None:
        async with bench(tmp_path) as b:
            agent = await b.agent()
            reply = await agent.send(stage())
            await walk(b, reply.json()["results"][0]["ticket"])

    asyncio.run(go())


def test_a_ticket_goes_its_way_by_versions(tmp_path: Path) -> None:
    async def walk(b: Bench, ref: str) -> None:
        who = put_person(b.desk.store, Role.DISPATCHER)
        t = Ticket(b, ref, put_token(b.desk.store, who))
        reply = await t.get()
        seen = reply.json()["version"]
        assert reply.headers["etag"] == f'"{seen}"'
        for act, body, key, value in (
            ("triage", {"urgency": 2}, "status", "triaged"),
            ("assignment", {"person": who}, "assignee", {"id": who, "name": ANY}),
            (
                "state",
                {"to": "diagnosing", "estimate": "2026-11-23T18:00:00+01:00"},
                "estimate",
                "2026-11-23T17:00:00Z",
            ),
            ("estimate", {"at": "2026-11-23T18:00:00Z"}, "status", "diagnosing"),
            ("state", {"to": "in_progress", "mode": "phone"}, "mode", "phone"),
            ("state", {"to": "closed", "words": "fatto"}, "status", "closed"),
        ):
            reply = await t.do(act, seen, **body)
            assert reply.status_code == 200, reply.text
            found = reply.json()
            assert found["version"] > seen
            assert reply.headers["etag"] == f'"{found["version"]}"'
            assert found[key] == value
            seen = found["version"]
        kinds = [one["kind"] for one in found["history"]]
        assert kinds[-6:] == [
            "triaged",
            "assigned",
            "status",
            "estimated",
            "status",
            "closed",
        ]
        assert found["history"][-1]["actor"] == f"person:{who}"
        assert found["history"][-1]["name"] == "dispatcher of @provider"

    desk(tmp_path, walk)


class _Any:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


ANY = _Any()


def test_who_saw_another_ticket_is_told_how_it_is_now(tmp_path: Path) -> None:
    async def walk(b: Bench, ref: str) -> None:
        t = Ticket(b, ref, program(b.desk.store, Role.TECHNICIAN))
        seen = (await t.get()).json()["version"]
        assert (await t.do("triage", seen, urgency=1)).status_code == 200
        stale = await t.do("triage", seen, urgency=3)
        assert stale.status_code == 412
        assert stale.json()["version"] == seen + 1
        assert stale.json()["ticket"]["urgency"] == 1
        unsaid = await t.do("triage", urgency=3)
        assert (unsaid.status_code, "If-Match" in unsaid.text) == (428, True)
        odd = await t.client.post(
            f"{t.path}/triage",
            json={"urgency": 3},
            headers=t.headers | {"If-Match": "*"},
        )
        assert odd.status_code == 422
        past = await t.do("estimate", seen + 1, at="2020-01-01T00:00:00Z")
        assert (past.status_code, past.json()["detail"]) == (
            409,
            "The estimate lies in the past.",
        )
        assert (await t.get()).json()["version"] == seen + 1

    desk(tmp_path, walk)


def test_a_note_is_read_by_whom_it_is_for(tmp_path: Path) -> None:
    async def walk(b: Bench, ref: str) -> None:
        store = b.desk.store
        staff = Ticket(b, ref, program(store, Role.TECHNICIAN))
        theirs = Ticket(b, ref, program(store, Role.REFERENT))
        assert (await staff.do("notes", words=CANARY, public=False)).status_code == 200
        said = await staff.do("notes", words="Arriviamo\x07 alle 15", public=True)
        assert CANARY in said.text
        read = await theirs.get()
        assert (CANARY in read.text, "Arriviamo alle 15" in read.text) == (False, True)
        assert read.json()["mails_waiting"] == []
        hidden = await b.client.get(
            f"/v1/desk/tickets?q={CANARY}", headers=theirs.headers
        )
        assert hidden.json()["tickets"] == []
        answer = await theirs.do("notes", words="Grazie", public=True)
        assert (answer.status_code, CANARY in answer.text) == (200, False)
        inside = await theirs.do("notes", words="x", public=False)
        assert inside.status_code == 403
        assert (await theirs.do("triage", 1, severity=3)).status_code == 403
        for other in (Role.REFERENT, Role.CUSTOMER):
            with store.database.write() as db:
                db.exec_driver_sql(
                    "INSERT OR IGNORE INTO tenant SELECT 'umbra', name, mail, "
                    "language, created_us, updated_us FROM tenant "
                    "WHERE tenant_id = 'acme'"
                )
            stranger = Ticket(b, ref, program(store, other, customer="umbra"))
            reply = await stranger.do("notes", words="x", public=True)
            assert reply.status_code == 404

    desk(tmp_path, walk)


def test_what_cannot_be_meant_is_refused_where_it_is(tmp_path: Path) -> None:
    asked: tuple[tuple[str, dict[str, Any], str | None], ...] = (
        ("triage", {"severity": 4}, "severity"),
        ("triage", {"severity": 2, "tenant_id": "umbra"}, "tenant_id"),
        ("triage", {"words": "a" * 2001}, "words"),
        ("notes", {"words": "", "public": True}, "words"),
        ("notes", {"words": "x"}, "public"),
        ("assignment", {}, "person"),
        ("assignment", {"person": 0}, "person"),
        ("assignment", {"person": 2**63}, None),
        ("estimate", {"at": "2026-11-23T18:00:00"}, "at"),
        ("state", {"to": "open"}, "to"),
        ("state", {"to": "in_progress", "mode": "telepathy"}, "mode"),
        ("state", {"to": "closed", "words": "x", "closed_by": "desk"}, "closed_by"),
    )

    async def walk(b: Bench, ref: str) -> None:
        t = Ticket(b, ref, program(b.desk.store, Role.ADMIN))
        for act, body, where in asked:
            reply = await t.do(act, 1, **body)
            said = (reply.status_code, reply.json().get("where"))
            assert said == (422, where), body

    desk(tmp_path, walk)
