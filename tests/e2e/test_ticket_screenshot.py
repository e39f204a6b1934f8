"""A web application that answers 503: its ticket has the picture of it."""

import re
import signal
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from scudo_agent.agent.browser import find
from support.patience import wait_until
from support.pictures import pixel
from support.programs import Program, call, data
from support.remote_desk import prepare_remote, running_desk

BACKGROUND = (0x7A, 0x1F, 0x1F)
_TICKET_S = 60.0


def _has(*parts: str) -> Callable[[str], bool]:
    return lambda line: all(part in line for part in parts)


def _web_ticket(site: str) -> dict[str, Any] | None:
    """The ticket of the web application with its history, once it has a picture."""
    for line in data("tickets", "--site", site):
        if line["severity"] == 1:
            ticket: dict[str, Any] = data("tickets", line["ref"], "--site", site)
            return ticket if ticket["attachments"] else None
    return None


@pytest.mark.parametrize("desk", ["embedded", "remote"])
def test_the_ticket_of_a_broken_page_shows_it(tmp_path: Path, desk: str) -> None:
    assert find() is not None, "no browser is installed: apt install chromium"
    folder = tmp_path / "demo"
    site = str(folder / "site.yaml")
    with ExitStack() as stack:
        if desk == "remote":
            stack.enter_context(running_desk(prepare_remote(folder)))
        demo = stack.enter_context(
            closing(Program("demo", "--folder", str(folder), "--no-table"))
        )
        demo.until(_has("try ", "break web"), limit_s=60)
        done = call("demo", "--folder", str(folder), "break", "web", "--with", "503")
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = []

        def pictured() -> bool:
            ticket = _web_ticket(site)
            found.extend([ticket] if ticket else [])
            return bool(found)

        assert wait_until(pictured, limit_s=_TICKET_S), demo.lines[-20:]
        (kept,) = found[0]["attachments"]
        assert kept["source"].endswith("/login")
        text = call("tickets", found[0]["ref"], "--site", site).stdout
        assert f"screenshot taken of {kept['source']}" in text
        assert not list((folder / "state" / "evidence").glob("*.json"))
        if desk == "embedded":
            _look(demo, found[0]["ref"], kept["id"])
        assert demo.end(signal.SIGINT) == 0


def _look(demo: Program, ref: str, number: int) -> None:
    """Log in as the screen says, and look at the picture."""
    (link,) = {
        m[0] for line in demo.lines if (m := re.search(r"http://\S+/in/\S+", line))
    }
    desk = link.partition("/in/")[0]
    with httpx.Client(base_url=desk, follow_redirects=True, trust_env=False) as client:
        client.get(link)
        assert f"/t/{ref}/files/{number}" in client.get(f"/t/{ref}").text
        shown = client.get(f"/t/{ref}/files/{number}")
    assert pixel(shown.content, 1200, 700) == BACKGROUND
