"""The agents' API: each event once, in order, for the right site."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from support.desking import INCIDENT, OTHER, Bench, bench, stage

from scudo_agent.desk.store.scope import Scope

Play = Callable[[Bench], Coroutine[Any, Any, None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Play], None]:
    """Run a scene on a fresh desk."""

    def run(scene: Play) -> None:
        async def scened() -> None:
            async with bench(tmp_path) as made:
                await scene(made)

        asyncio.run(scened())

    return run


def test_an_opening_becomes_a_ticket_with_its_public_number(
    play: Callable[[Play], None],
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        reply = await agent.send(stage())
        assert reply.status_code == 200, reply.text
        (result,) = reply.json()["results"]
        assert reply.json()["ack_seq"] == 1
        (ticket,) = await agent.tickets()
        assert ticket["ref"] == result["ticket"]
        assert (ticket["severity"], ticket["rule"]) == (1, "S1")
        assert (ticket["status"], ticket["condition"]) == ("new", "bad")
        assert await b.desk.send_mails() == 1

    play(scene)
