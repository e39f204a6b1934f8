"""The reader's clock: chosen on one's own page, and told by all pages since then."""

from pathlib import Path

import pytest

from scudo_agent.desk.browsers import browser_words
from scudo_agent.desk.rights import Role
from support.crew import OURS, hand
from support.desk_scene import play
from support.desking import Bench, stage


def test_the_clock_of_a_reader_is_chosen_and_then_told_by_all_pages(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.hello()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        ada = hand(b, Role.TECHNICIAN, "Ada")

        async def chosen(zone: str) -> int:
            form = {"name": "Ada", "language": "it", "timezone": zone}
            reply = await ada.client.post("/me/name", data=form, headers=OURS)
            return reply.status_code

        assert "10:41" in await ada.page(f"/t/{ref}")
        assert await chosen("Asia/Tokyo") == 303
        for path in (f"/t/{ref}", "/"):
            page = await ada.page(path)
            assert "18:41" in page, path
            assert "10:41" not in page, path
        mine = await ada.page("/me")
        assert 'value="Asia/Tokyo"' in mine
        assert "18:41" in mine
        assert await chosen("Europe/Roma") == 422
        told = {"estimate": "2026-11-23T20:00", "words": "domani"}
        assert (await ada.do(ref, "estimate", **told)).status_code == 303
        assert await chosen("") == 303
        page = await ada.page(f"/t/{ref}")
        assert "12:00" in page

    play(tmp_path, scene)


def test_a_session_says_with_which_browser_it_began(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.client.headers["User-Agent"] = FIREFOX
        await b.log_in()
        assert "Firefox · Linux" in (await b.client.get("/me")).text

    play(tmp_path, scene)


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox · Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
            "Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge · Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome · Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605 "
            "(KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
            "Safari · iPhone",
        ),
        ("<script>alert(1)</script>", ""),
        ("x" * 600 + " Firefox", ""),
        ("", ""),
    ],
)
def test_a_browser_is_told_in_two_words(agent: str, words: str) -> None:
    assert browser_words(agent) == words
