"""The desk is stopped while mails wait: none is lost, none is broken by it."""

import asyncio
import itertools
import random
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from scudo_agent.desk import app
from scudo_agent.desk.mail.transport import Transport
from scudo_agent.desk.mail_lanes import LANES
from scudo_agent.desk.store.tables import mail_outbox
from scudo_agent.instant import HOUR, Instant, format_instant
from support.desking import T0, HandClock, Outbound, Speaker, settings, site, stage

ROW = "0193e1c0-0000-7000-8000-0000000000{:02d}"


MAILS = LANES + 2


class Slow:
    """A server that keeps all mails, of as many as come at once, until it is let go."""

    def __init__(self) -> None:
        self.began, self.let_go = threading.Event(), threading.Event()
        self.recipients: list[str] = []
        self._coming = itertools.count(1)

    def send(self, sender: str, recipient: str, data: bytes) -> None:
        """Take the mail, later."""
        if next(self._coming) == LANES:
            self.began.set()
        assert self.let_go.wait(20)
        self.recipients.append(recipient)

    def rest(self) -> None:
        """Nothing is kept open."""


def desk_with(folder: Path, transport: Transport) -> app.Desk:
    """A desk that names itself by the address it listens on."""
    changed = settings(folder, url=None)
    return app.build(
        changed, clock=HandClock(), transport=transport, rng=random.Random(1)
    )


async def many_mails(desk: app.Desk) -> None:
    """Incidents are reported, hours apart, each of which is mailed."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(desk.asgi), base_url="http://127.0.0.1"
    ) as client:
        agent = Speaker(client, desk.enrol_embedded(site()))
        await agent.hello()
        hours = [format_instant(Instant(T0 - n * HOUR)) for n in range(MAILS + 1)]
        stages = [
            stage(
                n,
                incident_id=ROW.format(n),
                subject_key=f"service:s{n}",
                at=hours[-n],
                since=hours[-n],
            )
            for n in range(1, MAILS + 1)
        ]
        assert (await agent.send(*stages)).status_code == 200


def outbox(desk: app.Desk) -> list[tuple[str, str | None]]:
    """Each mail's state and what went wrong with it."""
    with desk.store.database.read() as db:
        rows = db.execute(select(mail_outbox.c.state, mail_outbox.c.last_error))
        return [(row.state, row.last_error) for row in rows]


async def stopped(folder: Path, transport: Slow, *, let_go: bool) -> None:
    """Start, report, and close while the first mails are under way."""
    desk = desk_with(folder, transport)
    desk.bind()
    await desk.start()
    await many_mails(desk)
    await asyncio.to_thread(transport.began.wait, 20)
    closing = asyncio.create_task(desk.close())
    await asyncio.sleep(0)
    if let_go:
        transport.let_go.set()
    await closing
    transport.let_go.set()


async def left(folder: Path) -> list[tuple[str, str | None]]:
    """What the next start finds."""
    desk = desk_with(folder, Outbound())
    await desk.start(mails=False)
    try:
        return outbox(desk)
    finally:
        await desk.close()


def test_the_mails_under_way_end_and_the_others_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transport = Slow()
    asyncio.run(stopped(tmp_path, transport, let_go=True))
    found = asyncio.run(left(tmp_path))
    states = Counter(found)
    assert states == {("sent", None): LANES, ("pending", None): MAILS - LANES}
    assert len(transport.recipients) == LANES
    assert not [one for one in caplog.records if one.levelname != "INFO"]


def test_a_server_that_keeps_a_mail_holds_nobody_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_STOP_S", 0.1)
    asyncio.run(stopped(tmp_path, Slow(), let_go=False))
    found = asyncio.run(left(tmp_path))
    assert [error for _, error in found] == [None] * MAILS
    assert "sent" not in [state for state, _ in found]
    said = [one.getMessage() for one in caplog.records if one.levelname != "INFO"]
    # Whoever writes it down last may do so when the log is not read any more.
    assert said
    assert all(one.endswith("was sent after the end") for one in said)
    assert not [one for one in caplog.records if one.exc_info]
