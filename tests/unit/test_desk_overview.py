"""The customer's overview: what works, what does not, who is on it, what is left."""

from fractions import Fraction
from pathlib import Path

from sqlalchemy import delete, insert, select, update

from scudo_agent.contract.exact import loads
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.ledger_tables import ledger, ledger_mark
from scudo_agent.desk.store.overview import SILENT_US
from scudo_agent.desk.store.scope import Scope
from scudo_agent.instant import HOUR, MINUTE, Instant, format_instant
from scudo_agent.statement.words import Words
from support.crew import Hand, hand
from support.desk_scene import play
from support.desking import T0, Bench, Speaker, contract, stage
from support.stated_desk import WHO, months_before, tell
from support.window_desk import SELF

ERP, NAS = (
    {"id": "erp", "title": {"it": "Gestionale", "en": "ERP"}},
    {"id": "nas", "title": {"it": "NAS", "en": "NAS"}, "contracted": False},
)
OVERVIEW = "/overview"


async def filled(b: Bench) -> tuple[Speaker, Hand]:
    """A site whose ERP was down an hour in each of three months, and its referent."""
    agent = await b.agent(brings=contract() | {"year_start": "2026-01-01"})
    await agent.hello()
    told = {"services": [ERP, NAS]}
    await b.client.put(f"{SELF}/services", json=told, headers=agent.headers)
    tell(b.desk.store, "erp", months_before(T0, 3), hours=1)
    return agent, referent(b)


def referent(b: Bench) -> Hand:
    """Acme's, who reads Italian."""
    return hand(b, Role.REFERENT, "Referente Acme", tenant="acme")


def is_down(b: Bench, minutes: int) -> None:
    """The ledger tells that the ERP has been down for so long."""
    since = Instant(b.desk.store.now() - minutes * MINUTE)
    with b.desk.store.database.write() as db:
        told = db.execute(select(ledger)).mappings().first()
        assert told is not None
        row = dict(told) | {
            "seq": 99,
            "state": "down",
            "since_us": since,
            "decided_us": since,
        }
        db.execute(insert(ledger).values(row))


def test_what_is_down_who_is_on_it_and_what_is_left(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent, who = await filled(b)
        is_down(b, 14)
        page = await who.page(OVERVIEW)
        assert "Gestionale: servizio bloccato da 14 min." in page
        ref = (await agent.send(stage(1))).json()["results"][0]["ticket"]
        page = await who.page(OVERVIEW)
        assert "L&#39;abbiamo rilevato noi e abbiamo aperto un ticket." in page
        assert f'href="/t/{ref}"' in page
        await hand(b).do(ref, "triage", urgency="1")
        page = await who.page(OVERVIEW)
        assert "Ci stiamo lavorando." in page
        assert "fuori dal conteggio del contratto" in page  # the NAS
        assert "4 interruzioni conteggiate" in page

    play(tmp_path, scene)


def test_its_figures_are_those_of_the_statement_so_far(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        _, who = await filled(b)
        page = await who.page(OVERVIEW)
        stated = loads(b.desk.store.statements.get(WHO, "2026").body)["figures"]
        (erp,) = [one for one in stated if one["service"] == "erp"]
        words = Words("it", "Europe/Rome")
        assert words.percent(Fraction(erp["availability"])) in page
        left = words.length(Fraction(erp["budget"]["remaining"]) * 1_000_000)
        assert f"restano {left}" in page
        assert 'href="/statements/acme/acme-milano/2026"' in page
        assert "Tutti i vostri servizi funzionano." in page
        assert "promesso 99 %: finora mantenuto" in page

    play(tmp_path, scene)


def test_a_share_of_little_time_says_of_how_little(tmp_path: Path) -> None:
    """A demo that fails in its first minute has 8 % of nearly nothing."""

    async def scene(b: Bench) -> None:
        _, who = await filled(b)
        now = b.desk.store.now()
        with b.desk.store.database.write() as db:
            db.execute(delete(ledger).where(ledger.c.seq > 1))
            db.execute(update(ledger).values(since_us=now - 10 * MINUTE))
        is_down(b, 9)
        page = await who.page(OVERVIEW)
        assert "finora non mantenuto, con" in page
        assert "del tempo misurato" in page

    play(tmp_path, scene)


def test_a_silent_site_is_not_measured_and_not_said_to_work(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        _, who = await filled(b)
        silent_since = Instant(b.desk.store.now() - SILENT_US - MINUTE)
        with b.desk.store.database.write() as db:
            db.execute(update(ledger_mark).values(whole_us=silent_since))
        page = await who.page(OVERVIEW)
        assert "lo stato dei vostri servizi non viene misurato" in page
        assert "non misurato" in page

    play(tmp_path, scene)


def test_a_window_that_is_announced_stands_there_at_once(tmp_path: Path) -> None:
    """What is kept for some seconds is not what a person has just changed."""

    async def scene(b: Bench) -> None:
        agent, who = await filled(b)
        is_down(b, 14)
        before = b.desk.store.overviews.sites(Scope(tenant_id="acme"))
        now = b.desk.store.now()
        body = {
            "kind": "extraordinary",
            "services": ["erp"],
            "start": format_instant(now),
            "end": format_instant(Instant(now + HOUR)),
            "reason": "Cambio del disco",
            "by": "provider",
        }
        key = {"Idempotency-Key": "a-window-of-now"}
        sent = await b.client.post(
            f"{SELF}/windows", json=body, headers=agent.headers | key
        )
        assert sent.status_code in (200, 201), sent.text
        assert "Cambio del disco" in await who.page(OVERVIEW)
        after = b.desk.store.overviews.sites(Scope(tenant_id="acme"))
        assert after[0] is not before[0]
        assert b.desk.store.overviews.sites(Scope(tenant_id="acme"))[0] is after[0]

    play(tmp_path, scene)


def test_nobody_sees_the_services_of_another_customer(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        _, who = await filled(b)
        assert b.desk.store.overviews.sites(Scope(tenant_id="acme"))
        assert b.desk.store.overviews.sites(Scope(tenant_id="evil")) == ()
        assert "Gestionale" not in await who.page("/customers/acme/overview")
        await b.log_in()
        page = await b.client.get("/customers/acme/overview")
        assert "Gestionale" in page.text
        assert (await b.client.get("/customers/none/overview")).status_code == 404

    play(tmp_path, scene)


def test_a_customer_without_a_contract_reads_what_is_there(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.agent()
        page = await referent(b).page(OVERVIEW)
        assert "Nessuno dei vostri servizi è ancora misurato." in page
        assert "Nessun ticket aperto." in page

    play(tmp_path, scene)
