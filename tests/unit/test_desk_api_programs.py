"""The API for people's programs: whose token, how much, what it finds."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.program_tables import api_token
from scudo_agent.instant import HOUR
from support.desking import Bench, bench, stage
from support.token_desk import program, put_person, put_token

pytestmark = pytest.mark.rights
DESK = "/v1/desk"


def desk(tmp_path: Path, walk: Callable[[Bench], Awaitable[None]]) -> None:
    async def go() -> None:
        async with bench(tmp_path) as b:
            await walk(b)

    asyncio.run(go())


async def outages(b: Bench, *customers: str, many: int = 1) -> None:
    """So many tickets of each customer."""
    for customer in customers:
        speaker = await b.agent(customer=customer, name=f"{customer}-milano")
        for n in range(1, many + 1):
            b.clock.forward(3600)
            opened = stage(
                n,
                incident_id=f"0193e1c0-0000-7000-8000-{customer.encode().hex():0>8.8}{n:04}",
                subject_key=f"service:{customer}{n}",
            )
            assert (await speaker.send(opened)).status_code == 200


def test_without_a_token_nothing_is_told(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        await outages(b, "acme")
        agent = await b.agent()
        for headers in (
            {},
            agent.headers,
            {"Authorization": "Bearer sct_" + "a" * 43},
            {"Authorization": "Basic " + base64.b64encode(b"a:b").decode()},
        ):
            for path in ("/me", "/tickets", "/customers", "/people"):
                reply = await b.client.get(DESK + path, headers=headers)
                assert reply.status_code == 401
                assert reply.headers["www-authenticate"] == "Bearer"
                assert reply.json()["detail"] == "no valid token"

    desk(tmp_path, walk)


def test_a_token_ends_with_its_time_its_revocation_and_its_person(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench) -> None:
        store = b.desk.store
        who = put_person(store, Role.TECHNICIAN)
        short = put_token(store, who, life_us=HOUR)
        long = put_token(store, who)

        async def me(headers: dict[str, str]) -> int:
            return (await b.client.get(f"{DESK}/me", headers=headers)).status_code

        assert (await me(short), await me(long)) == (200, 200)
        b.clock.forward(3600)
        assert (await me(short), await me(long)) == (401, 200)
        line = store.tokens.lines(who)[0]
        assert line.used is not None
        assert not store.tokens.revoke(line.token_id, person_id=who + 1)
        assert store.tokens.revoke(line.token_id, person_id=who)
        assert not store.tokens.revoke(line.token_id)
        assert await me(long) == 401
        other = put_token(store, who)
        assert await me(other) == 200
        with store.database.write() as db:
            db.execute(update(person).values(disabled_us=1))
        assert await me(other) == 401
        with store.database.read() as db:
            kept = db.execute(select(api_token.c.token_sha256)).scalars().all()
        assert not any(token.startswith("sct_") for token in kept)

    desk(tmp_path, walk)


def test_a_token_never_may_more_than_its_scopes_and_its_person(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        await outages(b, "acme")
        store = b.desk.store
        narrow = program(store, Role.ADMIN, TokenScope.CUSTOMERS_READ)
        reply = await b.client.get(f"{DESK}/tickets", headers=narrow)
        assert reply.status_code == 403
        assert reply.json()["needs"] == "tickets:read"
        assert (
            await b.client.get(f"{DESK}/customers", headers=narrow)
        ).status_code == 200
        customer = program(store, Role.CUSTOMER)
        reply = await b.client.get(f"{DESK}/people", headers=customer)
        assert reply.status_code == 403
        assert reply.json()["detail"] == "the role 'customer' lacks the right 'company'"
        me = (await b.client.get(f"{DESK}/me", headers=customer)).json()
        assert (me["role"], me["customer"]) == ("customer", "acme")
        assert me["rights"] == ["read", "request"]

    desk(tmp_path, walk)


def test_what_is_anothers_is_not_there(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        await outages(b, "acme", "umbra")
        store = b.desk.store
        staff = program(store, Role.TECHNICIAN)
        found = (await b.client.get(f"{DESK}/tickets", headers=staff)).json()["tickets"]
        assert [one["customer_id"] for one in found] == ["umbra", "acme"]
        referent = program(store, Role.REFERENT)
        requester = program(store, Role.CUSTOMER)
        theirs = found[0]["ref"]
        own = (await b.client.get(f"{DESK}/tickets", headers=referent)).json()
        assert [one["customer_id"] for one in own["tickets"]] == ["acme"]
        for path in (
            f"/tickets/{theirs}",
            f"/tickets/{theirs}/attachments/0123456789abcdef",
            "/customers/umbra",
            "/customers/@provider",
            "/customers/umbra/sites",
            "/customers/umbra/sites/umbra-milano",
            "/customers/umbra/sites/umbra-milano/statements",
            "/contracts/prova",
        ):
            reply = await b.client.get(DESK + path, headers=referent)
            assert reply.status_code == 404, path
            assert "umbra" not in reply.text.lower().replace(theirs.lower(), "")
        cursor = await b.client.get(f"{DESK}/tickets?after={theirs}", headers=referent)
        assert cursor.status_code == 422
        people = (await b.client.get(f"{DESK}/people", headers=referent)).json()
        assert {one["customer_id"] for one in people["people"]} == {"acme"}
        customers = await b.client.get(f"{DESK}/customers", headers=referent)
        assert [one["id"] for one in customers.json()["customers"]] == ["acme"]
        none = (await b.client.get(f"{DESK}/tickets", headers=requester)).json()
        assert none == {"tickets": [], "next": None}

    desk(tmp_path, walk)


def test_pages_of_tickets_follow_each_other(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        await outages(b, "acme", "umbra", many=3)
        staff = program(b.desk.store, Role.MANAGER)
        seen: list[str] = []
        path: str | None = f"{DESK}/tickets?limit=2&status=new&severity=1"
        while path is not None:
            reply = await b.client.get(path, headers=staff)
            page = reply.json()
            seen += [one["ref"] for one in page["tickets"]]
            path = page["next"]
            link = reply.headers.get("link")
            assert link == (None if path is None else f'<{path}>; rel="next"')
            assert path is None or "status=new&severity=1" in path
        assert len(seen) == len(set(seen)) == 6
        for query, many in (
            ("customer=acme", 3),
            ("customer=acme&site=umbra-milano", 0),
            ("status=closed", 0),
            ("condition=bad&condition=recovered", 6),
            ("severity=2&severity=3", 0),
        ):
            reply = await b.client.get(f"{DESK}/tickets?{query}", headers=staff)
            assert len(reply.json()["tickets"]) == many, query
        one = (await b.client.get(f"{DESK}/tickets/{seen[0]}", headers=staff)).json()
        assert one["history"][0]["kind"] == "first_failure"

    desk(tmp_path, walk)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("status=open", "query.status.0"),
        ("severity=4", "query.severity"),
        ("limit=0", "query.limit"),
        ("limit=201", "query.limit"),
        ("after=%00", "query.after"),
        ("customer=%00", "query.customer"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused_with_what_can(
    tmp_path: Path, query: str, where: str
) -> None:
    async def walk(b: Bench) -> None:
        staff = program(b.desk.store, Role.TECHNICIAN)
        reply = await b.client.get(f"{DESK}/tickets?{query}", headers=staff)
        assert reply.status_code == 422
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["where"] == where
        if query == "status=open":
            assert "'new'" in reply.json()["detail"]

    desk(tmp_path, walk)


def test_each_token_has_a_bucket_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scudo_agent.desk.limits.READ_RATE", 0.01)
    monkeypatch.setattr("scudo_agent.desk.limits.READ_BURST", 3.0)

    async def walk(b: Bench) -> None:
        store = b.desk.store
        one, other = program(store, Role.TECHNICIAN), program(store, Role.ADMIN)
        for left in (2, 1, 0):
            reply = await b.client.get(f"{DESK}/me", headers=one)
            assert reply.status_code == 200
            assert reply.headers["ratelimit"].startswith(f'"reads";r={left};t=')
            assert reply.headers["ratelimit-policy"] == '"reads";q=3;w=300'
        reply = await b.client.get(f"{DESK}/me", headers=one)
        assert reply.status_code == 429
        assert 0 < int(reply.headers["retry-after"]) <= 100
        assert (await b.client.get(f"{DESK}/me", headers=other)).status_code == 200

    desk(tmp_path, walk)
