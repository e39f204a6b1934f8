"""The agent's delivery against our own desk, over a line that loses and doubles.

The line drops requests before the desk sees them, drops replies after it has
committed, and delivers requests twice; the seed is printed.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path

import httpx
from sqlalchemy import select

from scudo_agent.config.secret import Secret
from scudo_agent.deliver import Delivery
from scudo_agent.desk import app
from scudo_agent.desk.store import tables
from scudo_agent.instant import HOUR, SECOND, Instant, format_instant
from scudo_agent.model import Kind
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import Write
from scudo_agent.ticketing.desk import DeskClient
from scudo_agent.wire import Outage
from support import desking
from support.sim import SimClock, simulate
from support.storing import T0, incident_id, memory, opened, stage

INCIDENTS = 25


class BadLine(httpx.AsyncBaseTransport):
    """A way to the desk that fails as a bad line does."""

    def __init__(self, desk: httpx.AsyncBaseTransport, rng: random.Random) -> None:
        self._desk = desk
        self._rng = rng
        self.faults: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Lose, double, or deliver."""
        luck = self._rng.random()
        if luck < 0.2:
            self.faults["lost"] += 1
            raise httpx.ConnectError("lost", request=request)
        response = await self._desk.handle_async_request(request)
        if luck < 0.4:
            self.faults["reply lost"] += 1
            await response.aread()
            raise httpx.ReadError("reply lost", request=request)
        if luck < 0.6:
            self.faults["doubled"] += 1
            await response.aread()
            return await self._desk.handle_async_request(request)
        return response


async def scene(folder: Path, clock: SimClock, rng: random.Random) -> BadLine:
    """Incidents open and recover while the agent restarts now and then."""
    desk = app.build(
        desking.settings(folder),
        clock=clock,
        transport=desking.Outbound(),
        rng=random.Random(1),
    )
    await desk.start(mails=False)
    line = BadLine(httpx.ASGITransport(desk.asgi), rng)
    key = Secret(desk.enrol_embedded(desking.site()), reference="env:KEY")
    store = opened(folder / "agent", clock)
    try:
        for turn in range(2 * INCIDENTS):
            tell(store, turn)
            if turn % 16 == 0:
                store.close()
                store = opened(folder / "agent", clock)
            await deliver(store, clock, DeskClient("http://desk", key, transport=line))
        while store.head()[0] != store.head()[1]:
            await deliver(
                store, clock, DeskClient("http://desk", key, transport=line), 30
            )
        tickets = {row.incident_id: row.ticket_ref for row in store.reader.incidents()}
        assert len(set(tickets.values())) == INCIDENTS, "one ticket an incident"
        check_desk(desk, tickets)
    finally:
        store.close()
        await desk.close()
    return line


def tell(store: AgentStore, turn: int) -> None:
    """Turn by turn an incident opens, and the one before recovers.

    They lie an hour apart: openings within a minute would be a storm.
    """
    number, closes = divmod(turn, 2)
    since = T0 - (INCIDENTS - number) * HOUR
    since_text = format_instant(Instant(since))
    until_text = format_instant(Instant(since + 60 * SECOND))
    told = stage(number, Kind.RECOVER if closes else Kind.OPEN).model_copy(
        update={"at": until_text if closes else since_text, "since": since_text}
    )
    if closes:
        outage = Outage(
            since=since_text,
            until=until_text,
            down_us=60 * SECOND,
            degraded_us=0,
            unknown_us=0,
        )
        told = told.model_copy(update={"outage": outage})
    recovered = store.timeline.now() if closes else None
    kept = memory(number, recovered=recovered)
    store.commit(Write(incidents=(kept,), stages=(told,))).result()


def check_desk(desk: app.Desk, tickets: dict[str, str | None]) -> None:
    """Each incident is one ticket there, with every stage once, in order."""
    with desk.store.database.read() as db:
        rows = db.execute(
            select(tables.incident.c.incident_id, tables.incident.c.rev)
        ).all()
        refs = set(db.execute(select(tables.ticket.c.ref)).scalars())
    assert {row.incident_id: row.rev for row in rows} == {
        incident_id(number): 2 for number in range(INCIDENTS)
    }
    assert refs == set(tickets.values())


async def deliver(
    store: AgentStore, clock: SimClock, client: DeskClient, limit_s: float = 3
) -> None:
    """An agent that lives for a few seconds."""
    delivery = Delivery(store, client, clock, rng=random.Random(3))
    task = asyncio.create_task(delivery.run())
    await asyncio.sleep(limit_s)
    task.cancel()
    await asyncio.wait([task])
    await client.close()


def test_every_incident_is_one_ticket_over_a_bad_line(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    clock = SimClock(T0)
    line = simulate(clock, scene(tmp_path, clock, random.Random(seed)))
    assert set(line.faults) == {"lost", "reply lost", "doubled"}
