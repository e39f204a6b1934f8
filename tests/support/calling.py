"""A desk whose people are called: time that passes by hand, and who was called."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import date
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from sqlalchemy import select

from scudo_agent.desk.rights import Role
from scudo_agent.desk.rota import Rota
from scudo_agent.desk.store.call_tables import alarm, call
from support.crew import Hand, hand
from support.desking import Bench, bench

BY_MAIL = (
    {"after_min": 0, "by": ["queue", "mail"]},
    {"after_min": 10, "by": ["mail"]},
    {"after_min": 20, "level": 2, "by": ["queue", "mail"]},
)
"""Other channels are for `test_desk_channels`."""
ALWAYS: dict[str, Any] = {"on_call": {"hours": "always", "steps": BY_MAIL}}
QUEUE = "noc@provider.example"


def desk(
    tmp_path: Path,
    walk: Callable[[Bench, Hand, Hand], Awaitable[None]],
    **settings: Any,
) -> None:
    """A desk with two technicians on call, week by week; mails leave by hand."""

    async def go() -> None:
        async with bench(tmp_path, **ALWAYS | settings) as b:
            tina = hand(b, Role.TECHNICIAN, "Tina Tecnica")
            ugo = hand(b, Role.TECHNICIAN, "Ugo Tecnico")
            b.desk.store.rota.put(
                Rota(
                    zone="Europe/Rome", first=date(2026, 11, 16), minute=540,
                    every_days=7, people=(ugo.number, tina.number),
                ),
                version=0, actor="person:admin",
            )  # fmt: skip
            await walk(b, tina, ugo)

    asyncio.run(go())


async def after(b: Bench, minutes: float) -> list[str]:
    """Let time pass: to whom calls went."""
    b.clock.forward(minutes * 60)
    await b.desk.call_people()
    before = len(b.mails.mails)
    await b.desk.send_mails()
    sent = [to for to, data in b.mails.mails[before:] if b".on-call." in data]
    await b.desk.call_people()
    return sent


def link(b: Bench, to: str) -> str:
    """The path of the link in the last call to somebody."""
    data = [data for whom, data in b.mails.mails if whom == to][-1]
    mail = message_from_bytes(data, policy=policy.default)
    text = mail.get_body(("plain",))
    assert text is not None
    found = re.search(r"https://desk\.example(/called/\S+)", text.get_content())
    assert found is not None
    return found[1]


def alarms(b: Bench) -> list[Any]:
    """All alarms, the oldest first."""
    with b.desk.store.database.read() as db:
        return list(db.execute(select(alarm).order_by(alarm.c.alarm_id)))


def calls(b: Bench) -> list[tuple[int, str, str]]:
    """All calls: step, target, state."""
    with b.desk.store.database.read() as db:
        rows = db.execute(select(call).order_by(call.c.call_id))
        return [(one.step, one.target, one.state) for one in rows]
