"""The pages of statements in a real browser: narrow, wide, light and dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from scudo_agent.desk.app import Desk
from support.contrast import CONTRAST
from support.desk_thread import served_desk
from support.desking import contract, site
from support.stated_desk import WHO, months_before, tell

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A served desk with statements of three months."""
    with served_desk(tmp_path_factory.mktemp("desk")) as served:
        served.enrol_embedded(site(brings=contract() | {"year_start": "2020-01-01"}))
        months = months_before(served.store.now(), 3)
        tell(served.store, "erp", months, hours=30)
        for month in months:
            served.store.statements.get(WHO, month)
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    assert Path(CHROMIUM).exists(), f"{CHROMIUM} is needed"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1240, "dark")])
def test_list_site_and_statement_are_read_at_every_width_and_in_the_dark(
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
        page.click("nav a[href='/statements']")
        for heading in ("Rendiconti", "Rendiconti: acme-milano"):
            assert page.locator("h1").inner_text() == heading
            assert page.locator("nav a[aria-current]").inner_text() == "Rendiconti"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CONTRAST) == []
            if heading == "Rendiconti":
                page.click("td a.what")
        page.locator("td a.what").first.click()
        # The statement's own style is allowed, and is in force.
        assert (
            page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth")
            != "none"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        context.close()
