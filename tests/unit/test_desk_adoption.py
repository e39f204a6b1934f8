"""What the desk tells an agent whose store was lost (`reliability.md` 1.7)."""

import asyncio
from pathlib import Path
from typing import Any

from support.desking import INCIDENT, OTHER, Bench, Speaker, bench, stage


async def told(desk: Bench) -> Speaker:
    """An agent with an incident that is open and one that is over."""
    agent = await desk.agent()
    over: dict[str, Any] = {"incident_id": OTHER, "subject_key": "service:crm"}
    done = await agent.send(
        stage(1),
        stage(2, rev=2, kind="raise"),
        stage(3, **over),
        stage(4, rev=2, kind="recover", **over),
    )
    assert done.status_code == 200
    return agent


async def open_ones(agent: Speaker, **query: Any) -> list[dict[str, Any]]:
    reply = await agent.client.get(
        "/v1/agents/self/incidents", headers=agent.headers, params=query
    )
    assert reply.status_code == 200
    found: list[dict[str, Any]] = reply.json()
    return found


def test_a_new_store_hears_of_what_is_open_until_it_says_its_epoch(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            agent = await told(desk)
            assert (await agent.hello(epoch=1)).json()["adoptable"] == 0
            for _ in range(2):  # the first reply may have been lost
                reply = (await agent.hello("store-2")).json()
                assert (reply["epoch"], reply["adoptable"]) == (2, 1)
            assert (await agent.hello("store-2", epoch=2)).json()["adoptable"] == 0

            (one,) = await open_ones(agent)
            assert (one["incident_id"], one["rev"], one["subject_key"]) == (
                INCIDENT,
                2,
                "service:erp",
            )
            assert one["members"] == {"erp/web": "down"}
            assert one["ticket"] == (await agent.tickets())[0]["ref"]
            assert await open_ones(agent, after=INCIDENT) == []

    asyncio.run(scene())


def test_nobody_hears_of_another_sites_incidents(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            await told(desk)
            other = await desk.agent(customer="beta", name="beta-roma")
            assert (await other.hello("store-2")).json()["adoptable"] == 0
            assert await open_ones(other) == []

    asyncio.run(scene())
