"""The desk's pages in a real browser: keyboard, narrow screens, dark, no scripts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from scudo_agent.desk.app import Desk
from scudo_agent.wire import Stage
from support.contrast import CONTRAST
from support.desk_thread import served_desk
from support.desking import OTHER, evidence, site, stage

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
LONG = "a-very-long-name-that-nobody-would-break-" * 4


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, str]]:
    """A served desk with tickets; the number of the gravest."""
    with served_desk(tmp_path_factory.mktemp("desk")) as served:
        yield served, _fill(served)


def _fill(served: Desk) -> str:
    key = served.enrol_embedded(site())
    third = OTHER[:-1] + "3"
    stages = [
        stage(1, 1, members=[evidence(), evidence(f"{LONG}/web")]),
        stage(2, 1, incident_id=OTHER, severity=3, rule="S4", subject_key="warn:a/b"),
        stage(3, 1, incident_id=third, severity=2, rule="S2", subject_key="service:x"),
        stage(4, 2, "recover", incident_id=third, severity=2, rule="S2"),
    ]
    with httpx.Client(
        base_url=served.address,
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
        return _send(client, stages)


def _send(client: httpx.Client, stages: list[Stage]) -> str:
    body = {
        "epoch": 1,
        "first_seq": 1,
        "events": [one.model_dump(mode="json") for one in stages],
    }
    reply = client.post("/v1/agents/self/streams/I/events", json=body)
    ref: str = reply.raise_for_status().json()["results"][0]["ticket"]
    return ref


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "these tests need Debian's package chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield opened
        opened.close()


@pytest.fixture
def page(desk: tuple[Desk, str], browser: Browser) -> Iterator[Page]:
    """A page of somebody who is logged in; the console must stay silent."""
    context = browser.new_context(
        base_url=desk[0].address, locale="it-IT", java_script_enabled=True
    )
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(desk[0].login_link())
    yield opened
    context.close()
    assert said == []


def test_the_way_from_the_queue_to_a_ticket_needs_only_the_keyboard(
    page: Page, desk: tuple[Desk, str]
) -> None:
    ref = desk[1]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == ref:
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/t/{ref}")
    assert page.locator("h1").inner_text() == "Gestionale bloccato"


@pytest.mark.parametrize("width", [320, 390, 800, 1240])
@pytest.mark.parametrize("where", ["queue", "ticket"])
def test_nothing_sticks_out_at_any_width(
    page: Page, desk: tuple[Desk, str], width: int, where: str
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/" if where == "queue" else f"/t/{desk[1]}")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", ["queue", "ticket"])
def test_every_text_has_enough_contrast(
    page: Page, desk: tuple[Desk, str], scheme: str, where: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto("/" if where == "queue" else f"/t/{desk[1]}")
    assert page.evaluate(CONTRAST) == []


def test_it_works_without_scripts_and_in_both_languages(
    desk: tuple[Desk, str], browser: Browser
) -> None:
    context = browser.new_context(
        base_url=desk[0].address, java_script_enabled=False, locale="en-GB"
    )
    page = context.new_page()
    page.goto("/")
    assert page.get_attribute("html", "lang") == "en"
    page.goto(desk[0].login_link())
    page.get_by_role("link", name=desk[1]).click()
    assert page.locator("h1").inner_text() == "ERP down"
    page.get_by_role("link", name="IT", exact=True).click()
    assert page.url.endswith(f"/t/{desk[1]}")
    assert page.locator("h1").inner_text() == "Gestionale bloccato"
    page.get_by_role("button", name="Esci").click()
    assert page.locator("table").count() == 0
    context.close()


def test_times_are_exact_for_machines_and_on_hover(
    page: Page, desk: tuple[Desk, str]
) -> None:
    page.goto(f"/t/{desk[1]}")
    first = page.locator(".timeline time").first
    assert first.get_attribute("datetime") == "2026-11-23T09:41:50Z"
    exact = first.get_attribute("title")
    assert exact == "lunedì 23 novembre 2026, 10:41:50 (ora italiana)"
