"""A ticket with a screenshot in a real browser, narrow and wide."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from scudo_agent.desk.app import Desk
from support.desk_thread import served_desk
from support.desking import INCIDENT, site, stage
from support.pictures import png

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
PICTURE = png(1280, 800, (0x7A, 0x1F, 0x1F))


@pytest.fixture(scope="module")
def ticket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, str]]:
    """A served desk and the number of its ticket."""
    with served_desk(tmp_path_factory.mktemp("desk")) as desk:
        yield desk, _fill(desk)


def _fill(desk: Desk) -> str:
    key = desk.enrol_embedded(site())
    with httpx.Client(
        base_url=f"{desk.address}/v1/agents/self/",
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
        epoch = client.post("hello", json=hello).json()["epoch"]
        body = {
            "epoch": epoch,
            "first_seq": 1,
            "events": [stage().model_dump(mode="json")],
        }
        reply = client.post("streams/I/events", json=body)
        kept = client.put(
            f"incidents/{INCIDENT}/evidence/1",
            params={"check": "erp/web", "taken": "2026-11-23T09:41:58Z"},
            content=PICTURE,
            headers={
                "Content-Type": "image/png",
                "X-Content-SHA256": sha256(PICTURE).hexdigest(),
            },
        )
        assert kept.status_code == 200, kept.text
    return str(reply.json()["results"][0]["ticket"])


@pytest.fixture(params=[(320, "light"), (320, "dark"), (1240, "light")])
def page(
    request: pytest.FixtureRequest, ticket: tuple[Desk, str]
) -> Iterator[tuple[Page, str]]:
    """The ticket's page, logged in."""
    width, scheme = request.param
    desk, ref = ticket
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        page.goto(desk.login_link())
        page.goto(f"{desk.address}/t/{ref}")
        yield page, f"{desk.address}/t/{ref}"
        browser.close()


def test_the_ticket_shows_the_picture(page: tuple[Page, str], tmp_path: Path) -> None:
    shown, address = page
    picture = shown.locator("figure.shot img")
    picture.scroll_into_view_if_needed()
    shown.wait_for_function("document.querySelector('figure.shot img').complete")
    assert picture.evaluate("one => one.naturalWidth") == 1280
    width = shown.viewport_size["width"] if shown.viewport_size else 0
    box = picture.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["width"] >= 200
    assert abs(box["width"] / box["height"] - 1280 / 800) < 0.02
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert "https://erp.example/login" in (picture.get_attribute("alt") or "")
    shown.screenshot(path=tmp_path / "ticket.png", full_page=True)
    shown.keyboard.press("Tab")
    link = shown.locator("figure.shot a")
    link.focus()
    assert link.evaluate("one => getComputedStyle(one).outlineStyle") != "none"
    shown.keyboard.press("Enter")
    shown.wait_for_url("**/files/*")
    assert shown.url.startswith(f"{address}/files/")
