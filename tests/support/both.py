"""A real desk and a real agent's store in one process, speaking."""

import asyncio
import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from scudo_agent.config.secret import Secret
from scudo_agent.dbfile.sqlite import module
from scudo_agent.deliver import Delivery
from scudo_agent.desk import app
from scudo_agent.instant import HOUR, Instant, format_instant
from scudo_agent.model import Kind
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.ticketing.desk import DeskClient
from support.desking import HandClock, Outbound, settings, site
from support.ledgers import ERP
from support.patience import patient
from support.storing import opened, told

LIMIT_S = 60.0


class Both:
    """A real desk and a real agent's store, and the delivery between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.mails = Outbound()
        self.key: str | None = None
        self.store: AgentStore = opened(folder / "agent", self.clock)
        self.store.follow([ERP]).result()

    def tell(self, number: int, kind: Kind = Kind.OPEN) -> None:
        """A stage of an incident, an hour after the last one."""
        self.clock.forward(3_600)
        now = self.clock.wall()
        write = told(number, kind)
        at = {"at": format_instant(now), "since": format_instant(Instant(now - HOUR))}
        stages = tuple(one.model_copy(update=at) for one in write.stages)
        memories = write.incidents
        if kind is Kind.RECOVER:
            memories = tuple(replace(one, recovered=now) for one in memories)
        self.store.commit(replace(write, stages=stages, incidents=memories)).result()

    async def start(self) -> app.Desk:
        desk = app.build(
            settings(self.folder),
            clock=self.clock,
            transport=self.mails,
            rng=random.Random(1),
        )
        await desk.start(mails=False)
        self.key = desk.enrol_embedded(site(), key=self.key)
        return desk

    async def settled(self) -> None:
        """Deliver until the desk has everything, over a fresh start of it."""
        desk = await self.start()
        client = DeskClient(
            "http://desk.example",
            Secret(self.key or "", reference="file:key"),
            transport=httpx.ASGITransport(desk.asgi),
        )
        rng = random.Random(7)
        delivery = Delivery(self.store, client, self.clock, rng=rng)
        task = asyncio.create_task(delivery.run())
        try:
            async with asyncio.timeout(patient(LIMIT_S)):
                while not self.told():
                    assert not task.done()
                    delivery.greet_now()
                    await asyncio.sleep(0)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await client.close()
        await desk.send_mails()
        self.clock.forward(3_600)  # what waits for a digest leaves, too
        await desk.send_mails()
        await desk.close()

    def told(self) -> bool:
        has = dict(self.rows("SELECT stream, last_seq FROM stream_cursor"))
        heads = {stream: self.store.head(stream) for stream in ("I", "L")}
        return all(
            head == acked == has.get(stream, 0)
            for stream, (head, acked) in heads.items()
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        # The library that the desk uses: a second one in a process sees no locks.
        with closing(module().connect(self.folder / "desk" / "desk.db")) as db:
            return list(db.execute(query).fetchall())

    def refs(self) -> dict[str, str]:
        """Number of the ticket of each incident of the agent."""
        query = (
            "SELECT incident.incident_id, ref FROM incident JOIN ticket"
            " USING (ticket_id) WHERE incident.audience = 'customer'"
        )
        return dict(self.rows(query))
