"""Two agents of one site: one ticket for one subject, in whatever order they speak."""

from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from scudo_agent.desk.auth import fingerprint
from scudo_agent.desk.store.tables import agent, ticket
from scudo_agent.wire import Stage
from support.desk_scene import play
from support.desking import OTHER, Bench, Speaker, stage
from support.mails_told import unheard, untold


async def second(b: Bench) -> Speaker:
    """The other agent of the first one's site, with a key of its own."""
    with b.desk.store.database.write() as db:
        known = dict(db.execute(select(agent)).mappings().one())
        known |= {
            "agent_id": "acme/acme-milano/2",
            "key_sha256": fingerprint("the other one's key"),
            "epoch": 0,
        }
        db.execute(insert(agent).values(known))
    speaker = Speaker(b.client, "the other one's key")
    assert (await speaker.hello("store-of-the-other")).status_code == 200
    return speaker


def life(incident_id: str | None = None) -> list[Stage]:
    changes = {} if incident_id is None else {"incident_id": incident_id}
    return [
        stage(1, 1, **changes),
        stage(2, 2, "recover", **changes),
        stage(3, 3, "reopen", **changes),
        stage(4, 4, "recover", **changes),
    ]


_ORDERS = sorted(set(permutations("AABB")))


@pytest.mark.parametrize("order", _ORDERS, ids="".join)
def test_a_pair_of_agents_makes_one_ticket(
    tmp_path: Path, order: tuple[str, ...]
) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        speakers = {"A": first, "B": await second(b)}
        lives = {"A": life(), "B": life(OTHER)}
        # Both open before any of them recovers: then it is one outage for sure.
        for name in "AB":
            reply = await speakers[name].send(lives[name].pop(0))
            assert reply.status_code == 200, reply.text
        for name in order:
            await speakers[name].send(lives[name].pop(0))
            (line,) = await first.tickets()
        for name in "AB":
            await speakers[name].send(*lives[name])
        (line,) = await first.tickets()
        assert line["condition"] == "recovered"
        b.clock.forward(2 * 86400)
        await b.desk.send_mails()
        with b.desk.store.database.read() as db:
            assert untold(db) + unheard(db) == []
            assert len(db.execute(select(ticket.c.ref)).all()) == 1

    play(tmp_path, scene)


def test_the_ticket_is_bad_until_both_have_recovered(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await other.send(stage(incident_id=OTHER))
        await first.send(stage(2, 2, "recover"))
        assert (await first.tickets())[0]["condition"] == "bad"
        await other.send(stage(2, 2, "recover", incident_id=OTHER))
        assert (await first.tickets())[0]["condition"] == "recovered"

    play(tmp_path, scene)
