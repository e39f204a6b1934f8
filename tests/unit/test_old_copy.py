"""A desk put back from a copy older than agents keep what it acknowledged (D3)."""

import asyncio
import random
import shutil
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
from scudo_agent.model import Kind, State
from scudo_agent.store import ledger
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.ticketing.desk import DeskClient
from support.desking import HandClock, Outbound, settings, site
from support.ledgers import ERP, change, commit
from support.storing import incident_id, opened, told

DAY_S = 86_400
LIMIT_S = 20.0


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
            async with asyncio.timeout(LIMIT_S):
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


def test_what_agents_keep_no_longer_is_a_gap_and_the_rest_is_told(
    tmp_path: Path,
) -> None:
    async def scene(it: Both) -> None:
        commit(it.store, change("a/1", State.UP, 0))
        it.tell(1)
        it.tell(1, Kind.RECOVER)
        await it.settled()
        shutil.copytree(tmp_path / "desk", tmp_path / "copy")
        it.tell(2)
        it.tell(3)
        it.tell(3, Kind.RECOVER)
        it.tell(4)
        commit(it.store, change("a/1", State.DOWN, 3_000))
        await it.settled()
        it.clock.forward(36 * DAY_S)
        assert it.store.house_keep().result() == (2, 4)
        it.tell(5)
        await it.settled()
        before, sent = it.refs(), len(it.mails.mails)
        assert before.keys() == {incident_id(n) for n in (1, 2, 3, 4, 5)}

        shutil.rmtree(tmp_path / "desk")
        shutil.copytree(tmp_path / "copy", tmp_path / "desk")
        await it.settled()

        # Open ones are whole, from their openings on; a closed one is no more.
        told = {incident_id(n): before[incident_id(n)] for n in (1, 2, 4, 5)}
        assert it.refs() == told
        gaps = "SELECT seq, gap_reason FROM inbox WHERE gap_reason IS NOT NULL"
        assert [seq for seq, _ in it.rows(gaps)] == [4, 5]
        assert it.rows("SELECT count(*) FROM held_stage") == [(0,)]
        # No customer is told twice; the provider is told what is lost.
        again = it.mails.mails[sent:]
        assert {to for to, _ in again} == {"noc@provider.example"}
        assert any("perduti" in mail.decode() for _, mail in again)

    it = Both(tmp_path)
    try:
        asyncio.run(scene(it))
    finally:
        it.store.close()


def test_a_ledger_whose_first_rows_are_gone_goes_on_from_the_next(
    tmp_path: Path,
) -> None:
    async def scene(it: Both) -> None:
        for second in range(4):
            state = State.DOWN if second % 2 else State.UP
            commit(it.store, change("a/1", state, second * 60))
        rows = it.store.rows(ledger.STREAM, 10)
        assert len(rows) == 4
        it.store.acknowledge(ledger.STREAM, 2, {}).result()
        with closing(module().connect(tmp_path / "agent" / "agent.db")) as db:
            db.execute("DELETE FROM ledger_outbox WHERE seq <= 2")
            db.commit()
        await it.settled()
        found = it.rows("SELECT seq, service, sha256 FROM ledger ORDER BY seq")
        assert [(seq, service) for seq, service, _ in found] == [
            (1, None),
            (2, None),
            (3, "erp"),
            (4, "erp"),
        ]
        assert found[1][2] == rows[1].sha256
        kinds = it.rows("SELECT kind FROM security_event")
        assert ("ledger_chain_broken",) not in kinds

    it = Both(tmp_path)
    try:
        asyncio.run(scene(it))
    finally:
        it.store.close()
