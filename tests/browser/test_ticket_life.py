"""A ticket's life in a real browser, without scripts: from taken to re-opened."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from scudo_agent.desk import auth
from scudo_agent.desk.app import Desk
from scudo_agent.desk.front import COOKIE
from scudo_agent.desk.life import Note, Triage
from scudo_agent.desk.rights import Role
from scudo_agent.instant import DAY
from support.contrast import CONTRAST
from support.desk_thread import served_desk
from support.desking import OTHER, site, stage
from support.people import new_person

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
LONG = "UnaParolaCheNessunoSpezzerebbeMai" * 5


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A served desk with two tickets."""
    with served_desk(tmp_path_factory.mktemp("desk")) as served:
        yield served


@pytest.fixture(scope="module")
def refs(desk: Desk) -> list[str]:
    """The tickets: one to walk through its life, one with long words in it."""
    key = desk.enrol_embedded(site())
    with httpx.Client(
        base_url=desk.address,
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ) as client:
        hello: dict[str, Any] = {
            "epoch": None,
            "store_id": "s",
            "head_seq": {},
            "acked_seq": {},
            "wall": "2026-11-23T09:00:00Z",
            "mono_us": 1,
            "boot_id": "b",
        }
        client.post("/v1/agents/self/hello", json=hello).raise_for_status()
        events = [stage(1), stage(2, incident_id=OTHER, subject_key="service:posta")]
        body = {
            "epoch": 1,
            "first_seq": 1,
            "events": [one.model_dump(mode="json") for one in events],
        }
        reply = client.post("/v1/agents/self/streams/I/events", json=body)
        results = reply.raise_for_status().json()["results"]
    found = [str(one["ticket"]) for one in results]
    who = desk.store.people.acting(_person(desk, Role.MANAGER, "Mara Capo"))
    assert who is not None
    for act, version in (
        (Triage(urgency=3), 1),
        (Note(words=f"{LONG}\nriga due", public=False), None),
        (Note(words=f"Per voi: {LONG}", public=True), None),
    ):
        assert desk.store.acts.do(who, found[1], act, version=version)
    return found


def _person(desk: Desk, role: Role, name: str, tenant: str | None = None) -> int:
    mail = f"{name.split()[0].lower()}@people.example"
    new = new_person(role, tenant, mail=mail, name=name)
    return desk.store.people.add(new, actor="person:admin")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "these tests need Debian's package chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield opened
        opened.close()


def entered(desk: Desk, browser: Browser, person: int, **how: Any) -> BrowserContext:
    """A browser in which somebody is logged in."""
    session = auth.new_session()
    store = desk.store.sessions
    store.begin(person, auth.fingerprint(session), life_us=DAY)
    context = browser.new_context(base_url=desk.address, locale="it-IT", **how)
    context.set_default_timeout(30_000)
    context.add_cookies([{"name": COOKIE, "value": session, "url": desk.address}])
    return context


@pytest.fixture(scope="module")
def tina(desk: Desk, browser: Browser) -> Iterator[BrowserContext]:
    number = _person(desk, Role.TECHNICIAN, "Tina Tecnica")
    context = entered(desk, browser, number, java_script_enabled=False)
    yield context
    context.close()


def state(page: Page) -> str:
    return page.locator("section .stands b").first.inner_text()


def test_a_technician_leads_a_ticket_through_its_life(
    tina: BrowserContext, refs: list[str]
) -> None:
    page = tina.new_page()
    page.goto("/")
    page.get_by_role("link", name=refs[0]).click()
    page.get_by_role("button", name="Prendi in carico").click()
    assert page.locator("dd", has_text="Tina Tecnica").count() == 1
    page.get_by_label("Urgenza").select_option("2")
    page.get_by_role("button", name="Imposta").click()
    assert state(page) == "classificato"
    form = page.locator("details[open] form")
    form.get_by_label("Ripristino previsto").fill("2026-11-23T16:30")
    form.get_by_role("button", name="Avvia e avvisa ACME S.p.A.").click()
    assert state(page) == "in diagnosi"
    form.get_by_label("Come").select_option(label="da remoto")
    form.get_by_label("un apparato").check()
    form.get_by_label("Con quale strumento").fill("console seriale")
    form.get_by_role("button", name="Avvia l'intervento").click()
    assert state(page) == "in lavorazione"
    page.locator("summary", has_text="Chiedere al cliente").click()
    waiting = page.locator('form[action$="/wait"]')
    waiting.locator("textarea").fill("Quale utente vede l'errore?")
    waiting.get_by_role("button").click()
    assert state(page) == "in attesa del cliente"
    page.locator("summary", has_text="Risolto").click()
    resolve = page.locator('form[action$="/resolve"]')
    resolve.locator("textarea").fill("Alimentatore sostituito")
    resolve.get_by_role("button").click()
    # It is still down: what was typed is there, and the page says why.
    assert "ridondante" in page.get_by_role("alert").inner_text()
    assert resolve.locator("textarea").input_value() == "Alimentatore sostituito"
    resolve.get_by_label("Resta in servizio").check()
    resolve.get_by_role("button").click()
    assert state(page) == "risolto"
    for act, stands in (("close", "chiuso"), ("reopen", "riaperto")):
        opened = page.locator(f'details[open] form[action$="/{act}"]')
        opened.locator("textarea").fill("Confermato")
        opened.get_by_role("button").click()
        assert state(page) == stands
    page.close()


def test_a_stale_form_is_told_so_and_keeps_what_was_typed(
    tina: BrowserContext, refs: list[str]
) -> None:
    first, second = tina.new_page(), tina.new_page()
    for page in (first, second):
        page.goto(f"/t/{refs[1]}")
    second.get_by_role("button", name="Prendi in carico").click()
    box = first.get_by_label("per mail e qui")
    box.fill("Ci stiamo lavorando")
    first.get_by_role("button", name="Scrivi a ACME").click()
    assert "preso in carico" in first.get_by_role("alert").inner_text()
    assert box.input_value() == "Ci stiamo lavorando"
    first.get_by_role("button", name="Scrivi a ACME").click()
    assert first.get_by_role("alert").count() == 0
    assert first.locator(".said.customer", has_text="Ci stiamo").count() == 1
    first.close()
    second.close()


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.REFERENT])
def test_the_page_fits_and_can_be_read_by_everybody(
    desk: Desk, browser: Browser, refs: list[str], role: Role
) -> None:
    tenant = "acme" if role is Role.REFERENT else None
    number = _person(desk, role, f"{role.value.title()} Altra", tenant)
    context = entered(desk, browser, number)
    page = context.new_page()
    for path in ("/", f"/t/{refs[1]}"):
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(path)
            page.evaluate(
                "document.querySelectorAll('details').forEach(d => d.open = true)"
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.goto(path)
            assert page.evaluate(CONTRAST) == []
    context.close()
