"""Requests by programs: opened once, in whose name, and what is refused."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.desk.rights import Role
from support.desking import bench
from support.token_desk import program

pytestmark = pytest.mark.rights
HERE = "/v1/desk/requests"
BODY: dict[str, Any] = {
    "customer": "acme",
    "site": "acme-milano",
    "description": "Il gestionale è lento\x07",
}


def test_a_request_is_opened_in_its_persons_name(tmp_path: Path) -> None:
    async def go() -> None:
        async with bench(tmp_path) as b:
            await b.agent()
            store = b.desk.store
            theirs = program(store, Role.CUSTOMER)
            staff = program(store, Role.DISPATCHER)
            keyed = theirs | {"Idempotency-Key": "request-number-1"}
            made = await b.client.post(HERE, json=BODY, headers=keyed)
            assert made.status_code == 201, made.text
            again = await b.client.post(HERE, json=BODY, headers=keyed)
            assert again.json() == made.json()
            assert again.headers["location"] == made.headers["location"]
            ticket = await b.client.get(made.headers["location"], headers=theirs)
            found = ticket.json()
            assert (found["condition"], found["origin"]) == ("reported", "Software")
            assert found["request"]["description"] == "Il gestionale è lento"
            told = BODY | {
                "channel": "phone",
                "received": "2026-11-23T10:00:00+01:00",
                "requester": {"name": "Bianchi", "phone": "+39 02 0000"},
            }
            call = await b.client.post(HERE, json=told, headers=staff)
            assert call.status_code == 201, call.text
            listed = await b.client.get("/v1/desk/tickets", headers=theirs)
            refs = [one["ref"] for one in listed.json()["tickets"]]
            assert refs == [made.json()["ref"]]
            for headers, changes, status, said in (
                (theirs, {"severity": 1}, 422, "for the provider's people"),
                (theirs, {"customer": "umbra"}, 404, "no such site"),
                (staff, {"site": "nowhere"}, 404, "no such site"),
                (staff, {"channel": "pigeon"}, 422, "'phone'"),
                (staff, {"url": "ftp://x.example"}, 422, "http://"),
                (staff, {"requester_id": 1}, 422, "Extra inputs"),
                (staff, {"description": ""}, 422, "at least 1"),
            ):
                body = BODY | changes
                reply = await b.client.post(HERE, json=body, headers=headers)
                assert (reply.status_code, said in reply.text) == (status, True), body

    asyncio.run(go())
