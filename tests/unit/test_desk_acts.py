"""What people do with a ticket wins, until an agent reports worse (1.5)."""

from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from scudo_agent.desk.store.scope import Scope
from scudo_agent.instant import HOUR, Instant, format_instant
from support.desk_scene import play
from support.desking import OTHER, T0, Bench, stage
from support.mails_told import unheard, untold
from support.storms import subjects, text

OURS = {"Sec-Fetch-Site": "same-origin"}


async def ask(b: Bench, ref: str, act: str, **form: Any) -> Response:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    seen = {"version": str(view.line.version) if view else ""}
    return await b.client.post(f"/t/{ref}/{act}", data=seen | form, headers=OURS)


def entries(b: Bench, ref: str) -> list[tuple[str, str]]:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    return [(one.kind, one.actor) for one in view.entries]


def faults(b: Bench) -> list[str]:
    with b.desk.store.database.read() as db:
        return untold(db) + unheard(db)


def test_a_person_closes_what_is_down_and_the_recovery_only_annotates(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await b.desk.send_mails()
        reply = await ask(b, ref, "close", words="Ricambio ordinato")
        assert (reply.status_code, reply.headers["location"]) == (303, f"/t/{ref}")
        assert ("closed", "person:admin") in entries(b, ref)
        page = (await b.client.get(f"/t/{ref}")).text
        assert "Ricambio ordinato" in page
        assert "chiuso mentre non è attivo" in page
        await agent.send(stage(2, 2, "join"), stage(3, 3, "note"))
        (line,) = await agent.tickets()
        assert (line["status"], line["condition"]) == ("closed", "bad")
        await agent.send(stage(4, 4, "recover"))
        (line,) = await agent.tickets()
        assert (line["status"], line["condition"]) == ("closed", "recovered")
        await b.desk.send_mails()
        assert f"Il ticket {ref} è stato chiuso" in text(b)
        assert "tranquillo" not in text(b)
        b.clock.forward(5 * 3600)
        assert await b.desk.look_after() == 0
        assert faults(b) == []

    play(tmp_path, scene)


def test_what_is_still_down_after_four_hours_is_re_opened_once(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await ask(b, ref, "close", words="non serve più")
        b.clock.forward(4 * 3600 - 1)
        assert await b.desk.look_after() == 0
        b.clock.forward(1)
        assert await b.desk.look_after() == 1
        assert await b.desk.look_after() == 0
        (line,) = await agent.tickets()
        assert (line["ref"], line["status"]) == (ref, "reopened")
        await b.desk.send_mails()
        assert subjects(b)[1] == f"[{ref}] Gestionale bloccato – chiuso"
        assert len(subjects(b)) == 3
        assert subjects(b)[-1].startswith(f"[{ref}] Tuttora: Gestionale")
        assert "era stato chiuso" in text(b)
        assert ("insisted", "desk") in entries(b, ref)
        await ask(b, ref, "close", words="davvero")
        b.clock.forward(9 * 3600)
        assert await b.desk.look_after() == 0
        await b.log_in()  # the session was over
        # It recovers and relapses: that is another matter, and the same ticket.
        now = format_instant(b.clock.wall())
        await agent.send(stage(2, 2, "recover", at=now), stage(3, 3, "reopen", at=now))
        (line,) = await agent.tickets()
        assert (line["ref"], line["status"]) == (ref, "reopened")
        await ask(b, ref, "close", words="ancora")
        b.clock.forward(4 * 3600)
        assert await b.desk.look_after() == 1
        await b.desk.send_mails()
        assert faults(b) == []

    play(tmp_path, scene)


def test_a_raise_re_opens_what_a_person_closed(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        first = stage(severity=2, rule="S2")
        ref = (await agent.send(first)).json()["results"][0]["ticket"]
        await ask(b, ref, "close", words="poco male")
        await agent.send(stage(2, 2, "raise"))
        (line,) = await agent.tickets()
        assert (line["status"], line["severity"]) == ("reopened", 1)

    play(tmp_path, scene)


def test_a_second_agents_opening_re_opens_nothing_a_person_closed(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await ask(b, ref, "close", words="lo sappiamo")
        await agent.send(stage(2, 1, incident_id=OTHER))
        (line,) = await agent.tickets()
        assert (line["ref"], line["status"]) == (ref, "closed")

    play(tmp_path, scene)


def test_a_relapse_re_opens_the_ticket_whoever_closed_it(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        sent = await agent.send(stage(), stage(2, 2, "recover"))
        ref = sent.json()["results"][0]["ticket"]
        await ask(b, ref, "close", words="risolto")
        await agent.send(stage(3, 3, "reopen"))
        (line,) = await agent.tickets()
        assert (line["ref"], line["status"]) == (ref, "reopened")

    play(tmp_path, scene)


def test_a_persons_severity_holds_until_an_agent_reports_worse(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        first = stage(severity=2, rule="S2")
        ref = (await agent.send(first)).json()["results"][0]["ticket"]
        assert (await ask(b, ref, "triage", severity="3", words="di notte")).is_redirect
        at = format_instant(Instant(T0 + HOUR))
        await agent.send(
            stage(2, 2, "join", severity=2, rule="S2"),
            stage(3, 3, "recover", severity=2, rule="S2"),
            stage(4, 4, "reopen", severity=2, rule="S2", at=at),
            stage(5, 1, incident_id=OTHER, severity=2, rule="S2", at=at),
        )
        (line,) = await agent.tickets()
        assert line["severity"] == 3
        await agent.send(stage(6, 5, "raise"))
        (line,) = await agent.tickets()
        assert (line["severity"], line["rule"]) == (1, "S1")
        page = (await b.client.get(f"/t/{ref}")).text
        assert "gravità cambiata da 2 a 3" in page
        assert "di notte" in page

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("act", "form", "says"),
    [
        ("close", {"words": "  "}, "motivo"),
        ("note", {}, "scrivi qualcosa"),
        ("note", {"words": "x" * 2001}, "2000"),
        ("triage", {"words": "x", "severity": "0"}, "1, 2 o 3"),
        ("triage", {"words": "", "severity": "2"}, "motivo"),
        ("estimate", {"estimate": "domani"}, "2026-11-23T16:30"),
        ("estimate", {"estimate": "2026-02-30T10:00"}, "non esiste"),
        ("estimate", {"estimate": "2026-11-23T10:00"}, "passato"),
        ("start", {"mode": "remote"}, "stato"),
        ("take", {}, "link di accesso"),
        ("assign", {"person": "77"}, "persona del fornitore"),
        ("reopen", {"words": "x"}, "stato"),
    ],
)
def test_a_form_that_cannot_be_done_says_why_and_changes_nothing(
    tmp_path: Path, act: str, form: dict[str, str], says: str
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        before = entries(b, ref)
        reply = await ask(b, ref, act, **form)
        assert reply.status_code == 422
        assert says in reply.text.replace(".", "")
        assert entries(b, ref) == before

    play(tmp_path, scene)


def test_a_closed_ticket_cannot_be_closed_again(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        assert (await ask(b, ref, "close", words="a")).status_code == 303
        assert (await ask(b, ref, "close", words="b")).status_code == 422

    play(tmp_path, scene)


def test_a_note_is_data_on_the_page(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        words = "<script>alert(1)</script>\u202e fine"
        assert (await ask(b, ref, "note", words=words)).status_code == 303
        page = (await b.client.get(f"/t/{ref}")).text
        assert "&lt;script&gt;" in page
        assert "<script>" not in page
        assert "\u202e" not in page

    play(tmp_path, scene)


def test_who_is_not_logged_in_or_comes_from_elsewhere_does_nothing(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        assert (await ask(b, ref, "close", words="x")).status_code == 401
        await b.log_in()
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "https://evil.example"},
            {},
        ):
            reply = await b.client.post(
                f"/t/{ref}/close", data={"words": "x"}, headers=headers
            )
            assert reply.status_code == 403
        for path in (f"/t/{ref}/delete", "/t/SC-0000-0000/close"):
            reply = await b.client.post(path, data={"words": "x"}, headers=OURS)
            assert reply.status_code == 404
        (line,) = await agent.tickets()
        assert line["status"] == "new"

    play(tmp_path, scene)
