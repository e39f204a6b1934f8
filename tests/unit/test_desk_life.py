"""The life of a ticket at the desk: people, their rights, words, mails, and races."""

import threading
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.desk.life import Estimate, Note, StaleError, Triage
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.scope import Scope
from scudo_agent.instant import HOUR, MINUTE, Instant, format_instant
from support.crew import Hand, hand
from support.desk_scene import play
from support.desking import OTHER, T0, Bench, stage
from support.storms import subjects, text

LATER = "2026-11-23T16:30"
"""In the site's time; the desk's clock stands at 10:41:50 there."""


async def opened(b: Bench, **changes: Any) -> str:
    agent = await b.agent()
    reply = await agent.send(stage(**changes))
    await b.desk.send_mails()
    return str(reply.json()["results"][0]["ticket"])


def line(b: Bench, ref: str) -> Any:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    return view.line


def kinds(b: Bench, ref: str) -> list[str]:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    return [one.kind for one in view.entries if not one.kind.startswith("mail_")]


def test_a_ticket_walks_through_its_whole_life(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        tina = hand(b)
        steps: list[tuple[str, dict[str, str], str]] = [
            ("take", {}, "new"),
            ("triage", {"severity": "1", "urgency": "2"}, "triaged"),
            ("diagnose", {"estimate": LATER, "words": "Disco"}, "diagnosing"),
            (
                "start",
                {"mode": "remote", "thing": "device", "detail": "console"},
                "in_progress",
            ),
            ("wait", {"words": "La chiave, per favore"}, "waiting_customer"),
            ("start", {"mode": "on_site"}, "in_progress"),
            ("resolve", {"words": "Disco nuovo", "redundant": "yes"}, "resolved"),
            ("close", {"words": "Fatto"}, "closed"),
            ("reopen", {"words": "Ha richiamato"}, "reopened"),
        ]
        for act, form, stands in steps:
            reply = await tina.do(ref, act, **form)
            assert reply.status_code == 303, (act, reply.text)
            assert line(b, ref).status.value == stands
        now = line(b, ref)
        assert now.assignee == "Tina Tecnica"
        assert (now.urgency, now.mode, now.version) == (2, "on_site", 10)
        assert now.estimate is None
        assert now.closed is None
        await b.desk.send_mails()
        assert [one.partition(" – ")[2] for one in subjects(b)[1:]] == [
            "quando prevediamo il ripristino",
            "ci serve una vostra risposta",
            "risolto",
            "chiuso",
        ]
        page = await tina.page(f"/t/{ref}")
        for said in (
            "preso in carico",
            "in lavorazione, da remoto (un apparato, console)",
            "risolto: resta in servizio un sistema ridondante",
            "Tina Tecnica",
        ):
            assert said in page

    play(tmp_path, scene)


def test_mails_of_people_thread_and_say_who_wrote(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        tina = hand(b)
        await tina.do(ref, "message", words="Riavviate, per favore.\n\nGrazie <b>")
        await b.desk.send_mails()
        first, last = (
            message_from_bytes(data, policy=default) for _, data in b.mails.mails
        )
        assert last["In-Reply-To"] == first["Message-ID"]
        assert last["To"] == first["To"]
        assert f"[{ref}]" in last["Subject"]
        plain, html = last.get_body(("plain",)), last.get_body(("html",))
        assert plain is not None
        assert html is not None
        body = plain.get_content().replace("\r\n", "\n")
        assert "Riavviate, per favore.\n\nGrazie <b>" in body
        assert body.rstrip().endswith("Tina Tecnica · AltecMonitor")
        assert "Grazie &lt;b&gt;" in html.get_content()

    play(tmp_path, scene)


def test_what_a_person_writes_leaves_though_the_agents_mails_wait(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await b.desk.send_mails()
        seq = 1
        for _ in range(4):  # it becomes unstable: the next stages are gathered
            for kind in ("recover", "reopen"):
                seq += 1
                at = format_instant(Instant(T0 + seq * MINUTE))
                await agent.send(stage(seq, seq, kind, at=at))
                await b.desk.send_mails()
        before = len(b.mails.mails)
        tina = hand(b)
        for word in ("uno", "due", "tre", "quattro", "cinque", "sei", "sette"):
            assert (await tina.do(ref, "message", words=word)).is_redirect
        await b.desk.send_mails()
        assert len(b.mails.mails) == before + 7
        assert "sette" in text(b)

    play(tmp_path, scene)


def test_who_saw_an_older_ticket_loses_nothing_and_learns_what_changed(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        tina, dora = hand(b), hand(b, Role.DISPATCHER, "Dora Desk")
        old = line(b, ref).version
        await dora.do(ref, "triage", severity="2", words="pochi utenti")
        reply = await tina.do(
            ref, "close", version=str(old), seen="1", words="L'ho vista tornare"
        )
        assert reply.status_code == 409
        assert "L&#39;ho vista tornare" in reply.text
        assert "gravità cambiata da 1 a 2" in reply.text
        assert "pochi utenti" in reply.text
        assert line(b, ref).status.value == "triaged"
        version = f'name="version" value="{old + 1}"'
        assert version in reply.text
        # A stage of an agent changes the ticket, too.
        agent = await b.agent()
        now = line(b, ref).version
        await agent.send(stage(2, 2, "recover"))
        assert line(b, ref).version > now
        stale = await tina.do(ref, "close", version=str(now), seen="2", words="x")
        assert stale.status_code == 409
        without = await tina.do(ref, "close", version="", words="x")
        assert without.status_code == 409

    play(tmp_path, scene)


def test_of_many_at_once_exactly_one_changes_the_ticket(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        who = hand(b, Role.MANAGER, "Mara Capo").person
        acts, version = b.desk.store.acts, line(b, ref).version
        rounds, crowd = 5, 8
        won: list[int] = []
        for number in range(rounds):
            start = threading.Barrier(crowd)

            def one(hour: int, version: int = version, start: Any = start) -> None:
                start.wait(10)
                at = Instant(T0 + HOUR * (hour + 1))
                try:
                    acts.do(who, ref, Estimate(at=at), version=version)
                except StaleError:
                    return
                won.append(hour)

            hours = [number * crowd + i for i in range(crowd)]
            threads = [threading.Thread(target=one, args=(hour,)) for hour in hours]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            assert len(won) == number + 1
            now = line(b, ref)
            assert now.estimate == T0 + HOUR * (won[-1] + 1)
            assert now.version == version + 1
            version = now.version
        assert kinds(b, ref) == ["open"] + ["estimated"] * rounds

    play(tmp_path, scene)


def test_notes_of_many_at_once_are_all_kept(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        who = hand(b).person
        acts = b.desk.store.acts

        def one(number: int) -> None:
            acts.do(who, ref, Note(words=f"n{number}", public=False), version=None)

        threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert kinds(b, ref).count("remark") == 12

    play(tmp_path, scene)


CANARY = "canarino-7431"
"""Only the provider's people may ever read it."""


async def internal_words(b: Bench, ref: str, tina: Hand) -> None:
    for act, form in (
        ("note", {}),
        ("triage", {"severity": "2"}),
    ):
        assert (await tina.do(ref, act, words=CANARY, **form)).is_redirect
    await tina.do(ref, "diagnose", estimate=LATER, words="In diagnosi")
    await tina.do(ref, "start", mode="phone", words=CANARY)
    await tina.do(ref, "resolve", words="Ecco fatto", redundant="yes")
    assert (await tina.do(ref, "reopen", words=CANARY)).is_redirect


def test_a_customer_never_reads_what_is_internal(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        agent = await b.agent()
        tina = hand(b)
        rosa = hand(b, Role.REFERENT, "Rosa Rossi", tenant="acme")
        await internal_words(b, ref, tina)
        await tina.do(ref, "message", words="Per voi: tutto bene")
        await b.desk.send_mails()
        assert CANARY in await tina.page(f"/t/{ref}")
        await tina.do(ref, "message", words="Ancora noi")
        hers = b.desk.store.views.ticket(rosa.person.scope, ref)
        assert hers is not None
        assert hers.mails == ()
        page = await rosa.page(f"/t/{ref}")
        assert "Per voi: tutto bene" in page
        assert "In diagnosi" in page
        told = await agent.client.get(
            f"/v1/agents/self/tickets/{ref}", headers=agent.headers
        )
        assert told.status_code == 200
        assert "tutto bene" in told.text
        mails = b"".join(data for _, data in b.mails.mails).decode()
        for seen in (page, told.text, mails, await rosa.page("/")):
            assert CANARY not in seen
        for act in ("close", "triage", "take", "note", "assign", "reopen"):
            assert f'action="/t/{ref}/{act}"' not in page
        assert f'action="/t/{ref}/message"' in page
        assert "Solo per noi" not in page

    play(tmp_path, scene)


def test_another_customer_sees_no_ticket_and_changes_none(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        await b.agent(customer="beta", name="beta-roma")
        otto = hand(b, Role.REFERENT, "Otto Beta", tenant="beta")
        carla = hand(b, Role.CUSTOMER, "Carla Rossi", tenant="acme")
        for one in (otto, carla):  # Carla did not ask for it
            assert (await one.client.get(f"/t/{ref}")).status_code == 404
            assert (await one.do(ref, "message", words="x")).status_code == 404
            assert ref not in await one.page("/")
        assert kinds(b, ref) == ["open"]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("act", "form"),
    [
        ("note", {"words": "x"}),
        ("triage", {"severity": "3", "words": "x"}),
        ("take", {}),
        ("close", {"words": "x"}),
        ("estimate", {"estimate": LATER}),
    ],
)
def test_what_a_customer_has_no_right_to_is_refused_with_words(
    tmp_path: Path, act: str, form: dict[str, str]
) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        rosa = hand(b, Role.REFERENT, "Rosa Rossi", tenant="acme")
        reply = await rosa.do(ref, act, **form)
        assert reply.status_code == 403
        assert "ruolo" in reply.text
        assert kinds(b, ref) == ["open"]

    play(tmp_path, scene)


def test_only_who_dispatches_gives_tickets_to_others(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        tina = hand(b)
        dora = hand(b, Role.DISPATCHER, "Dora Desk")
        refused = await tina.do(ref, "assign", person=str(dora.number))
        assert refused.status_code == 403
        assert (await dora.do(ref, "assign", person=str(tina.number))).is_redirect
        assert line(b, ref).assignee == "Tina Tecnica"
        assert "Tina Tecnica" in await dora.page("/")
        # Who has it may give it back; a third one may not take it away.
        timo = hand(b, Role.TECHNICIAN, "Timo Terzo")
        assert (await timo.do(ref, "take")).status_code == 403
        assert (await tina.do(ref, "assign", person="")).is_redirect
        rosa = hand(b, Role.REFERENT, "Rosa Rossi", tenant="acme")
        away = await dora.do(ref, "assign", person=str(rosa.number))
        assert away.status_code == 422

    play(tmp_path, scene)


def test_a_customers_answer_ends_the_waiting_and_reaches_who_has_it(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        tina = hand(b)
        rosa = hand(b, Role.REFERENT, "Rosa Rossi", tenant="acme")
        for act, form in (
            ("take", {}),
            ("triage", {"urgency": "1"}),
            ("start", {"mode": "phone"}),
            ("wait", {"words": "Quale utente?"}),
        ):
            assert (await tina.do(ref, act, **form)).is_redirect
        assert (await rosa.do(ref, "message", words="Mario")).is_redirect
        assert line(b, ref).status.value == "in_progress"
        await b.desk.send_mails()
        to, _ = b.mails.mails[-1]
        assert to == "tina@people.example"
        assert "Rosa Rossi ha scritto" in text(b)
        assert "tina@people.example" not in await rosa.page(f"/t/{ref}")

    play(tmp_path, scene)


def test_a_code_that_differs_from_the_provisional_one_is_mailed(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        with b.desk.store.database.write() as db:
            db.exec_driver_sql("UPDATE ticket SET provisional = 1, severity = 2")
        tina = hand(b)
        assert (await tina.do(ref, "triage", severity="1", words=CANARY)).is_redirect
        await b.desk.send_mails()
        assert subjects(b)[-1].endswith("gravità 1 (H bloccante)")
        assert CANARY not in text(b)
        assert not line(b, ref).provisional
        await tina.do(ref, "triage", severity="2", words="di nuovo")
        await b.desk.send_mails()
        assert len(subjects(b)) == 2

    play(tmp_path, scene)


def test_the_queue_is_by_severity_urgency_clock_and_receipt(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ids = [OTHER[:-1] + str(n) for n in range(2, 7)]
        refs = []
        for number, incident_id in enumerate(ids, 1):
            severity = 1 if number == 5 else 2
            at = format_instant(Instant(T0 + number * 10 * MINUTE))
            sent = await agent.send(
                stage(
                    number,
                    1,
                    incident_id=incident_id,
                    at=at,
                    severity=severity,
                    rule=f"S{severity}",
                    subject_key=f"service:{number}",
                )
            )
            refs.append(sent.json()["results"][0]["ticket"])
        first, second, third, fourth, fifth = refs
        who = hand(b).person
        acts = b.desk.store.acts
        acts.do(who, fourth, Triage(urgency=1), version=line(b, fourth).version)
        acts.do(who, first, Triage(urgency=3), version=line(b, first).version)
        with b.desk.store.database.write() as db:
            db.exec_driver_sql(
                "UPDATE ticket SET due_us = ? WHERE ref = ?", (T0 + HOUR, third)
            )
        queue = b.desk.store.views.tickets(Scope.of_staff())
        assert [one.ref for one in queue] == [fifth, fourth, third, second, first]

    play(tmp_path, scene)


def test_a_ticket_of_the_providers_own_is_told_to_nobody(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await opened(
            b, audience="provider", severity=None, rule=None, subject_key="agent"
        )
        (own,) = b.desk.store.views.tickets(Scope.of_staff())
        before = len(b.mails.mails)
        tina = hand(b)
        assert (await tina.do(own.ref, "message", words="x")).status_code == 422
        assert (await tina.do(own.ref, "triage", urgency="1")).is_redirect
        assert (await tina.do(own.ref, "close", words="visto")).is_redirect
        await b.desk.send_mails()
        assert len(b.mails.mails) == before
        assert f'action="/t/{own.ref}/message"' not in await tina.page(f"/t/{own.ref}")

    play(tmp_path, scene)
