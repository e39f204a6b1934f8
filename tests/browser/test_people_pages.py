"""Login, people and one's own page in a real browser: narrow, dark, without scripts."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from scudo_agent.desk.app import Desk
from scudo_agent.desk.rights import Role
from support.contrast import CONTRAST
from support.desk_thread import served_desk
from support.desking import quick, site
from support.people import PASSWORD, new_person

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"
MAIL = "admin@provider.example"
LONG = "a.very.long.address.that.nobody.would.break@far.away.example"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A served desk with people of all kinds."""
    with served_desk(tmp_path_factory.mktemp("desk")) as served:
        served.enrol_embedded(site())
        store = served.store
        who = store.people.add(new_person(Role.ADMIN, mail=MAIL), actor="x")
        hashed = asyncio.run(quick().hash(PASSWORD))
        store.credentials.put_password(who, hashed, actor="x")
        store.credentials.invite_new(new_person(Role.CUSTOMER, mail=LONG), actor="x")
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "these tests need Debian's package chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield opened
        opened.close()


def fits(page: Page) -> None:
    """Nothing sticks out, and everything can be read, in both schemes."""
    for width in (320, 1240):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert page.evaluate(CONTRAST) == [], (page.url, scheme)


def test_in_with_a_password_and_everywhere_by_keyboard(
    desk: Desk, browser: Browser
) -> None:
    context = browser.new_context(base_url=desk.address, locale="it-IT")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto("/forgot")
    fits(page)
    page.goto("/login")
    fits(page)
    page.keyboard.type(MAIL)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    assert said == []
    page.goto("/people")
    page.locator("summary").first.click()
    fits(page)
    page.goto("/me")
    fits(page)
    context.close()


def test_a_wrong_password_without_scripts_keeps_the_address(
    desk: Desk, browser: Browser
) -> None:
    context = browser.new_context(
        base_url=desk.address, locale="en-GB", java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/people")
    page.get_by_label("Mail address").fill(MAIL)
    page.get_by_label("Password", exact=True).fill("wrong password")
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("alert").is_visible()
    assert page.get_by_label("Mail address").input_value() == MAIL
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    assert page.url.endswith("/people")
    assert page.get_by_role("heading", name="People").is_visible()
    context.close()
