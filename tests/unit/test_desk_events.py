"""The agents' API: each event once, in order, for the right site."""

import re
from pathlib import Path

import pytest
from sqlalchemy import func, select

from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import (
    held_stage,
    inbox,
    mail_outbox,
    security_event,
    ticket,
)
from scudo_agent.wire import canonical
from support.desk_scene import play
from support.desking import INCIDENT, OTHER, Bench, stage


async def count(b: Bench, table: object) -> int:
    with b.desk.store.database.read() as db:
        return int(
            db.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]
        )


async def mails(b: Bench) -> list[tuple[str, int, str, str | None]]:
    query = select(
        mail_outbox.c.kind,
        mail_outbox.c.rev,
        mail_outbox.c.state,
        mail_outbox.c.fold_rule,
    ).order_by(mail_outbox.c.mail_id)
    with b.desk.store.database.read() as db:
        return [tuple(row) for row in db.execute(query)]


def test_an_opening_becomes_a_ticket_with_its_public_number(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        reply = await agent.send(stage())
        assert reply.status_code == 200, reply.text
        (result,) = reply.json()["results"]
        assert reply.json()["ack_seq"] == 1
        assert re.fullmatch(
            r"SC-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", result["ticket"]
        )
        (one,) = await agent.tickets()
        assert one["ref"] == result["ticket"]
        assert (one["severity"], one["rule"]) == (1, "S1")
        assert (one["status"], one["condition"]) == ("new", "bad")

    play(tmp_path, scene)


def test_the_same_batch_again_changes_nothing(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        first = await agent.send(stage())
        again = await agent.send(stage())
        assert again.json() == first.json()
        assert await count(b, ticket) == await count(b, mail_outbox) == 1

    play(tmp_path, scene)


def test_an_overlapping_batch_continues_where_the_desk_stands(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        reply = await agent.send(stage(), stage(2, 2, "recover"))
        assert reply.json()["ack_seq"] == 2
        assert (await agent.tickets())[0]["condition"] == "recovered"

    play(tmp_path, scene)


def test_a_gap_in_the_sequence_is_refused_with_the_next_number(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        reply = await agent.send(stage(3, 2, "note"))
        assert (reply.status_code, reply.json()["expected_seq"]) == (409, 2)
        assert reply.headers["content-type"] == "application/problem+json"
        assert await count(b, inbox) == 1

    play(tmp_path, scene)


def test_a_batch_must_be_a_run_that_begins_where_it_says(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        reply = await agent.send(stage(), stage(3, 2, "note"))
        assert (reply.status_code, reply.json()["index"]) == (422, 1)
        reply = await agent.send(stage(2), first=1)
        assert (reply.status_code, reply.json()["index"]) == (422, 0)
        assert await count(b, inbox) == 0

    play(tmp_path, scene)


def test_the_same_number_with_another_content_raises_an_alarm(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        reply = await agent.send(stage(severity=2))
        assert (reply.status_code, reply.json()["seq"]) == (422, 1)
        assert await count(b, security_event) == 1
        assert (await agent.tickets())[0]["severity"] == 1

    play(tmp_path, scene)


def test_a_batch_with_one_bad_event_is_refused_whole(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        bad = stage(2, 1, "recover", incident_id=OTHER)
        reply = await agent.send(stage(), bad)
        assert (reply.status_code, reply.json()["index"]) == (422, 1)
        assert await count(b, inbox) == await count(b, ticket) == 0

    play(tmp_path, scene)


def test_an_epoch_that_was_not_granted_asks_for_a_hello(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        agent.epoch = 7
        reply = await agent.send(stage())
        assert (reply.status_code, reply.json()["hello"]) == (409, True)
        assert "expected_seq" not in reply.json()

    play(tmp_path, scene)


def test_hello_grants_an_epoch_to_a_store_once_and_says_what_arrived(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        known = (await agent.hello()).json()
        assert (known["epoch"], known["last_contiguous_seq"]) == (1, {"I": 1, "L": 0})
        assert (known["tenant_id"], known["site_id"]) == ("acme", "acme-milano")
        new = (await agent.hello("store-2")).json()
        assert (new["epoch"], new["last_contiguous_seq"]) == (2, {"I": 0, "L": 0})
        assert (await agent.hello()).json()["epoch"] == 1

    play(tmp_path, scene)


def test_a_new_store_may_tell_of_an_incident_again_without_a_second_ticket(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        first = await agent.send(stage())
        await agent.hello("store-2")
        again = await agent.send(stage())
        assert again.json()["results"] == first.json()["results"]
        assert await count(b, ticket) == 1

    play(tmp_path, scene)


def test_a_stage_before_its_predecessor_is_held_until_that_arrives(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        early = stage(1, 2, "recover")
        reply = await agent.send(early)
        assert reply.json()["results"] == [{"seq": 1, "ticket": ""}]
        assert await count(b, held_stage) == 1
        await agent.send(stage(2, 1))
        assert await count(b, held_stage) == 0
        assert (await agent.tickets())[0]["condition"] == "recovered"

    play(tmp_path, scene)


def test_a_gap_message_leaves_a_tombstone_and_moves_on(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        gap = {
            "epoch": 1,
            "seq": 2,
            "incident_id": OTHER,
            "rev": 1,
            "sha256": "0" * 64,
            "reason": "refused",
        }
        for _ in range(2):
            reply = await b.client.post(
                "/v1/agents/self/streams/I/gaps", json=gap, headers=agent.headers
            )
            assert reply.json()["ack_seq"] == 2
        reply = await agent.send(stage(3, 2, "recover"))
        assert reply.json()["ack_seq"] == 3

    play(tmp_path, scene)


def test_two_incidents_on_one_subject_share_a_ticket(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage(), stage(2, 1, incident_id=OTHER))
        assert len(await agent.tickets()) == 1
        await agent.send(stage(3, 2, "recover"))
        assert (await agent.tickets())[0]["condition"] == "bad"
        await agent.send(stage(4, 2, "recover", incident_id=OTHER))
        assert (await agent.tickets())[0]["condition"] == "recovered"
        assert await mails(b) == [
            ("open", 1, "pending", None),
            ("open", 1, "folded", "shared"),
            ("recover", 2, "folded", "shared"),
            ("recover", 2, "pending", None),
        ]

    play(tmp_path, scene)


def test_the_same_subject_at_two_sites_makes_two_tickets(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        milano = await b.agent()
        roma = await b.agent(name="acme-roma")
        await milano.send(stage())
        await roma.send(stage(incident_id=OTHER))
        refs = {t["ref"] for t in await milano.tickets() + await roma.tickets()}
        assert len(refs) == 2

    play(tmp_path, scene)


def test_an_incident_whose_cause_has_a_ticket_goes_on_there(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        switch = {"id": "switch/ping", "title": {"it": "Switch"}}
        await agent.send(
            stage(1, 1, subject_key="check:switch/ping", subject=switch, severity=2),
            stage(2, 1, incident_id=OTHER),
            stage(3, 2, "root", incident_id=OTHER, subject_key="check:switch/ping"),
        )
        reply = await agent.send(stage(4, 3, "recover", incident_id=OTHER))
        refs = {t["ref"]: t for t in await agent.tickets()}
        joint = refs[reply.json()["results"][0]["ticket"]]
        assert (joint["severity"], joint["condition"]) == (1, "bad")
        (left,) = (t for t in refs.values() if t is not joint)
        assert left["condition"] == "not_measured"
        view = b.desk.store.views.ticket(Scope.of_staff(), left["ref"])
        assert view is not None
        assert view.entries[-1].data == {"ticket": joint["ref"]}

    play(tmp_path, scene)


def test_a_site_cannot_speak_for_the_incident_of_another(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        milano = await b.agent()
        await milano.send(stage())
        roma = await b.agent(name="acme-roma")
        reply = await roma.send(stage(1, 2, "recover"))
        assert reply.status_code == 422
        assert await count(b, security_event) == 1
        assert (await milano.tickets())[0]["condition"] == "bad"

    play(tmp_path, scene)


def test_another_tenant_with_the_same_incident_id_changes_nothing(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        acme = await b.agent()
        ours = (await acme.send(stage())).json()["results"][0]["ticket"]
        evil = await b.agent(customer="evil", name="evil-site")
        theirs = (await evil.send(stage())).json()["results"][0]["ticket"]
        assert ours != theirs
        await evil.send(stage(2, 2, "recover"))
        assert (await acme.tickets())[0]["condition"] == "bad"
        found = await evil.client.get(
            f"/v1/agents/self/tickets/{ours}", headers=evil.headers
        )
        assert found.status_code == 404

    play(tmp_path, scene)


def test_the_providers_own_incident_is_hidden_and_mailed_to_the_provider(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(
            stage(audience="provider", severity=None, rule=None, subject_key="agent")
        )
        assert await agent.tickets() == []
        (line,) = b.desk.store.views.tickets(Scope.of_staff())
        assert (line.severity, line.audience) == (None, "provider")
        await b.desk.send_mails()
        assert [to for to, _ in b.mails.mails] == ["noc@provider.example"]

    play(tmp_path, scene)


def test_what_was_over_before_the_desk_heard_of_it_is_one_mail(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        b.clock.forward(3600)
        await agent.send(
            stage(severity=2),
            stage(2, 2, "raise"),
            stage(3, 3, "recover"),
        )
        assert await mails(b) == [
            ("open", 1, "folded", "late"),
            ("raise", 2, "folded", "recovered"),
            ("recover", 3, "pending", None),
        ]
        (one,) = await agent.tickets()
        assert one["reported_late"] is True
        assert (one["status"], one["condition"]) == ("new", "recovered")

    play(tmp_path, scene)


def test_an_escalation_that_is_over_does_not_leave(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage(severity=2))
        await b.desk.send_mails()
        await agent.send(stage(2, 2, "raise"))
        await agent.send(stage(3, 3, "recover"))
        assert await b.desk.send_mails() == 1
        assert [m[2:] for m in await mails(b)] == [
            ("sent", None),
            ("folded", "recovered"),
            ("sent", None),
        ]

    play(tmp_path, scene)


def test_a_reopening_keeps_the_ticket_and_the_severity(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(
            stage(), stage(2, 2, "recover"), stage(3, 3, "reopen", severity=2)
        )
        (one,) = await agent.tickets()
        assert (one["status"], one["condition"]) == ("reopened", "bad")
        assert (one["severity"], one["reopen_count"]) == (1, 1)
        assert one["recovered"] is None

    play(tmp_path, scene)


def test_a_revoked_key_is_no_key(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        assert b.desk.store.agents.revoke("acme/acme-milano/1")
        assert (await agent.hello()).status_code == 401

    play(tmp_path, scene)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"], ids=["NUL", "half a character"])
def test_a_text_that_no_database_holds_is_the_events_fault(
    tmp_path: Path, text: str
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        body = canonical(
            {"epoch": 1, "first_seq": 1, "events": [stage().model_dump(mode="json")]}
        ).replace(
            b"service:erp", text.encode("unicode_escape").replace(b"\\x", b"\\u00")
        )
        reply = await b.client.post(
            "/v1/agents/self/streams/I/events",
            content=body,
            headers=agent.headers | {"Content-Type": "application/json"},
        )
        assert (reply.status_code, reply.json()["index"]) == (422, 0)

    play(tmp_path, scene)


def test_a_body_beyond_the_cap_is_not_read(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        reply = await b.client.post(
            "/v1/agents/self/hello",
            content=b"x" * (2 * 1024 * 1024 + 1),
            headers=agent.headers,
        )
        assert reply.status_code == 413

    play(tmp_path, scene)


def test_the_number_depends_on_nothing_but_the_incident(tmp_path: Path) -> None:
    refs = []

    async def scene(b: Bench) -> None:
        agent = await b.agent()
        reply = await agent.send(stage(incident_id=INCIDENT))
        refs.append(reply.json()["results"][0]["ticket"])

    play(tmp_path / "one", scene)
    play(tmp_path / "two", scene)
    assert refs[0] == refs[1]
