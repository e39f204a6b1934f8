"""Invitations: once, within the hour, for one site (threats 5 to 7)."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from scudo_agent.desk.auth import fingerprint, new_key
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.invitations import NotInvitedError
from scudo_agent.errors import InputError
from support.desking import Bench, Speaker, bench, site, stage

TOKEN = "scj_" + "t" * 43
WHO = "acme/acme-milano/1"


def invite(desk: Bench, token: str = TOKEN, *, replaces: bool = False) -> None:
    desk.desk.store.invitations.invite(
        Enrolment.of(site()), fingerprint(token), replaces=replaces, actor="root"
    )


async def join(desk: Bench, key: str, token: str = TOKEN) -> httpx.Response:
    body = {"token": token, "key_sha256": fingerprint(key)}
    return await desk.client.post("/v1/join", json=body)


async def may_speak(desk: Bench, key: str) -> bool:
    return (await Speaker(desk.client, key).hello()).status_code == 200


def test_an_invitation_makes_an_agent_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            invite(desk)
            key, thief = new_key(), new_key()
            for _ in range(2):  # the first reply may have been lost
                reply = await join(desk, key)
                assert reply.status_code == 200
                assert reply.json()["agent_id"] == WHO
            assert (await join(desk, thief)).status_code == 403
            assert await may_speak(desk, key)
            assert not await may_speak(desk, thief)
            assert not await may_speak(desk, TOKEN)

    asyncio.run(scene())


def test_an_hour_later_it_is_void(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            invite(desk)
            desk.clock.forward(3_601)
            assert (await join(desk, new_key())).status_code == 403

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("token", "status"), [("scj_" + "u" * 43, 403), ("scj_short", 422), ("x" * 47, 422)]
)
def test_what_is_no_invitation_joins_nobody(
    tmp_path: Path, token: str, status: int
) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            invite(desk)
            assert (await join(desk, new_key(), token)).status_code == status

    asyncio.run(scene())


def test_guessing_is_slowed_down(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            said = [
                (await join(desk, new_key(), f"scj_{n:043d}")).status_code
                for n in range(25)
            ]
            assert (said[0], said[-1]) == (403, 429)

    asyncio.run(scene())


def test_a_new_machine_takes_the_old_ones_place(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            invite(desk)
            old, new = new_key(), new_key()
            assert (await join(desk, old)).status_code == 200
            with pytest.raises(InputError, match="--replace"):
                invite(desk, TOKEN + "2")
            invite(desk, TOKEN + "3", replaces=True)
            assert await may_speak(desk, old)  # until the new one is there
            assert (await join(desk, new, TOKEN + "3")).status_code == 200
            assert await may_speak(desk, new)
            assert not await may_speak(desk, old)

    asyncio.run(scene())


def test_a_second_agent_joins_beside_the_first(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            invite(desk)
            first, second = new_key(), new_key()
            assert (await join(desk, first)).status_code == 200
            invitations = desk.desk.store.invitations
            pair = Enrolment.of(site(), number=2)
            token = TOKEN + "2"
            invitations.invite(pair, fingerprint(token), replaces=False, actor="root")
            reply = await join(desk, second, token)
            assert reply.json()["agent_id"] == "acme/acme-milano/2"
            assert await may_speak(desk, first)
            assert await may_speak(desk, second)
            with pytest.raises(InputError, match="--second --replace"):
                invitations.invite(pair, "x", replaces=False, actor="root")
            assert desk.desk.store.agents.revoke("acme/acme-milano/2")
            assert await may_speak(desk, first)
            assert not await may_speak(desk, second)

    asyncio.run(scene())


def test_two_that_join_at_once_are_not_both_let_in(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            invite(desk)
            outcomes: list[bool] = []

            def race() -> None:
                try:
                    desk.desk.store.invitations.join(
                        fingerprint(TOKEN), fingerprint(new_key())
                    )
                    outcomes.append(True)
                except NotInvitedError:
                    outcomes.append(False)

            racers = [threading.Thread(target=race) for _ in range(8)]
            for one in racers:
                one.start()
            for one in racers:
                one.join(30)
            assert sorted(outcomes) == [False] * 7 + [True]

    asyncio.run(scene())


def test_a_revoked_agent_is_refused_at_its_next_request(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as desk:
            invite(desk)
            key = new_key()
            await join(desk, key)
            speaker = Speaker(desk.client, key)
            await speaker.hello()
            assert desk.desk.store.agents.revoke(WHO)
            assert (await speaker.send(stage(1))).status_code == 401
            assert not await may_speak(desk, key)

    asyncio.run(scene())


def test_what_one_site_recorded_is_worth_nothing_with_anothers_key(
    tmp_path: Path,
) -> None:
    """Threat 5: the same bodies, another credential."""

    async def scene() -> None:
        async with bench(tmp_path) as desk:
            mine = await desk.agent()
            await mine.send(stage(1))
            other = await desk.agent(customer="beta", name="beta-roma")
            reply = await other.send(stage(1))
            assert reply.status_code in (200, 422)
            (own,) = await mine.tickets()
            assert own["site"] == "acme-milano"
            assert all(t["site"] == "beta-roma" for t in await other.tickets())
            found: list[Any] = [t["ref"] for t in await other.tickets()]
            assert own["ref"] not in found

    asyncio.run(scene())
