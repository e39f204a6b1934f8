"""Tickets are found by their words, by those who may read where the words stand."""

from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select

from scudo_agent.desk.store import search
from scudo_agent.desk.store.life_tables import ticket_word
from scudo_agent.desk.store.queue import Wish
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.search import index
from scudo_agent.desk.store.tables import ticket, ticket_event
from support.desk_scene import play
from support.desking import INCIDENT, OTHER, T0, Bench, evidence, stage

STAFF = Scope.of_staff()
ACME = Scope(tenant_id="acme")


def refs(b: Bench, text: str, scope: Scope = STAFF) -> list[str]:
    page = b.desk.store.views.queue(scope, Wish(text=text))
    return [line.ref for line in page.lines]


async def opened(b: Bench) -> str:
    """The ERP's ticket."""
    agent = await b.agent()
    return str((await agent.send(stage())).json()["results"][0]["ticket"])


def test_a_ticket_is_found_by_all_that_its_opening_names(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        for text in (
            ref,
            f"[{ref}]",
            ref.replace("-", "").lower(),
            ref[3:],
            "gestionale",
            "ERP gest",
            "ACME s.p.a.",
            "acme-milano",
            "https://erp.example/login",
            "erp/web",
            "login erp.exa",
        ):
            assert refs(b, text) == [ref], text
        for text in ("gestionali", "altro", "SC-AAAA-AAAA", '"gest"', "gestionale x"):
            assert refs(b, text) == [], text

    play(tmp_path, scene)


def test_what_a_later_stage_names_is_found_too(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        seen = {"id": "{model} answered", "values": {"model": "Switch SN-4711-A"}}
        member = evidence("sw1/snmp") | {"endpoint": "snmp://192.0.2.17", "seen": seen}
        subject = {"id": "sw1", "title": {"it": "Città", "en": "City"}}
        await agent.send(
            stage(2, 2, "root", subject_key="check:sw1/snmp", subject=subject),
            stage(3, 3, "join", members=[member]),
        )
        for text in ("citta", "192.0.2.", "sn4711a", "4711-A switch"):
            assert refs(b, text) == [ref], text

    play(tmp_path, scene)


def test_the_ticket_that_a_number_names_stands_before_all(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        worst = (await agent.send(stage())).json()["results"][0]["ticket"]
        other = stage(
            2,
            incident_id=OTHER,
            subject_key="check:mail/smtp",
            subject={"id": "mail", "title": {"it": "Posta"}},
            severity=3,
            rule="S4",
        )
        named = (await agent.send(other)).json()["results"][0]["ticket"]
        with b.desk.store.database.write() as db:
            index(db, "acme", 1, f"come {named}")
        assert refs(b, "posta") == [named]
        assert refs(b, named) == [named, worst]
        assert refs(b, "") == [worst, named]

    play(tmp_path, scene)


def test_a_customer_finds_nothing_by_what_only_the_provider_reads(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        with b.desk.store.database.write() as db:
            index(db, "acme", 1, "canarino contratto scaduto", internal=True)
            index(db, "acme", 1, "tecnico domani", internal=False)
        assert refs(b, "canarino") == refs(b, "domani") == [ref]
        assert refs(b, "domani", ACME) == [ref]
        for hidden in ("canarino", "canar", '"canarino"', "gestionale canarino"):
            assert refs(b, hidden, ACME) == [], hidden
        assert refs(b, "gestionale", Scope(tenant_id="altri")) == []
        assert refs(b, ref, Scope(tenant_id="altri")) == []
        assert refs(b, ref, Scope(tenant_id="acme", requester_id=7)) == []

    play(tmp_path, scene)


def test_tickets_of_before_are_read_once_and_in_parts(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        note = {
            "tenant_id": "acme",
            "ticket_id": 1,
            "at_us": T0,
            "stored_us": T0,
            "actor": "person:admin",
            "data": {"words": "segreto"},
            "kind": "remark",
        }
        with b.desk.store.database.write() as db:
            db.execute(insert(ticket_event).values(note))
            kept = set(db.execute(select(ticket_word.c.word)).scalars())
            db.execute(delete(ticket_word))
            row = db.execute(select(ticket)).one()._asdict()
            more = [
                row | {"ticket_id": n, "ref": f"SC-AAAA-{n:04}", "incident_id": f"{n}"}
                for n in range(2, 260)
            ]
            db.execute(insert(ticket), more)
        assert refs(b, "gestionale") == []
        room = b.desk.store.search
        first, due = room.fill_due()
        assert (first, due) == (200, b.desk.store.now())
        assert room.fill_due() == (59, None)
        assert room.fill_due() == (0, None)
        with b.desk.store.database.read() as db:
            mine = select(ticket_word.c.word).where(ticket_word.c.ticket_id == 1)
            assert set(db.execute(mine).scalars()) == kept | {"segreto"}
        assert refs(b, "segreto") == [ref]
        assert refs(b, "segreto", ACME) == []

    play(tmp_path, scene)


def test_pages_follow_each_other_through_open_and_closed(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await opened(b)
        with b.desk.store.database.write() as db:
            row = db.execute(select(ticket)).one()._asdict()
            more = [
                row
                | {
                    "ticket_id": n,
                    "ref": f"SC-AAAA-{n:04}",
                    "incident_id": f"{INCIDENT}{n}",
                    "severity": (1, 2, 3, None)[n % 4],
                    "urgency": (1, None)[n % 2],
                    "due_us": T0 - n if n % 3 else None,
                    "status": "closed" if n % 5 == 0 else "new",
                    "closed_us": T0 + n if n % 5 == 0 else None,
                }
                for n in range(2, 42)
            ]
            db.execute(insert(ticket), more)
        views = b.desk.store.views
        whole = [line.ref for line in views.tickets(STAFF)]
        assert len(whole) == len(set(whole)) == 41
        for size in (2, 3, 7, 33, 41):
            read: list[str] = []
            after = None
            while True:
                page = views.queue(STAFF, after=after, limit=size)
                read += [line.ref for line in page.lines]
                after = page.following
                if after is None:
                    break
                assert len(page.lines) == size
            assert read == whole, size
        for nonsense in ("", "x", "o.1", "c.1.2.3", "o." + "9" * 40, "c.é.1"):
            page = views.queue(STAFF, after=nonsense, limit=5)
            assert [line.ref for line in page.lines] == whole[:5]

    play(tmp_path, scene)


def test_what_is_dropped_is_dropped_with_its_words(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        await agent.send(stage())
        await agent.send(stage(2, 2, "recover"))
        with b.desk.store.database.write() as db:
            db.execute(
                ticket.update().values(status="closed", closed_us=T0, closed_by="x")
            )
        b.clock.forward(13 * 366 * 86_400)
        b.desk.store.retention.drop()
        with b.desk.store.database.read() as db:
            for table in (ticket, ticket_word):
                count = select(func.count()).select_from(table)
                assert db.execute(count).scalar_one() == 0

    play(tmp_path, scene)


def test_common_words_are_found_as_rare_ones_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(b: Bench) -> None:
        ref = await opened(b)
        with b.desk.store.database.write() as db:
            index(db, "acme", 1, "canarino nascosto", internal=True)
        for rare in (1000, -1):
            monkeypatch.setattr(search, "RARE", rare)
            for text in ("gestionale", "gestionale erp", "gest canarino nascosto"):
                assert refs(b, text) == [ref], text
            for text in ("zzz", "gestionale zzz", '"gest" erp'):
                assert refs(b, text) == [], text
            assert refs(b, "gestionale canarino", ACME) == []
            provider = Scope(provider=False)
            assert refs(b, "gestionale canarino", provider) == []

    play(tmp_path, scene)
