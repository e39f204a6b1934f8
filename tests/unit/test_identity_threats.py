"""Whose word counts: threats 5, 6, 7 and 10 over every route that agents have."""

import asyncio
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from scudo_agent.desk.api import agent_router
from scudo_agent.desk.auth import fingerprint, new_key
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.desk_store import DeskStore
from support.desking import INCIDENT, T0, Bench, Speaker, bench, site, stage

SELF = "/v1/agents/self"
CANARY = "ACME"
"""Stands in every text of the first customer's."""


def routes() -> list[tuple[str, str]]:
    """Each method and path that an agent may ask for, as the desk itself lists them."""
    app = FastAPI()
    app.include_router(agent_router(cast(DeskStore, None), lambda: None))
    return [
        (method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]


def filled(path: str, ref: str) -> str:
    """A path with what belongs to the first customer in its places."""
    values = {
        "stream": "I",
        "incident_id": INCIDENT,
        "rev": "1",
        "ref": ref,
        "period": "2026-11",
        "name": "w1",
    }
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, f"say what is to stand in {path}"
    return path


def rows(b: Bench, tenant: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that the desk keeps of a customer."""
    found = {}
    with b.desk.store.database.read() as db:
        tables = db.execute(text("SELECT name FROM sqlite_master WHERE type='table'"))
        for name in [row.name for row in tables]:
            columns = db.execute(text(f"PRAGMA table_info({name})"))
            if "tenant_id" in [column.name for column in columns]:
                query = text(f'SELECT * FROM "{name}" WHERE tenant_id = :t')
                found[name] = [tuple(row) for row in db.execute(query, {"t": tenant})]
    return found


def stored(folder: Path) -> bytes:
    """Every byte that the desk has on its disk."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return b"".join(file.read_bytes() for file in files)


async def first(b: Bench) -> tuple[Speaker, dict[str, Any], str]:
    """The first customer's agent, what it sent, and the number of its ticket."""
    speaker = await b.agent()
    named = {"id": "erp", "title": {"it": CANARY, "en": CANARY}}
    sent = stage(1, subject=named, affected=[named])
    reply = await speaker.send(sent)
    assert reply.status_code == 200
    body = {
        "epoch": speaker.epoch,
        "first_seq": 1,
        "events": [sent.model_dump(mode="json")],
    }
    return speaker, body, str(reply.json()["results"][0]["ticket"])


async def ask(
    b: Bench, method: str, path: str, key: str | None, body: object = None
) -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return await b.client.request(method, path, json=body, headers=headers)


def test_no_route_tells_or_takes_anything_of_another_customers(tmp_path: Path) -> None:
    """Threat 5: another agent's key, this one's ids and recorded bodies."""

    async def scene() -> None:
        async with bench(tmp_path) as b:
            _, body, ref = await first(b)
            other = await b.agent(customer="beta", name="beta-roma")
            before = rows(b, "acme")
            assert CANARY in str(before)
            key = other.headers["Authorization"].removeprefix("Bearer ")
            for method, path in routes():
                if path.endswith("/events"):
                    continue
                reply = await ask(b, method, filled(path, ref), key, body)
                assert reply.status_code < 500, (method, path, reply.text)
                assert CANARY not in reply.text, (method, path)
            assert rows(b, "acme") == before
            # The recorded events themselves become the other one's own affair.
            reply = await ask(b, "POST", f"{SELF}/streams/I/events", key, body)
            assert reply.status_code in (200, 422)
            assert rows(b, "acme") == before

    asyncio.run(scene())


def test_an_agent_of_another_site_moves_no_incident(tmp_path: Path) -> None:
    """Threat 5, within one customer: refused, and kept as what somebody tried."""

    async def scene() -> None:
        async with bench(tmp_path) as b:
            mine, _, _ = await first(b)
            other = await b.agent(name="acme-roma")
            reply = await other.send(stage(1, 2, "recover"))
            assert reply.status_code == 422
            assert (await mine.tickets())[0]["condition"] == "bad"
            kinds = [row[2] for row in rows(b, "acme")["security_event"]]
            assert "event_refused" in kinds

    asyncio.run(scene())


@pytest.mark.parametrize("extra", ["tenant_id", "site_id", "agent_id"])
def test_a_body_says_not_who_speaks(tmp_path: Path, extra: str) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as b:
            speaker, body, _ = await first(b)
            key = speaker.headers["Authorization"].removeprefix("Bearer ")
            spoiled = body | {extra: "beta"}
            reply = await ask(b, "POST", f"{SELF}/streams/I/events", key, spoiled)
            assert reply.status_code == 422
            joining = {"token": "scj_" + "t" * 43, "key_sha256": "0" * 64, extra: "x"}
            assert (await ask(b, "POST", "/v1/join", None, joining)).status_code == 422

    asyncio.run(scene())


def test_of_tokens_and_keys_only_hashes_are_kept(tmp_path: Path) -> None:
    """Threats 6 and 7: who steals the desk's file can join and speak as nobody."""

    async def scene() -> None:
        async with bench(tmp_path) as b:
            token, key = "scj_" + "t" * 43, new_key()
            enrolment = Enrolment.of(site())
            who = fingerprint(token)
            b.desk.store.invitations.invite(enrolment, who, replaces=False, actor="me")
            body = {"token": token, "key_sha256": fingerprint(key)}
            assert (await ask(b, "POST", "/v1/join", None, body)).status_code == 200
            kept = stored(tmp_path)
            assert fingerprint(key).encode() in kept
            assert token.encode() not in kept
            assert key.encode() not in kept

    asyncio.run(scene())


def test_a_revoked_key_opens_no_route(tmp_path: Path) -> None:
    """Threat 7: from the next request on; without a key it is the same."""

    async def scene() -> None:
        async with bench(tmp_path) as b:
            speaker, body, ref = await first(b)
            key = speaker.headers["Authorization"].removeprefix("Bearer ")
            assert b.desk.store.agents.revoke("acme/acme-milano/1")
            before = rows(b, "acme")
            for method, path in routes():
                for shown in (key, None, "sca_" + "x" * 43):
                    reply = await ask(b, method, filled(path, ref), shown, body)
                    assert reply.status_code == 401, (method, path)
                    assert CANARY not in reply.text
            assert rows(b, "acme") == before

    asyncio.run(scene())


def test_a_recorded_conversation_told_again_changes_nothing(tmp_path: Path) -> None:
    """Threat 10: the same bytes, an hour later, and after the store was renewed."""

    async def scene() -> None:
        async with bench(tmp_path) as b:
            speaker, body, ref = await first(b)
            key = speaker.headers["Authorization"].removeprefix("Bearer ")
            await speaker.send(stage(2, 2, "recover"))
            b.clock.forward(3_600)
            before = _lasting(b)
            reply = await ask(b, "POST", f"{SELF}/streams/I/events", key, body)
            assert reply.json()["results"] == [{"seq": 1, "ticket": ref}]
            assert _lasting(b) == before
            await speaker.hello("store-2")
            assert speaker.epoch == 2
            reply = await ask(b, "POST", f"{SELF}/streams/I/events", key, body)
            assert reply.status_code == 200  # of the epoch before: had already
            forged = stage(1, 1, since=stage().at)
            events = {"events": [forged.model_dump(mode="json")]}
            reply = await ask(b, "POST", f"{SELF}/streams/I/events", key, body | events)
            assert reply.status_code == 422  # the same number, another event
            assert _lasting(b) == before

    asyncio.run(scene())


def _lasting(b: Bench) -> dict[str, list[tuple[Any, ...]]]:
    """What a replay must not touch: what became of the incident, and its mails."""
    wanted = ("incident", "ticket", "ticket_event", "mail_outbox", "inbox")
    found = rows(b, "acme")
    assert T0 in {value for row in found["incident"] for value in row}
    return {name: found[name] for name in wanted}
