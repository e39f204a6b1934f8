"""The page of maintenance windows in a real browser: narrow, wide, light and dark."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from scudo_agent.desk.app import Desk
from support.contrast import CONTRAST
from support.desk_thread import served_desk
from support.desking import contract, site
from support.window_desk import NEW, SERIES, SERVICES, SPAN

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
LONG = "a-very-long-name-that-nobody-would-break-" * 4


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A served desk with windows of every kind."""
    with served_desk(tmp_path_factory.mktemp("desk")) as served:
        key = served.enrol_embedded(site(brings=contract()))
        _fill(served.address, key)
        yield served


def _fill(address: str, key: str) -> None:
    bodies = [
        NEW | SPAN,
        NEW | SPAN | {"kind": "occasional", "services": ["*"], "reason": LONG},
        NEW | {"kind": "extraordinary", "series": SERIES},
        NEW | SPAN | {"kind": "upgrade"},
    ]
    names = []
    with httpx.Client(
        base_url=f"{address}/v1/agents/self",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ) as client:
        client.put("/services", json={"services": SERVICES}).raise_for_status()
        for number, body in enumerate(bodies):
            headers = {"Idempotency-Key": f"request-{number}"}
            reply = client.post("/windows", json=body, headers=headers)
            names.append(reply.raise_for_status().json()["windows"][0]["id"])
        client.post(
            f"/windows/{names[-1]}/cancel",
            json={"by": "anna", "reason": "rinviato"},
            headers={"Idempotency-Key": "call-it-off"},
        ).raise_for_status()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    assert Path(CHROMIUM).exists(), f"{CHROMIUM} is needed"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.mark.parametrize("width", [320, 800, 1240])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_read_at_every_width_and_in_the_dark(
    desk: Desk, browser: Browser, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="it-IT",
    )
    try:
        page = context.new_page()
        page.goto(desk.login_link())
        page.click("nav a[href='/maintenance']")
        assert page.locator("h1").inner_text() == "Manutenzioni"
        assert page.locator("nav a[aria-current]").inner_text() == "Manutenzioni"
        assert page.locator("table tbody tr").count() == 6
        over = page.evaluate("document.documentElement.scrollWidth")
        assert over <= width
        assert page.evaluate(CONTRAST) == []
        text = page.locator("main").inner_text()
        assert "Tempo escluso 4 h: annunciata con" in text
        assert "annullata" in text
    finally:
        context.close()
