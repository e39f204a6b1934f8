"""Webhooks by the API, and requests that come twice."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.program_tables import kept_reply
from scudo_agent.desk.store.webhooks import Webhooks
from scudo_agent.instant import DAY
from support.desking import Bench, bench
from support.token_desk import program

pytestmark = pytest.mark.rights
HOOKS = "/v1/desk/webhooks"
BODY: dict[str, Any] = {"url": "https://hook.example/x", "events": ["ticket.opened"]}


def test_a_webhook_is_the_administrators_alone(tmp_path: Path) -> None:
    async def go() -> None:
        async with bench(tmp_path) as b:
            await b.agent()
            admin = program(b.desk.store, Role.ADMIN)
            manager = program(b.desk.store, Role.MANAGER)
            reply = await b.client.post(HOOKS, json=BODY, headers=manager)
            assert reply.status_code == 403
            reply = await b.client.post(HOOKS, json=BODY, headers=admin)
            assert reply.status_code == 201
            made = reply.json()
            secret = made.pop("secret")
            assert secret.startswith("whsec_")
            listed = await b.client.get(HOOKS, headers=admin)
            assert listed.json() == [made]
            assert secret not in listed.text
            one = f"{HOOKS}/{made['id']}"
            assert (await b.client.get(f"{one}/deliveries", headers=admin)).json() == []
            retried = await b.client.post(f"{one}/retry", headers=admin)
            assert retried.json() == {"again": 0, "missed": None}
            for method, path in (
                ("GET", f"{HOOKS}/9/deliveries"),
                ("POST", f"{HOOKS}/9/retry"),
                ("DELETE", f"{HOOKS}/9"),
            ):
                reply = await b.client.request(method, path, headers=admin)
                assert reply.status_code == 404
            assert (await b.client.delete(one, headers=admin)).status_code == 204
            assert (await b.client.get(HOOKS, headers=admin)).json() == []
            await _refused(b, admin)

    asyncio.run(go())


async def _refused(b: Bench, admin: dict[str, str]) -> None:
    for changes, where, said in (
        ({"tenant_id": "umbra"}, "tenant_id", "Extra inputs"),
        ({"events": ["all"]}, "events.0", "'ticket.opened'"),
        ({"url": "ftp://x.example/"}, None, "https://HOST"),
        ({"url": "https://x.example/" + "a" * 500}, "url", "at most 500"),
        ({"customer": "umbra"}, None, "'umbra' is no customer"),
        ({"customer": "a\x00b"}, None, "a text holds a NUL"),
        ({"events": ["ticket.opened"] * 21}, "events", "at most 20"),
        ({"url": 7}, "url", "valid string"),
    ):
        reply = await b.client.post(HOOKS, json=BODY | changes, headers=admin)
        problem = reply.json()
        assert reply.status_code == 422, changes
        assert (problem.get("where"), said in problem["detail"]) == (where, True)


def test_a_request_that_comes_twice_is_served_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        async with bench(tmp_path) as b:
            store = b.desk.store
            admin = program(store, Role.ADMIN)
            keyed = admin | {"Idempotency-Key": "one-and-only"}

            async def post(headers: dict[str, str], **changes: Any) -> Any:
                body = BODY | changes
                return await b.client.post(HOOKS, json=body, headers=headers)

            refused = await post(keyed, customer="umbra")
            assert refused.status_code == 422
            first = await post(keyed)
            assert first.status_code == 201
            again = await post(keyed)
            assert (again.status_code, again.json()) == (201, first.json())
            assert again.headers["idempotency-replayed"] == "true"
            other = await post(keyed, events=[])
            assert other.status_code == 422
            assert "with another request" in other.json()["detail"]
            assert len(store.webhooks.lines()) == 1
            second = program(store, Role.ADMIN, TokenScope.WEBHOOKS, mail="b")
            theirs = await post(second | {"Idempotency-Key": "one-and-only"})
            assert theirs.json()["id"] == 2
            short = await post(admin | {"Idempotency-Key": "short"})
            assert short.status_code == 422

            def dies(*_: object, **__: object) -> None:
                raise RuntimeError("killed")

            unknown = admin | {"Idempotency-Key": "nobody-knows"}
            with monkeypatch.context() as patch:
                patch.setattr(Webhooks, "add", dies)
                with pytest.raises(RuntimeError):
                    await post(unknown)
            lost = await post(unknown)
            assert lost.status_code == 409
            assert "its end is not known" in lost.json()["detail"]
            b.clock.forward(7 * DAY / 1e6 + 1)
            assert (await post(keyed)).json()["id"] == 3
            assert store.replies.drop_due()[0] == 2
            with store.database.read() as db:
                assert len(db.execute(select(kept_reply)).all()) == 1

    asyncio.run(go())


def test_two_at_once_are_one(tmp_path: Path) -> None:
    async def go() -> None:
        async with bench(tmp_path) as b:
            admin = program(b.desk.store, Role.ADMIN)
            keyed = admin | {"Idempotency-Key": "both-at-once"}
            posts = [b.client.post(HOOKS, json=BODY, headers=keyed) for _ in range(8)]
            replies = await asyncio.gather(*posts)
            codes = sorted(one.status_code for one in replies)
            assert set(codes) <= {201, 409}
            assert len(b.desk.store.webhooks.lines()) == 1
            busy = [one for one in replies if one.status_code == 409]
            assert all(one.headers["retry-after"] == "1" for one in busy)

    asyncio.run(go())
