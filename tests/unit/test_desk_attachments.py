"""Screenshots at the desk: taken once, shown with the ticket's own right."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from scudo_agent.desk.store.scope import Scope
from scudo_agent.picture import PICTURE_LIMIT
from support.desk_scene import play
from support.desking import INCIDENT, OTHER, Bench, Speaker, stage
from support.pictures import png

TAKEN = "2026-11-23T09:41:58Z"
PICTURE = png(1280, 800, (0x12, 0x34, 0x56))


async def put(
    agent: Speaker,
    content: bytes = PICTURE,
    *,
    incident: str = INCIDENT,
    rev: int = 1,
    **changes: Any,
) -> httpx.Response:
    """Send a screenshot as an agent does."""
    given = {"check": "erp/web", "taken": TAKEN} | changes
    headers = {
        "Content-Type": given.pop("kind", "image/png"),
        "X-Content-SHA256": given.pop("digest", sha256(content).hexdigest()),
    }
    return await agent.client.put(
        f"/v1/agents/self/incidents/{incident}/evidence/{rev}",
        content=content,
        params=given,
        headers=agent.headers | headers,
    )


def test_a_screenshot_is_kept_once(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        for _ in range(2):
            reply = await put(agent)
            assert (reply.status_code, reply.json()) == (200, {"ticket": ref})
        reply = await b.client.get(
            f"/v1/agents/self/tickets/{ref}", headers=agent.headers
        )
        (kept,) = reply.json()["attachments"]
        assert kept["source"] == "https://erp.example/login"
        assert kept["taken"] == TAKEN
        assert kept["size"] == len(PICTURE)
        (line,) = [h for h in reply.json()["history"] if h["kind"] == "screenshot"]
        assert line["text"] == "screenshot taken of https://erp.example/login"
        assert line["actor"].startswith("agent:")

    play(tmp_path, scene)


def test_another_picture_of_the_same_stage_is_refused_and_noted(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        await put(agent)
        assert (await put(agent, png())).status_code == 422
        with b.desk.store.database.read() as db:
            noted = db.exec_driver_sql("SELECT kind FROM security_event").scalars()
            assert list(noted) == ["attachment_changed"]

    play(tmp_path, scene)


def test_it_waits_for_its_stage(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        assert (await put(agent)).status_code == 404
        await agent.send(stage())
        assert (await put(agent, rev=2)).status_code == 404
        assert (await put(agent)).status_code == 200
        await agent.send(stage(2, 2, "recover"))
        # Only an opening or a re-opening has a picture.
        assert (await put(agent, rev=2)).status_code == 404

    play(tmp_path, scene)


@pytest.mark.rights
def test_nobody_gives_a_picture_to_another_customers_ticket(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        ours = await b.agent()
        await ours.send(stage())
        theirs = await b.agent(customer="evil", name="evil-site")
        sister = await b.agent(name="acme-roma")
        for agent in (theirs, sister):
            assert (await put(agent)).status_code == 404
        assert (await put(ours)).status_code == 200

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"content": b"GIF89a"}, 422),
        ({"content": b""}, 422),
        ({"content": PICTURE + b"\0" * PICTURE_LIMIT}, 413),
        ({"kind": "image/svg+xml"}, 422),
        ({"digest": "0" * 64}, 422),
        ({"check": "erp/other"}, 422),
        ({"check": "a\x00b"}, 404),
        ({"taken": "yesterday"}, 422),
        ({"rev": 0}, 422),
        ({"rev": 1 << 63}, 422),
        ({"incident": OTHER}, 404),
        ({"incident": "x" * 40}, 422),
    ],
)
def test_what_is_no_evidence_is_refused(
    tmp_path: Path, changes: dict[str, Any], status: int
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        reply = await put(agent, **changes)
        assert reply.status_code == status, reply.text
        assert reply.headers["content-type"] == "application/problem+json"

    play(tmp_path, scene)


@pytest.mark.rights
def test_the_page_shows_it_to_whoever_may_see_the_ticket(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        second = stage(2, 1, incident_id=OTHER, subject_key="service:x")
        other = (await agent.send(second)).json()["results"][0]["ticket"]
        await put(agent)
        found = b.desk.store.views.ticket(Scope.of_staff(), ref)
        assert found is not None
        name = found.attachments[0].mark
        path = f"/t/{ref}/files/{name}"
        stranger = await b.client.get(path)
        assert stranger.status_code == 401
        assert PICTURE not in stranger.content
        await b.log_in()
        page = (await b.client.get(f"/t/{ref}")).text
        assert f'<img src="{path}" width="1280" height="800" alt="' in page
        shown = await b.client.get(path)
        assert shown.content == PICTURE
        assert shown.headers["content-type"] == "image/png"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in shown.headers["content-security-policy"]
        assert shown.headers["content-disposition"] == (
            f'inline; filename="screenshot-{name[:8]}.png"; '
            f"filename*=UTF-8''screenshot-{name[:8]}.png"
        )
        again = await b.client.get(
            path, headers={"If-None-Match": shown.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        # Not under another ticket's number, though the reader may see both.
        # Nor by a number, which would tell how many files all customers have.
        for wrong in (f"/t/{other}/files/{name}", f"/t/{ref}/files/1"):
            assert (await b.client.get(wrong)).status_code == 404

    play(tmp_path, scene)


def test_no_mail_has_the_picture(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        await put(agent)
        await b.desk.send_mails()
        assert b.mails.mails
        assert all(b"image/png" not in data for _, data in b.mails.mails)

    play(tmp_path, scene)
