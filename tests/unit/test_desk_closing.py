"""Tickets that the desk closes by itself: when, by whom, and what re-opens them."""

import asyncio
import email
from dataclasses import replace
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from scudo_agent.desk import rounds
from scudo_agent.desk.life import Move, Note
from scudo_agent.desk.lifecycle import (
    Condition,
    Status,
    Ticket,
    advance,
    born,
    closes,
    follow,
)
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.requests import Asked
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.desk.store.tables import contract_version, ticket, ticket_event
from scudo_agent.instant import HOUR, SECOND, Instant
from support.desk_scene import play
from support.desking import OTHER, T0, Bench, Speaker, bench, contract, stage
from support.people import new_person

ADMIN = Person(tenant_id="@provider", role=Role.ADMIN, actor="person:admin")
BRINGS = contract(close_after="1h")


async def recovered(b: Bench, **where: Any) -> Speaker:
    """An incident that opened and recovered; the desk heard of it 30 s after."""
    agent = await b.agent(**{"brings": BRINGS} | where)
    b.clock.forward(30)
    assert (await agent.send(stage(), stage(2, 2, "recover"))).status_code == 200
    return agent


async def status(agent: Speaker) -> str:
    (one,) = await agent.tickets()
    return str(one["status"])


def line_of(b: Bench, ref: str) -> Any:
    """A ticket as it stands."""
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    return view.line


def mails_told(b: Bench) -> list[str]:
    """Each mail that left: its subject and its text, one line."""
    found = []
    for _, data in b.mails.mails:
        mail = email.message_from_bytes(data, policy=default)
        body = mail.get_body(preferencelist=("plain",))
        assert body is not None
        found.append(f"{mail['subject']} {' '.join(body.get_content().split())}")
    return found


def entry(b: Bench, actor: str, kind: str = "note") -> None:
    """Somebody writes into the only ticket's history."""
    with b.desk.store.database.write() as db:
        row = db.execute(select(ticket)).one()
        values = {
            "tenant_id": row.tenant_id,
            "ticket_id": row.ticket_id,
            "kind": kind,
            "at_us": b.clock.wall(),
            "stored_us": b.clock.wall(),
            "actor": actor,
            "data": {},
        }
        db.execute(insert(ticket_event).values(values))


def test_an_hour_of_quiet_closes_the_ticket_and_says_why(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await recovered(b)
        b.clock.forward(3599)
        assert await b.desk.close_quiet() == 0
        b.clock.forward(1)
        assert await b.desk.close_quiet() == 1
        assert await b.desk.close_quiet() == 0
        (line,) = await agent.tickets()
        assert (line["status"], line["condition"]) == ("closed", "recovered")
        assert line["closed"] == "2026-11-23T10:42:20Z"
        view = b.desk.store.views.ticket(Scope.of_staff(), line["ref"])
        assert view is not None
        last = view.entries[-1]
        assert (last.kind, last.actor) == ("closed", "desk")
        assert last.data == {
            "reason": "quiet",
            "quiet_since_us": T0 + 30 * SECOND,
            "close_after_us": HOUR,
            "contract_id": "prova",
            "revision": 1,
        }

    play(tmp_path, scene)


def test_without_a_limit_people_close(tmp_path: Path) -> None:
    async def one(b: Bench) -> None:
        agent = await recovered(b, brings=contract())
        b.clock.forward(400 * 24 * 3600)
        assert await b.desk.close_quiet() == 0
        assert await status(agent) == "new"

    play(tmp_path, one)


def test_what_people_resolved_and_no_agent_measures_is_closed_too(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=BRINGS)
        await agent.send(stage(), stage(2, 2, "retire"))
        asked = Asked(
            tenant_id="acme",
            site_id="acme-milano",
            channel="phone",
            received=T0,
            description="Il gestionale è lento",
        )
        ref = b.desk.store.requests.open(ADMIN, asked)
        assert ref is not None
        lines = b.desk.store.views.tickets(Scope.of_staff())
        (gone,) = [one.ref for one in lines if one.ref != ref]
        act = b.desk.store.acts.do
        done = Move(to=Status.RESOLVED, words="Fatto")
        for one in (ref, gone):
            version = {x.ref: x.version for x in lines}[one]
            assert act(ADMIN, one, done, version=version)
        await b.desk.send_mails()
        (told,) = [t for t in mails_told(b) if "risolto" in t and ref in t]
        assert "Si chiude da solo" in told
        b.clock.forward(1800)
        # Somebody has something to say: quiet begins anew.
        act(ADMIN, ref, Note(words="sentito", public=False), version=None)
        b.clock.forward(1800)
        assert await b.desk.close_quiet() == 1
        assert line_of(b, gone).status == "closed"
        b.clock.forward(1800)
        assert await b.desk.close_quiet() == 1
        assert line_of(b, ref).status == "closed"

    play(tmp_path, scene)


def test_what_is_down_behind_a_redundant_system_stays(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=BRINGS)
        reply = await agent.send(stage())
        ref = reply.json()["results"][0]["ticket"]
        stays = Move(to=Status.RESOLVED, words="Muletto", redundant=True)
        assert b.desk.store.acts.do(ADMIN, ref, stays, version=1)
        b.clock.forward(10 * 3600)
        assert await b.desk.close_quiet() == 0
        assert line_of(b, ref).redundant == T0

    play(tmp_path, scene)


@pytest.mark.parametrize("kind", ["open", "retire"])
def test_what_is_bad_or_not_measured_any_more_is_not_closed(
    tmp_path: Path, kind: str
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=BRINGS)
        stages = [stage()] if kind == "open" else [stage(), stage(2, 2, kind)]
        await agent.send(*stages)
        b.clock.forward(10 * 3600)
        assert await b.desk.close_quiet() == 0
        assert await status(agent) == "new"

    play(tmp_path, scene)


def test_a_ticket_of_two_incidents_waits_for_both(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=BRINGS)
        await agent.send(
            stage(), stage(2, 1, incident_id=OTHER), stage(3, 2, "recover")
        )
        b.clock.forward(10 * 3600)
        assert await b.desk.close_quiet() == 0
        await agent.send(stage(4, 2, "recover", incident_id=OTHER))
        b.clock.forward(3600)
        assert await b.desk.close_quiet() == 1

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("actor", "restarts"),
    [("person:anna", True), ("agent:acme/acme-milano/1", True), ("desk", False)],
)
def test_what_anybody_else_says_restarts_the_quiet(
    tmp_path: Path, actor: str, restarts: bool
) -> None:
    async def scene(b: Bench) -> None:
        await recovered(b)
        b.clock.forward(3000)
        entry(b, actor)
        b.clock.forward(3599)
        assert await b.desk.close_quiet() == (0 if restarts else 1)
        b.clock.forward(1)
        assert await b.desk.close_quiet() == (1 if restarts else 0)

    play(tmp_path, scene)


def test_a_customer_who_asked_is_answered_before_it_is_closed(tmp_path: Path) -> None:
    """What the customer wrote last keeps the ticket open, however quiet it is."""

    async def scene(b: Bench) -> None:
        agent = await recovered(b)
        ref = (await agent.tickets())[0]["ref"]
        number = b.desk.store.people.add(new_person(Role.REFERENT), actor="test")
        who = b.desk.store.people.acting(number)
        assert who is not None
        acts = b.desk.store.acts
        word = Note(words="Ne siete sicuri?", public=True)
        acts.do(who, ref, word, version=line_of(b, ref).version)
        b.clock.forward(5 * 3_600)
        b.desk.store.closing.close_due()
        assert await status(agent) != "closed"
        answer = Note(words="Sì.", public=True)
        acts.do(ADMIN, ref, answer, version=line_of(b, ref).version)
        b.clock.forward(3_600)
        assert b.desk.store.closing.close_due()[0] == 1
        assert await status(agent) == "closed"

    play(tmp_path, scene)


def test_a_mail_that_leaves_late_is_no_news(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await recovered(b)
        b.clock.forward(3590)
        assert await b.desk.send_mails() == 2
        b.clock.forward(10)
        assert await b.desk.close_quiet() == 1

    play(tmp_path, scene)


def test_what_reaches_the_desk_late_is_quiet_from_then_on(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=BRINGS)
        b.clock.forward(3 * 24 * 3600)
        await agent.send(stage(), stage(2, 2, "recover"))
        assert await b.desk.close_quiet() == 0
        b.clock.forward(3600)
        assert await b.desk.close_quiet() == 1

    play(tmp_path, scene)


def test_a_recovery_dated_ahead_of_the_desks_clock_counts_from_its_date(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=BRINGS)
        await agent.send(stage(), stage(60, 2, "recover").model_copy(update={"seq": 2}))
        b.clock.forward(3600 + 599)
        assert await b.desk.close_quiet() == 0
        b.clock.forward(1)
        assert await b.desk.close_quiet() == 1

    play(tmp_path, scene)


def test_a_relapse_re_opens_what_the_desk_closed(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await recovered(b)
        b.clock.forward(3600)
        await b.desk.close_quiet()
        reply = await agent.send(stage(3, 3, "reopen"))
        (line,) = await agent.tickets()
        assert reply.json()["results"][0]["ticket"] == line["ref"]
        assert (line["status"], line["condition"]) == ("reopened", "bad")
        assert (line["closed"], line["reopen_count"]) == (None, 1)
        b.clock.forward(10 * 3600)
        assert await b.desk.close_quiet() == 0
        await agent.send(stage(4, 4, "recover"))
        b.clock.forward(3600)
        assert await b.desk.close_quiet() == 1
        kinds = [
            one.kind
            for one in _entries(b, line["ref"])
            if not one.kind.startswith("mail")
        ]
        assert kinds == ["open", "recover", "closed", "reopen", "recover", "closed"]

    play(tmp_path, scene)


def test_closing_mails_nobody(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await recovered(b)
        await b.desk.send_mails()
        before = len(b.mails.mails)
        b.clock.forward(3600)
        assert await b.desk.close_quiet() == 1
        assert await b.desk.send_mails() == 0
        assert len(b.mails.mails) == before == 2

    play(tmp_path, scene)


@pytest.mark.parametrize("stopped_s", [0, 1800, 3600, 40 * 24 * 3600])
def test_a_restart_changes_nothing(tmp_path: Path, stopped_s: int) -> None:
    """Due an hour after the recovery, however long the desk was stopped."""

    async def before() -> None:
        async with bench(tmp_path) as b:
            await recovered(b)

    async def after() -> tuple[int, int]:
        async with bench(tmp_path) as b:
            b.clock.at = T0 + 30 * SECOND + stopped_s * SECOND
            early = await b.desk.close_quiet()
            b.clock.at = max(b.clock.at, T0 + 30 * SECOND + HOUR)
            return early, await b.desk.close_quiet()

    asyncio.run(before())
    early, later = asyncio.run(after())
    assert (early, later) == ((1, 0) if stopped_s >= 3600 else (0, 1))


def test_the_contracts_last_version_decides(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await recovered(b)
        b.clock.forward(3600)
        b.desk.store.contracts.put(contract(close_after="2h"), actor="desk")
        assert await b.desk.close_quiet() == 0
        b.clock.forward(3600)
        assert await b.desk.close_quiet() == 1

    play(tmp_path, scene)


def test_a_contract_that_cannot_be_read_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(b: Bench) -> None:
        await recovered(b)
        bad = {
            "tenant_id": "@provider",
            "contract_id": "bad",
            "revision": 1,
            "sha256": "",
            "body": {"id": "bad", "title": "bad"},
            "stored_us": 1,
            "actor": "desk",
        }
        with b.desk.store.database.write() as db:
            db.execute(insert(contract_version).values(bad))
        b.clock.forward(3600)
        assert await b.desk.close_quiet() == 1

    play(tmp_path, scene)
    assert "contract bad, revision 1" in caplog.text


def test_the_closer_closes_by_itself(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await recovered(b)
        b.clock.forward(3599.95)
        closer = rounds.tickets(b.desk.store, lambda: None)
        closer.start("closer")
        b.clock.forward(1)
        async with asyncio.timeout(10):
            while await status(agent) != "closed":  # noqa: ASYNC110 - a row is no event
                await asyncio.sleep(0)
        await closer.stop(patience_s=5)

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("it", "Se non si ripresenta, il ticket {ref} si chiude da solo: "),
        ("en", "If it stays quiet, ticket {ref} closes by itself on "),
    ],
)
def test_the_recovery_says_when_the_ticket_closes(
    tmp_path: Path, language: str, words: str
) -> None:
    async def scene(b: Bench) -> None:
        agent = await recovered(b, language=language)
        (line,) = await agent.tickets()
        await b.desk.send_mails()
        text = _text(b)
        assert words.format(ref=line["ref"]) in text
        # T0 is 10:41:50 in Rome; heard 30 s later, closed an hour after that.
        assert "11:42:20" in text

    play(tmp_path, scene)


@pytest.mark.parametrize("language", ["it", "en"])
def test_a_recovery_that_leaves_when_all_is_closed_says_so(
    tmp_path: Path, language: str
) -> None:
    async def scene(b: Bench) -> None:
        await recovered(b, language=language)
        b.clock.forward(7200)
        await b.desk.close_quiet()
        await b.desk.send_mails()
        told = {"it": "è stato chiuso", "en": "was closed on"}
        assert told[language] in _text(b)

    play(tmp_path, scene)


def test_where_people_close_the_recovery_promises_nothing(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await recovered(b, brings=contract())
        await b.desk.send_mails()
        assert "resta aperto" in _text(b)

    play(tmp_path, scene)


def test_the_pages_list_what_is_closed_behind_the_queue(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await recovered(b)
        b.clock.forward(3600)
        await b.desk.close_quiet()
        await agent.send(stage(3, 1, incident_id=OTHER, severity=3, rule="S4"))
        refs = [one["ref"] for one in await agent.tickets()]
        lines = b.desk.store.views.tickets(Scope.of_staff())
        assert [one.status for one in lines] == [Status.NEW, Status.CLOSED]
        assert [one.ref for one in lines] == refs
        (only,) = b.desk.store.views.tickets(Scope.of_staff(), limit=1)
        assert only.status is Status.NEW
        await b.log_in()
        page = (await b.client.get("/")).text
        assert page.index(refs[0]) < page.index("Chiusi") < page.index(refs[1])

    play(tmp_path, scene)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_ticket_closes_after_whatever_came_last(
    recovery: int, active: int, after: int
) -> None:
    at = closes(Instant(recovery), Instant(active), after)
    assert at - after in (recovery, active)
    assert at >= recovery + after
    assert at >= active + after


@given(st.sampled_from(["note", "raise", "join", "root", "recover", "reopen"]))
def test_what_is_bad_is_never_closed(kind: str) -> None:
    incident = advance(None, stage())
    for others in ((), (Condition.BAD,), (Condition.RECOVERED,)):
        told = stage(2, 2, kind)
        after = follow(_closed(born(incident)), told, advance(incident, told), others)
        assert (after.status is Status.CLOSED) <= (after.condition is not Condition.BAD)


def _closed(made: Ticket) -> Ticket:
    return replace(made, status=Status.CLOSED, condition=Condition.RECOVERED)


def _entries(b: Bench, ref: str) -> Any:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    return view.entries


def _text(b: Bench) -> str:
    """The last mail's words."""
    message = email.message_from_bytes(b.mails.mails[-1][1], policy=default)
    part = message.get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())
