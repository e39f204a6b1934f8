"""Two agents with one identity: frozen, and one let in again (1.1)."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import select

from scudo_agent.desk.store.tables import incident, security_event
from support.desking import Bench, Speaker, bench, stage

WHO = "acme/acme-milano/1"


async def hello(agent: Speaker, run: str, mono: int, **more: Any) -> dict[str, Any]:
    reply = await agent.hello(run_id=run, mono_us=mono, **more)
    assert reply.status_code == 200
    data: dict[str, Any] = reply.json()
    return data


def alarms(desk: Bench) -> list[tuple[str, str]]:
    with desk.desk.store.database.read() as db:
        rows = db.execute(select(incident.c.subject_key, incident.c.condition))
        return [tuple(row) for row in rows]


def test_restarts_and_late_hellos_are_no_clones(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            agent = await desk.agent()
            for turn, run in enumerate("abcde"):
                for mono in (10, 20):
                    said = await hello(agent, run, turn * 100 + mono)
                    assert said["frozen"] is False
            # The last ones of a process that was killed come late, and twice.
            for _ in range(3):
                assert (await hello(agent, "d", 330))["frozen"] is False
            assert alarms(desk) == []

    asyncio.run(scene())


def test_two_that_speak_in_turns_are_frozen_and_the_provider_is_told(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            agent = await desk.agent()
            said = [
                (await hello(agent, run, mono))["frozen"]
                for mono, run in enumerate("ababab", start=10)
            ]
            assert said == [False, False, False, False, True, True]
            assert alarms(desk) == [("agent-cloned:acme-milano", "bad")]
            refused = await agent.send(stage(1))
            assert (refused.status_code, refused.json()["hello"]) == (409, True)
            assert await agent.tickets() == []
            with desk.desk.store.database.read() as db:
                kinds = db.execute(select(security_event.c.kind)).scalars().all()
            assert kinds == ["agent_cloned"]

    asyncio.run(scene())


def test_who_is_let_in_again_goes_on_in_an_epoch_of_its_own(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            agent = await desk.agent()
            assert (await agent.send(stage(1))).status_code == 200
            for mono, run in enumerate("abababa", start=10):
                await hello(agent, run, mono, epoch=1)
            desk.desk.store.clones.unfreeze(WHO)
            said = await hello(agent, "b", 90, epoch=1)
            assert (said["frozen"], said["epoch"], said["adoptable"]) == (False, 2, 1)
            assert said["last_contiguous_seq"]["I"] == 0
            assert (await agent.send(stage(1))).status_code == 200
            assert len(await agent.tickets()) == 1
            assert alarms(desk)[-1] == ("agent-cloned:acme-milano", "recovered")

    asyncio.run(scene())
