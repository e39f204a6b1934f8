"""Agents that are not heard any more, and the desk's own outage (1.8)."""

import asyncio
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from sqlalchemy import select

from scudo_agent.desk import app
from scudo_agent.desk.store.tables import incident, mail_outbox, ticket
from scudo_agent.instant import SECOND, Instant
from support.desking import T0, Bench, HandClock, Outbound, bench, settings, site


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def tickets(desk: app.Desk) -> list[tuple[str, str, str]]:
    """Subject, audience and condition of each ticket, oldest first."""
    query = (
        select(incident.c.subject_key, ticket.c.audience, ticket.c.condition)
        .join(ticket, ticket.c.ticket_id == incident.c.ticket_id)
        .order_by(ticket.c.ticket_id)
    )
    with desk.store.database.read() as db:
        return [tuple(row) for row in db.execute(query)]


def wait(desk: Bench, seconds: float) -> None:
    """Time passes in a desk that looks every ten seconds."""
    while seconds > 0:
        desk.clock.forward(min(seconds, 10))
        seconds -= 10
        desk.desk.store.silence.look()


LOST = ("monitoring-lost:acme-milano", "provider")


def test_after_three_missed_hellos_the_provider_alone_is_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            agent = await desk.agent()
            wait(desk, 90)
            assert tickets(desk.desk) == []
            wait(desk, 10)
            assert tickets(desk.desk) == [(*LOST, "bad")]
            assert await agent.tickets() == []  # no customer sees it
            wait(desk, 3_600)
            assert (await agent.hello()).status_code == 200
            wait(desk, 10)
            assert tickets(desk.desk) == [(*LOST, "recovered")]
            with desk.desk.store.database.read() as db:
                row = db.execute(select(incident)).one()
                to = db.execute(select(mail_outbox.c.recipient)).scalars().all()
            assert row.since_us == T0
            assert row.ended_us == T0 + 3_700 * SECOND
            assert to == ["noc@provider.example"] * 2
            await desk.desk.send_mails()
            first, last = (mail.decode() for _, mail in desk.mails.mails)
            assert "acme-milano" in first
            assert "monitoring-lost" not in first + last

    run(scene())


def test_a_relapse_within_four_hours_is_the_same_ticket(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            agent = await desk.agent()
            for _ in range(2):
                wait(desk, 100)
                await agent.hello()
                wait(desk, 10)
            assert tickets(desk.desk) == [(*LOST, "recovered")]
            with desk.desk.store.database.read() as db:
                assert db.execute(select(ticket.c.reopen_count)).scalar_one() == 1

    run(scene())


def test_who_was_revoked_is_not_waited_for(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            await desk.agent()
            other = await desk.agent(customer="beta", name="beta-roma")
            wait(desk, 100)
            assert len(tickets(desk.desk)) == 2
            desk.desk.store.agents.revoke("acme/acme-milano/1")
            assert (await other.hello()).status_code == 200
            wait(desk, 10)
            assert [found[2] for found in tickets(desk.desk)] == ["recovered"] * 2

    run(scene())


async def started(folder: Path, clock: HandClock) -> app.Desk:
    desk = app.build(
        settings(folder), clock=clock, transport=Outbound(), rng=random.Random(1)
    )
    await desk.start(mails=False)
    return desk


def test_the_desks_own_outage_is_nobodys_silence(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = HandClock()
        desk = await started(tmp_path, clock)
        key = desk.enrol_embedded(site())
        who = desk.store.keys.whose(_print(key))
        assert who is not None
        desk.store.agents.hello(who, _hello())
        await desk.close()
        clock.forward(2 * 3_600)

        desk = await started(tmp_path, clock)
        for _ in range(2 * 360 - 1):  # as long as the desk was away itself
            desk.store.silence.look()
            clock.forward(10)
        assert tickets(desk) == []
        clock.forward(20)
        desk.store.silence.look()
        assert tickets(desk) == [(*LOST, "bad")]
        await desk.close()

    run(scene())


def test_a_short_outage_or_a_clock_that_was_set_gives_five_minutes(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            await desk.agent()
            desk.desk.store.silence.look()
            desk.clock.forward(200)  # suspended, or the wall clock was set
            desk.desk.store.silence.look()
            wait(desk, 290)
            assert tickets(desk.desk) == []
            wait(desk, 20)
            assert tickets(desk.desk) == [(*LOST, "bad")]

    run(scene())


def test_what_was_silent_before_a_restart_has_its_one_ticket(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = HandClock()
        desk = await started(tmp_path, clock)
        who = desk.store.keys.whose(_print(desk.enrol_embedded(site())))
        assert who is not None
        desk.store.agents.hello(who, _hello())
        for _ in range(12):
            clock.forward(10)
            desk.store.silence.look()
        assert tickets(desk) == [(*LOST, "bad")]
        await desk.close()
        desk = await started(tmp_path, clock)
        for _ in range(200):
            clock.forward(10)
            desk.store.silence.look()
        assert tickets(desk) == [(*LOST, "bad")]
        desk.store.agents.hello(who, _hello())
        desk.store.silence.look()
        assert tickets(desk) == [(*LOST, "recovered")]
        await desk.close()

    run(scene())


def _print(key: str) -> str:
    from scudo_agent.desk.auth import fingerprint

    return fingerprint(key)


def _hello() -> Any:
    from scudo_agent.instant import format_instant
    from scudo_agent.wire import Hello

    return Hello(
        epoch=None,
        store_id="store-1",
        head_seq={"I": 0},
        acked_seq={"I": 0},
        wall=format_instant(Instant(T0)),
        mono_us=1,
        boot_id="boot",
    )
