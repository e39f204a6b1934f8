"""The statement's page in Chromium: it fits, keeps its own policy, and prints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from scudo_agent.cli.main import main
from support.uptime_files import window, write

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "these tests need Debian's package chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("statement")
    history: list[Any] = [
        {"t": "2026-01-01T00:00:00+01:00", "service": "gestionale", "state": "up"},
        {"t": "2026-06-03T00:00:00+02:00", "service": "gestionale", "state": "down"},
        {"t": "2026-06-03T05:00:00+02:00", "service": "gestionale", "state": "up"},
    ]
    windows = [
        window("w1", "ordinary", "2026-06-03T00:30:00+02:00",
               "2026-06-03T04:30:00+02:00", announced="2026-06-01T23:30:00+02:00"),
    ]  # fmt: skip
    path = folder / "s.html"
    words = [*write(folder, history, windows), "--at", "2026-11-22T03:00:00+01:00"]
    assert main([*words, "--html", str(path), "--language", "it"]) == 0
    return path


@pytest.mark.parametrize("width", [320, 1240])
def test_it_fits_and_says_nothing_on_the_console(
    browser: Browser, page_file: Path, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert said == []
    # The style sheet is in force although the policy lets no other in.
    assert page.evaluate("getComputedStyle(document.body).margin") == "0px"
    cells = page.locator("figure svg rect title")
    assert cells.count() == 365
    page.close()


def test_it_prints_with_every_why(browser: Browser, page_file: Path) -> None:
    page = browser.new_page()
    page.goto(page_file.as_uri())
    why = page.locator("details p").first
    assert not why.is_visible()
    page.emulate_media(media="print")
    assert why.evaluate("e => e.getBoundingClientRect().height > 0")
    page.close()
