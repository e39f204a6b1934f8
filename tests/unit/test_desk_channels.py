"""Calls by other channels than mail: where they may lead, and what is never told."""

import asyncio
import json
import logging
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from scudo_agent.desk import channel_duty, on_call_pages
from scudo_agent.desk.channels import checked_channel, send
from scudo_agent.desk.rights import Role
from scudo_agent.desk.rota import Rota
from scudo_agent.desk.store.call_tables import call
from scudo_agent.errors import InputError
from support.crew import OURS, Hand, hand
from support.desking import Bench, bench, stage
from support.hook_receiver import receiver

SECRET = "canary-secret-of-the-channel"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ntfy://topic", "one of these kinds"),
        ("file:///etc/passwd", "one of these kinds"),
        ("json", "one of these kinds"),
        ("json://" + "x" * 500, "500"),
        ("json://h/\x07", "visible"),
        ("json://bücher", "visible"),
        ("json://h/x?a=b&redirect=yes", "'redirect'"),
        ("json://h/x?TEMPLATE=/etc/passwd", "'template'"),
        ("json://h/x?a=b;%76erif%79=no", "'verify'"),
        ("json://h/x?%2576erify=no", "'verify'"),
    ],
)
def test_only_kinds_that_the_settings_name(url: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        checked_channel(url, ["json", "tgram"])
    assert checked_channel(" JSON://h/x ", ["json"]) == "JSON://h/x"


def test_a_call_arrives_where_its_network_is_allowed_and_nowhere_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with receiver() as here:
        host = here.url.partition("//")[2].partition("/")[0]
        url = f"json://user:{SECRET}@{host}/{SECRET}"
        refused = send(url, "T", "B")
        assert refused == "leads to 127.0.0.1, which is not allowed"
        assert here.got.empty()
        assert send(url, "Nobody has taken it", "B", allow=["127.0.0.0/8"]) == ""
        body = json.loads(here.got.get(timeout=20)[1])
        assert (body["title"], body["message"]) == ("Nobody has taken it", "B")
        # A redirect leads to nothing, wherever it points.
        here.answers = [(302, {"Location": "http://169.254.169.254/latest"})]
        again = send(url, "T", "B", allow=["127.0.0.0/8"])
        assert again == "answered 302"
        here.answers = [(500, {})]
        failed = send(url, "T", "B", allow=["127.0.0.0/8"])
        assert failed == "answered 500"
    gone = send(url, "T", "B", allow=["127.0.0.0/8"])
    assert gone
    for said in (refused, failed, again, gone, caplog.text):
        assert SECRET not in said


def test_what_no_plugin_understands_is_told_before_it_is_kept() -> None:
    assert send("tgram://", "", "", check=True) == "its address cannot be understood"
    assert send("json://h/x", "", "", check=True) == ""
    # One that was kept before these were refused.
    said = "its address says what none may say"
    assert send("json://h/x?%74emplate=/x", "", "", check=True) == said


def test_a_call_that_does_not_end_is_ended() -> None:
    assert send("json://h/x", "", "", patience_s=0.01) == "no answer within 0 s"


def test_the_process_starts_no_other_one() -> None:
    words = (
        "import os\n"
        "from scudo_agent.desk.channel_child import guard\n"
        "refused = guard([])\n"
        "try:\n    os.system('true')\nexcept RuntimeError:\n    print(refused[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=True
    )
    assert done.stdout == "starts a program, which is not allowed\n"


STEPS = [{"after_min": 0, "by": ["channels"]}, {"after_min": 10, "by": ["mail"]}]
ON_CALL: dict[str, Any] = {
    "hours": "always",
    "channels": ["json"],
    "allow": ["127.0.0.0/8"],
    "steps": STEPS,
}


def calls(b: Bench) -> list[tuple[str, str, str]]:
    with b.desk.store.database.read() as db:
        rows = db.execute(select(call).order_by(call.c.call_id))
        return [(one.target, one.state, one.last_error or "") for one in rows]


async def crew(b: Bench, url: str) -> Hand:
    """Somebody on call who has added a channel on the page."""
    tina = hand(b, Role.TECHNICIAN, "Tina Tecnica")
    rota = Rota(zone="UTC", first=date(2026, 11, 16), minute=0, every_days=7,
                people=(tina.number,))  # fmt: skip
    b.desk.store.rota.put(rota, version=0, actor="person:admin")
    way = "/on-call/channels/add"
    for wrong in ("mailto://x@y", "json"):
        refused = await tina.client.post(way, data={"url": wrong}, headers=OURS)
        assert refused.status_code == 422
    done = await tina.client.post(way, data={"url": url}, headers=OURS)
    assert done.status_code == 303
    return tina


def test_who_is_on_call_is_called_by_channel_and_a_failure_falls_to_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[tuple[str, str, str]] = []
    errors = ["", "answered 500"]

    def heard(url: str, title: str, body: str, **_: Any) -> str:
        told.append((url, title, body))
        return errors.pop(0)

    monkeypatch.setattr(channel_duty, "send", heard)
    monkeypatch.setattr(on_call_pages, "send", lambda *_, **__: "")

    async def go() -> None:
        async with bench(tmp_path, on_call=ON_CALL) as b:
            tina = await crew(b, f"json://{SECRET}@hook.example/x")
            agent = await b.agent()
            await agent.send(stage())
            await b.desk.call_people()
            assert await b.desk.call_by_channels() == 1
            assert await b.desk.call_by_channels() == 0
            assert [one[:2] for one in calls(b)] == [("channels/1", "sent")]
            [(url, title, body)] = told
            assert SECRET in url
            assert "nessuno" in title
            link = body.split()[-1].removeprefix("https://desk.example")
            assert (await b.client.get(link)).status_code == 200
            # The same again for another ticket, but the receiver takes nothing.
            await b.client.post(link, headers=OURS)
            b.clock.forward(1)
            await agent.send(stage(seq=2, rev=2, kind="recover"))
            await agent.send(stage(seq=3, rev=3, kind="reopen"))
            await b.desk.call_people()
            assert await b.desk.call_by_channels() == 1
            await b.desk.call_people()
            assert calls(b)[1:] == [
                ("channels/1", "failed", "answered 500"),
                ("fault/1", "pending", "answered 500"),
                (f"mail/{tina.number}", "pending", ""),
            ]
            await b.desk.send_mails()
            mails = [d.decode() for to, d in b.mails.mails if to.startswith("noc@")]
            assert "answered 500" in mails[-1].replace("=\r\n", "")
            pages = [await tina.page("/on-call"), *mails]
            ref = (await agent.tickets())[0]["ref"]
            pages.append(await tina.page(f"/t/{ref}"))
            pages.append((await b.client.get("/metrics")).text)
            assert 'way="channels",outcome="failed"} 1' in pages[-1]
            assert "un altro canale" in pages[-2]
            assert not [one for one in pages if SECRET in one]

    asyncio.run(go())
    assert SECRET not in caplog.text


def test_a_call_whose_desk_ended_is_not_made_twice(tmp_path: Path) -> None:
    async def go() -> None:
        async with bench(tmp_path, on_call=ON_CALL) as b:
            tina = hand(b, Role.TECHNICIAN, "Tina Tecnica")
            rota = Rota(zone="UTC", first=date(2026, 11, 16), minute=0, every_days=7,
                        people=(tina.number,))  # fmt: skip
            b.desk.store.rota.put(rota, version=0, actor="person:admin")
            b.desk.store.channels.add(tina.number, "json", "json://h/x")
            agent = await b.agent()
            await agent.send(stage())
            await b.desk.call_people()
            claimed = b.desk.store.channels.claim()
            assert claimed is not None
            assert b.desk.store.channels.claim() is None
            b.clock.forward(179)
            await b.desk.call_people()
            assert [one[1] for one in calls(b)] == ["pending"]
            b.clock.forward(2)
            await b.desk.call_people()
            assert [one[1] for one in calls(b)] == ["failed", "pending", "pending"]
            assert not b.desk.store.channels.done(claimed, "")
            assert b.desk.store.channels.claim() is None

    asyncio.run(go())
