"""Nobody takes a ticket: real desk, real mail server, a second mail, the button."""

import asyncio
import re
from contextlib import closing
from datetime import date
from email.message import EmailMessage
from pathlib import Path

import httpx

from scudo_agent.clock import SystemClock
from scudo_agent.desk import app
from scudo_agent.desk.rights import Role
from scudo_agent.desk.rota import Rota
from scudo_agent.desk.settings import load_desk_settings
from scudo_agent.instant import format_instant
from support.desking import site, stage
from support.people import new_person
from support.ports import free_port
from support.programs import Program
from support.smtp_server import Box, smtp_server

LIMIT_S = 120.0
MAIL = "tina@provider.example"


def enrolled(settings: Path) -> str:
    """The key of an agent and who is on call, made before the desk runs."""

    async def go() -> str:
        desk = app.build(load_desk_settings(settings), clock=SystemClock())
        await desk.start(mails=False)
        try:
            store = desk.store
            tina = new_person(Role.DISPATCHER, mail=MAIL, name="Tina")
            number = store.people.add(tina, actor="test")
            rota = Rota(zone="UTC", first=date(2026, 1, 1), minute=0, every_days=7,
                        people=(number,))  # fmt: skip
            store.rota.put(rota, version=0, actor="test")
            return desk.enrol_embedded(site())
        finally:
            await desk.close()

    return asyncio.run(go())


def opened(client: httpx.Client, key: str) -> str:
    """Tell of an outage as an agent does; its ticket."""
    now = format_instant(SystemClock().wall())
    headers = {"Authorization": f"Bearer {key}"}
    greeting = {
        "epoch": None, "store_id": "s", "head_seq": {"I": 0}, "acked_seq": {"I": 0},
        "wall": now, "mono_us": 1, "boot_id": "boot",
    }  # fmt: skip
    hello = client.post("/v1/agents/self/hello", json=greeting, headers=headers)
    told = stage(at=now, since=now).model_dump(mode="json")
    body = {"epoch": hello.json()["epoch"], "first_seq": 1, "events": [told]}
    path = "/v1/agents/self/streams/I/events"
    reply = client.post(path, json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["results"][0]["ticket"])


def until(box: Box, many: int) -> list[EmailMessage]:
    """Wait for so many calls to the person."""
    while True:
        found = [one for one in list(box.taken) if one["To"] and MAIL in one["To"]]
        if len(found) >= many:
            return found
        box.arrived.clear()
        if len([o for o in list(box.taken) if o["To"] and MAIL in o["To"]]) < many:
            assert box.arrived.wait(LIMIT_S), "no call came"


def test_mails_come_until_somebody_presses_the_button(tmp_path: Path) -> None:
    port = free_port()
    with smtp_server() as box:
        settings = tmp_path / "desk.yaml"
        smtp = f"{{host: 127.0.0.1, port: {box.port}, tls: none}}"
        settings.write_text(
            f"listen: {{port: {port}}}\nstate: state\n"
            f"provider: {{mail: noc@provider.example, language: en}}\n"
            f"mail: {{from: desk@provider.example, smtp: {smtp}}}\n"
            "on_call: {hours: always, repeats: 20, repeat_min: 0.05, steps: "
            "[{after_min: 0, by: [mail]}]}\n"
        )
        where = ("--settings", str(settings))
        base = f"http://127.0.0.1:{port}"
        key = enrolled(settings)
        with closing(Program("desk", *where)) as desk:
            desk.until(lambda line: line.startswith("listens"), limit_s=LIMIT_S)
            with httpx.Client(base_url=base, trust_env=False) as client:
                own = {"Sec-Fetch-Site": "same-origin"}
                ref = opened(client, key)
                second = until(box, 2)[1]
                body = second.get_body(("plain",))
                assert body is not None
                link = re.search(r"http://\S+(/called/\S+)", body.get_content())
                assert link is not None
                assert ref in str(second["Subject"])
                assert client.get(link[1]).status_code == 200
                before = len(until(box, 3))  # to look at it has ended nothing
                done = client.post(link[1], headers=own)
                assert done.status_code == 303
                assert "Tina knows" in client.get(link[1]).text
            calls = [one for one in box.taken if MAIL in str(one["To"])]
            assert len({one["Message-ID"] for one in calls}) == len(calls)
            # One may have been on its way when the button was pressed.
            assert len(calls) <= before + 2
            where_else = f"{base}/metrics"
            measured = httpx.get(where_else, trust_env=False).text
            age = "scudo_desk_oldest_unacknowledged_call_age_seconds 0"
            assert age in measured
