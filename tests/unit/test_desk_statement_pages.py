"""The pages of statements: the list, a site's, the statement itself, its data."""

from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.desk_door import _refusal
from scudo_agent.contract.exact import loads
from scudo_agent.desk.statement_pages import counted
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, SECOND
from scudo_agent.locale import translator
from support.desk_scene import play
from support.desking import T0, Bench, Speaker, contract, site
from support.stated_desk import WHO, months_before, tell
from support.window_desk import SELF

OCTOBER = "/statements/acme/acme-milano/2026-10"
SERVICES: list[Any] = [{"id": "erp", "title": {"it": "Gestionale", "en": "ERP"}}]


async def filled(b: Bench, **rules: object) -> None:
    """A site whose ERP was down an hour in each of the last three months."""
    agent = await b.agent(brings=contract() | rules)
    services = {"services": SERVICES}
    await b.client.put(f"{SELF}/services", json=services, headers=agent.headers)
    tell(b.desk.store, "erp", months_before(T0, 3), hours=1)
    await b.log_in()


def test_the_list_and_a_sites_page_lead_to_statement_and_data(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await filled(b)
        assert "ancora nessun rendiconto" in (await b.client.get("/statements")).text
        page = await b.client.get(OCTOBER)  # it is over, and stated by this
        assert page.status_code == 200
        assert "<h1>Contratto prova</h1>" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert "sha256-" in page.headers["content-security-policy"]
        listed = (await b.client.get("/statements")).text
        for said in ("ottobre 2026", "ACME S.p.A.", "Gestionale", "99,865"):
            assert said in listed
        assert 'aria-current="page">Rendiconti' in listed
        of_site = (await b.client.get("/statements/acme/acme-milano")).text
        assert f'href="{OCTOBER}?revision=1"' in of_site
        assert "novembre 2026" in of_site  # so far
        assert "anno contrattuale 2026" in of_site
        data = await b.client.get(f"{OCTOBER}.json?revision=1")
        assert data.headers["content-type"] == "application/json"
        kept = b.desk.store.statements.get(WHO, "2026-10")
        assert data.content == kept.body
        so_far = await b.client.get("/statements/acme/acme-milano/2026-11.json")
        assert loads(so_far.content)["inputs"]["at"] == "2026-11-23T09:41:50Z"
        assert len(b.desk.store.statements.of_site(WHO)) == 1

    play(tmp_path, scene)


def test_revisions_say_who_why_and_what_became_of_the_mail(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await filled(b, statement={"mail": "monthly"})
        room = b.desk.store.statements
        room.get(WHO, "2026-10")
        tell(b.desk.store, "other", months_before(T0, 1), hours=2)
        await _put(b, [*SERVICES, {"id": "other", "title": {}}])
        room.correct(WHO, "2026-10", by="Anna <b>", reason="un servizio mancava")
        await b.desk.send_mails()
        page = (await b.client.get("/statements/acme/acme-milano")).text
        assert "revisione 2" in page
        assert "revisione 1" in page
        assert "Anna &lt;b&gt;: un servizio mancava" in page
        assert page.count("inviato per posta elettronica") == 1  # the correction

    play(tmp_path, scene)


async def _put(b: Bench, services: list[Any]) -> None:
    agent = await b.agent(brings=contract() | {"statement": {"mail": "monthly"}})
    reply = await b.client.put(
        f"{SELF}/services", json={"services": services}, headers=agent.headers
    )
    assert reply.status_code == 200


@pytest.mark.rights
@pytest.mark.parametrize(
    "path",
    ["/statements", "/statements/acme/acme-milano", OCTOBER, f"{OCTOBER}.json"],
)
def test_who_has_no_session_sees_nothing(tmp_path: Path, path: str) -> None:
    async def scene(b: Bench) -> None:
        await filled(b)
        b.client.cookies.clear()
        reply = await b.client.get(path)
        assert reply.status_code == 401
        assert "Gestionale" not in reply.text
        assert b.desk.store.statements.of_site(WHO) == []

    play(tmp_path, scene)


def test_what_is_not_there_is_a_page_that_says_so(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await filled(b)
        for path in (
            "/statements/acme/other",
            "/statements/evil/acme-milano",
            "/statements/acme/acme-milano/2026-13",
            "/statements/acme/acme-milano/2031-01",
            "/statements/acme/acme-milano/0000",
            "/statements/acme/acme-milano/9999",
            f"{OCTOBER}?revision=7",
            f"{OCTOBER}?revision=x",
            "/statements/acme/acme-milano/../../etc",
        ):
            reply = await b.client.get(path)
            assert reply.status_code == 404, path
            assert "Traceback" not in reply.text

    play(tmp_path, scene)


def test_what_is_kept_no_more_is_refused_with_words(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await filled(b)
        assert (await b.client.get(OCTOBER)).status_code == 200
        b.clock.forward(13 * 366 * DAY / SECOND)
        await b.log_in()
        # As long as it is there it is shown, whatever the calendar says.
        assert (await b.client.get(OCTOBER)).status_code == 200
        assert b.desk.store.retention.drop() > 0
        page = await b.client.get(OCTOBER)
        assert page.status_code == 410
        assert "Questo rendiconto non è più conservato" in page.text
        agent = Speaker(b.client, b.desk.enrol_embedded(site(brings=contract())))
        reply = await b.client.get(f"{SELF}/statements/2026-10", headers=agent.headers)
        assert reply.status_code == 410
        assert "2026-10 is not kept any more" in reply.json()["detail"]
        told = _refusal("https://desk.example", reply)  # what the command says
        assert isinstance(told, InputError)
        assert "2026-10 is not kept any more" in str(told)
        kept = await b.client.get("/statements/acme/acme-milano/2036-10")
        assert kept.status_code == 200

    play(tmp_path, scene)


def test_a_long_list_has_pages(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.agent(brings=contract() | {"year_start": "2022-01-01"})
        months = months_before(T0, 28)
        tell(b.desk.store, "erp", months, hours=1)
        for month in months:
            b.desk.store.statements.get(WHO, month)
        await b.log_in()
        first = (await b.client.get("/statements/acme/acme-milano")).text
        assert "ottobre 2026" in first
        assert "?page=2" in first
        last = (await b.client.get("/statements/acme/acme-milano?page=2")).text
        assert "luglio 2024" in last
        assert "ottobre 2026" not in last
        assert (
            await b.client.get("/statements/acme/acme-milano?page=99999999")
        ).status_code == 200

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("sites", "stated", "said"),
    [
        (1, 0, "One site has a contract, and no statement yet."),
        (1, 1, "One site has a contract, and statements."),
        (3, 0, "3 sites have a contract, none of them a statement yet."),
        (3, 1, "3 sites have a contract, one of them statements."),
        (3, 2, "3 sites have a contract, 2 of them statements."),
        (3, 3, "3 sites have a contract, and all of them statements."),
    ],
)
def test_the_list_counts_in_plain_words(sites: int, stated: int, said: str) -> None:
    assert translator("en").render(counted(sites, stated)) == said
