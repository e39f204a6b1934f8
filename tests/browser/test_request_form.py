"""A call is typed in by keys alone, and its receipt arrives at a mail server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from scudo_agent.desk.settings import Mail
from support.desk_thread import served_desk
from support.desking import contract, site
from support.smtp_server import smtp_server

pytestmark = [pytest.mark.browser, pytest.mark.mail]

CHROMIUM = "/usr/bin/chromium"
DEADLINE_S = 60


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "these tests need Debian's package chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield opened
        opened.close()


def test_a_call_by_keys_alone(tmp_path: Path, browser: Browser) -> None:
    body = contract() | {
        "requests": {
            "categories": [{"id": "base", "title": {"it": "Base"}, "severity": 2}]
        }
    }
    with smtp_server() as box:
        smtp = {"host": "127.0.0.1", "port": box.port, "tls": "none"}
        mail = Mail.model_validate({"from": "desk@provider.example", "smtp": smtp})
        with served_desk(tmp_path, mails=True, mail=mail) as desk:
            desk.enrol_embedded(site(brings=body))
            desk.enrol_embedded(site(name="acme-roma"))
            context = browser.new_context(viewport={"width": 320, "height": 720})
            page = context.new_page()
            page.goto(desk.login_link())
            page.goto(f"{desk.address}/new")
            keys = page.keyboard
            # The form begins where the caller is looked for.
            keys.type("acme mil")
            keys.press("Enter")
            page.wait_for_selector(".chosen")
            keys.type("Il gestionale non si apre")
            keys.press("Tab")
            keys.type("Base")
            for _ in range(2):
                keys.press("Tab")
            keys.type("Un collega")
            keys.press("Enter")
            page.wait_for_url("**/t/SC-*")
            assert "Il gestionale non si apre" in page.content()
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 320
            ref = page.url.rpartition("/")[2]
            context.close()
            assert box.arrived.wait(DEADLINE_S)
            (receipt,) = box.taken
    assert receipt["To"] == "it@acme.example"
    assert receipt["Subject"] == (
        f"[{ref}] Il gestionale non si apre – richiesta ricevuta"
    )
