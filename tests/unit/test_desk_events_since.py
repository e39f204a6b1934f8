"""What a stopped webhook missed: said from when to when, and there to be read."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select

from scudo_agent.desk.life import Note
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.program_tables import webhook_outbox
from support.desk_scene import play
from support.desking import OTHER, Bench, stage
from support.token_desk import program
from unit.test_desk_requests import ADMIN

pytestmark = pytest.mark.rights
API = "/v1/desk"


def test_what_was_missed_is_told_and_can_be_fetched(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        store = b.desk.store
        boss = program(store, Role.ADMIN)
        hook = store.webhooks.add(
            None,
            "https://hook.example/",
            events=[],
            secret="whsec_x",
            actor="desk",
        )
        at = f"{API}/webhooks/{hook.webhook_id}/retry"
        assert (await b.client.post(at, headers=boss)).json()["missed"] is None
        await agent.send(stage())
        parcel = store.webhook_outbox.claim()
        assert parcel is not None
        b.clock.forward(60)
        store.webhook_outbox.give_up(parcel, "410 Gone")
        b.clock.forward(60)
        second = stage(2, 1, incident_id=OTHER, subject_key="service:x")
        ref = (await agent.send(second)).json()["results"][0]["ticket"]
        store.acts.do(ADMIN, ref, Note(words="dentro", public=False), version=None)
        b.clock.forward(60)
        reply = await b.client.post(at, headers=boss)
        missed = reply.json()["missed"]
        assert (missed["since"], missed["until"]) == (
            "2026-11-23T09:42:50Z",
            "2026-11-23T09:44:50Z",
        )
        with store.database.read() as db:
            query = select(webhook_outbox.c.body).where(
                webhook_outbox.c.event == "desk.gap"
            )
            assert db.execute(query).scalar_one()["data"] == missed
        reply = await b.client.get(missed["fetch"], headers=boss)
        assert reply.status_code == 200, reply.text
        events = reply.json()["events"]
        assert [one["type"] for one in events] == ["ticket.opened", "ticket.note"]
        assert all(one["data"]["ticket"]["ref"] == ref for one in events)
        assert "dentro" in json.dumps(events)
        # A customer's program reads what it may, and nobody else's.
        theirs = program(store, Role.REFERENT)
        reply = await b.client.get(missed["fetch"], headers=theirs)
        assert [one["type"] for one in reply.json()["events"]] == ["ticket.opened"]

    play(tmp_path, scene)


def test_pages_go_on_where_they_ended_and_tell_no_numbers(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        boss = program(b.desk.store, Role.ADMIN)
        reply = await agent.send(
            stage(), stage(2, 1, incident_id=OTHER, subject_key="service:x")
        )
        assert reply.status_code == 200
        since = quote("2026-11-23T09:00:00Z")
        path, found = f"{API}/events?since={since}&limit=1", []
        while path:
            answer = (await b.client.get(path, headers=boss)).json()
            found += answer["events"]
            path = answer["next"]
        assert len(found) == 2
        assert len({one["data"]["ticket"]["ref"] for one in found}) == 2
        for wrong in ("1.0123456789abcdef", "7"):
            reply = await b.client.get(
                f"{API}/events?since={since}&after={wrong}", headers=boss
            )
            assert reply.status_code == 422
        reply = await b.client.get(f"{API}/events?since=yesterday", headers=boss)
        assert reply.status_code == 422

    play(tmp_path, scene)
