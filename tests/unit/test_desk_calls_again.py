"""Calls about what is back, what fails, and what somebody else's storm is about."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from scudo_agent.desk.cadence import CALM_US
from scudo_agent.desk.mail.transport import TransportError
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.call_tables import alarm, call_channel
from scudo_agent.desk.store.leaving import MOVED_HERE
from scudo_agent.desk.store.tables import ticket, ticket_event
from scudo_agent.instant import MINUTE, Instant, format_instant
from support.calling import QUEUE, after, alarms, calls, desk, link
from support.crew import OURS, Hand, hand
from support.desking import OTHER, Bench, Speaker, contract, stage

FIRST = "tina@people.example"
CHANNELS: dict[str, Any] = {
    "hours": "always",
    "channels": ["json"],
    "steps": [
        {"after_min": 0, "by": ["channels"]},
        {"after_min": 10, "by": ["channels"]},
    ],
}


async def taken(b: Bench, ugo: Hand, ref: str) -> None:
    """Somebody takes the ticket and is done with it while it is still bad."""
    assert len(await after(b, 0.1)) == 2
    assert (await ugo.do(ref, "take")).is_redirect
    assert await after(b, 0.1) == []
    form = {"severity": "1", "urgency": "1"}
    assert (await ugo.do(ref, "triage", **form)).is_redirect
    await ugo.do(ref, "start", mode="phone")
    done = await ugo.do(ref, "resolve", words="Gira sul secondo", redundant="yes")
    assert done.is_redirect
    assert await after(b, 30) == []
    assert [one.ended_how for one in alarms(b)] == ["taken"]


async def by_customer(b: Bench, ugo: Hand, agent: Speaker, ref: str) -> None:
    rita = hand(b, Role.REFERENT, "Rita Referente", tenant="acme")
    assert (await rita.do(ref, "message", words="Non va ancora")).is_redirect


async def by_person(b: Bench, ugo: Hand, agent: Speaker, ref: str) -> None:
    assert (await ugo.do(ref, "reopen", words="Non regge")).is_redirect


async def by_desk(b: Bench, ugo: Hand, agent: Speaker, ref: str) -> None:
    assert (await ugo.do(ref, "close", words="Si vedra")).is_redirect
    assert await after(b, 0.1) == []
    b.clock.forward(4 * 3600)
    await b.desk.look_after()


async def by_worse(b: Bench, ugo: Hand, agent: Speaker, ref: str) -> None:
    with b.desk.store.database.write() as db:
        db.execute(update(ticket).values(severity=2))
    await agent.send(stage(seq=2, rev=2, kind="raise", severity=1))


@pytest.mark.parametrize("back", [by_customer, by_person, by_desk, by_worse])
def test_whatever_reopens_a_ticket_calls_anew(tmp_path: Path, back: Any) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await taken(b, ugo, ref)
        await back(b, ugo, agent, ref)
        assert await after(b, 0.1) == [QUEUE, FIRST]
        assert await after(b, 0.1) == []
        assert [one.spell for one in alarms(b)] == [0, 1]
        await ugo.do(ref, "take")  # whose it was; taken it is by work
        await ugo.do(ref, "start", mode="phone")
        for _ in range(3):
            assert await after(b, 15) == []

    desk(tmp_path, walk)


def test_what_is_taken_and_back_between_two_looks_goes_on_calling(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        assert len(await after(b, 0.1)) == 2
        b.clock.forward(1)
        await ugo.do(ref, "close", words="Prova")
        b.clock.forward(1)
        rita = hand(b, Role.REFERENT, "Rita Referente", tenant="acme")
        await rita.do(ref, "message", words="Non va")
        assert await after(b, 10) == [FIRST]

    desk(tmp_path, walk)


def test_what_recovered_and_is_bad_by_another_opening_calls_anew(
    tmp_path: Path,
) -> None:
    """A storm is joined: no stage re-opens it, and its state is still `new`."""

    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        await agent.send(stage())
        for known in (False, True):
            assert len(await after(b, 0.1)) == 2
            if known:
                await b.client.post(link(b, FIRST), headers=OURS)
            assert await after(b, 1) == []
            with b.desk.store.database.write() as db:
                db.execute(update(ticket).values(condition="recovered"))
            assert await after(b, 1) == []
            with b.desk.store.database.write() as db:
                db.execute(update(ticket).values(condition="bad"))
        assert await after(b, 1) == []  # somebody knows, and nothing says it was away
        assert [one.ended_how for one in alarms(b)] == ["recovered", "acknowledged"]

    desk(tmp_path, walk)


def test_who_knew_is_called_again_of_each_return(tmp_path: Path) -> None:
    """The second return changes no state: it is `reopened` before and after."""

    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        await agent.send(stage())
        for rev in (2, 4):
            assert len(await after(b, 1)) == 2
            await b.client.post(link(b, FIRST), headers=OURS)
            b.clock.forward(60)
            await agent.send(stage(seq=rev, rev=rev, kind="recover"))
            assert await after(b, 1) == []
            await agent.send(stage(seq=rev + 1, rev=rev + 1, kind="reopen"))
        assert len(await after(b, 1)) == 2

    desk(tmp_path, walk)


def test_what_is_unstable_calls_step_by_step_until_somebody_knows(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        rev = 1

        async def turn(kind: str) -> None:
            nonlocal rev
            rev += 1
            at = format_instant(Instant(b.clock.at))
            sent = await agent.send(stage(seq=rev, rev=rev, kind=kind, at=at))
            assert sent.status_code == 200

        await agent.send(stage())
        for _ in range(3):
            assert len(await after(b, 1)) == 2
            await turn("recover")
            assert await after(b, 1) == []
            await turn("reopen")
        # It is unstable from here on: one ladder, whether it is up for a moment or not.
        assert len(await after(b, 0.1)) == 2
        await turn("recover")
        assert await after(b, 12) == []
        await turn("reopen")
        assert await after(b, 1) == [FIRST]
        assert [one.ended_us is None for one in alarms(b)] == [False] * 3 + [True]
        await b.client.post(link(b, FIRST), headers=OURS)
        for kind in ("recover", "reopen"):
            await turn(kind)
            assert await after(b, 15) == []
        # Calm for long, it is as good as any other.
        with b.desk.store.database.write() as db:
            db.execute(update(alarm).values(ended_us=None, ended_how=None))
        await turn("recover")
        assert await after(b, 1) == []
        assert alarms(b)[-1].ended_us is None
        assert await after(b, CALM_US // MINUTE) == []
        assert alarms(b)[-1].ended_how == "recovered"

    desk(tmp_path, walk)


def test_another_call_that_left_keeps_the_time_of_the_next_step(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        await agent.send(stage())
        await b.desk.send_mails()
        await b.desk.call_people()
        b.mails.faults = [TransportError("550 no such user", permanent=True)]
        assert len(await after(b, 0)) == 1
        assert sorted(one[2] for one in calls(b)) == ["failed", "sent"]
        assert await after(b, 9) == []
        assert await after(b, 1.1) == [FIRST]

    desk(tmp_path, walk)


def test_channels_that_fail_burn_no_repeats(tmp_path: Path) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        channels = b.desk.store.channels
        for name in "xy":
            channels.add(tina.number, "json", f"json://h/{name}")
        agent = await b.agent()
        await agent.send(stage())
        for _ in range(8):
            await b.desk.call_people()
            while (one := channels.claim()) is not None:
                assert channels.done(one, "answered 500")
            b.clock.forward(5)
        made = [one for one in calls(b) if one[1].startswith("channels/")]
        assert [one[0] for one in made] == [0, 0, 1, 1]
        [one] = alarms(b)
        assert (one.step, one.next_us > b.clock.at + 13 * MINUTE) == (2, True)

    desk(tmp_path, walk, on_call=CHANNELS)


@pytest.mark.parametrize("how", ["removed", "unclaimed"])
def test_a_channel_call_that_nobody_makes_is_one_that_failed(
    tmp_path: Path, how: str
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        channels = b.desk.store.channels
        channels.add(tina.number, "json", "json://h/x")
        agent = await b.agent()
        await agent.send(stage())
        await b.desk.call_people()
        if how == "removed":
            with b.desk.store.database.read() as db:
                number = db.execute(select(call_channel.c.channel_id)).scalar_one()
            assert channels.remove(tina.number, number)
        assert await after(b, 2.9) == []
        assert [one[2] for one in calls(b)] == ["pending"]
        assert await after(b, 0.2) == [QUEUE]
        assert calls(b)[0][2] == "failed"
        assert alarms(b)[0].step == 2

    desk(tmp_path, walk, on_call=CHANNELS)


def test_a_storm_that_nobody_takes_keeps_no_other_ticket_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        await agent.send(stage())
        with b.desk.store.database.write() as db:
            row = dict(db.execute(select(ticket)).mappings().one())
            del row["ticket_id"]
            rows = [
                row | {"ref": f"SC-STOR-{n:04d}", "incident_id": None}
                for n in range(120)
            ]
            db.execute(insert(ticket), rows)
            entry = {"at_us": b.clock.at, "stored_us": b.clock.at, "actor": "desk"}
            entry |= {"tenant_id": "acme", "kind": MOVED_HERE}
            mine = select(ticket.c.ticket_id).where(ticket.c.ref.like("SC-STOR-%"))
            family = {"data": {"from": "SC-ABCD-EFGH"}}
            db.execute(
                insert(ticket_event),
                [
                    entry | family | {"ticket_id": number}
                    for number in db.execute(mine).scalars().all()
                ],
            )
        assert len(await after(b, 0.1)) == 4  # the first one, a storm
        other = await b.agent(customer="beta", name="beta-roma")
        late = stage(incident_id=OTHER, subject_key="service:web", severity=2)
        ref = (await other.send(late)).json()["results"][0]["ticket"]
        assert len(await after(b, 0.1)) == 2
        assert ref in b.mails.mails[-1][1].decode()
        assert len(alarms(b)) == 3

        def refused() -> None:
            raise AssertionError("there is nothing to write")

        with monkeypatch.context() as patch:
            patch.setattr(b.desk.store.database, "write", refused)
            await b.desk.call_people()

    desk(tmp_path, walk)


def test_what_left_a_storm_that_somebody_knew_of_calls_when_it_is_back(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        with b.desk.store.database.write() as db:
            number = db.execute(select(ticket.c.ticket_id)).scalar_one()
            entry = {"at_us": b.clock.at, "stored_us": b.clock.at, "actor": "desk"}
            entry |= {"tenant_id": "acme", "kind": MOVED_HERE, "ticket_id": number}
            db.execute(insert(ticket_event), entry | {"data": {"from": "SC-AB"}})
        await taken(b, ugo, ref)
        await by_person(b, ugo, agent, ref)
        assert await after(b, 0.1) == [QUEUE, FIRST]

    desk(tmp_path, walk)


def test_a_step_put_off_is_made_when_the_ticket_is_a_worse_one(tmp_path: Path) -> None:
    """At night: severity 1 is worked on at any hour, severity 2 on weekdays."""

    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        given = contract()
        given["service_hours"]["extra"] = [
            {"when": {"severity": [1]}, "weekly": {"mon-sun": ["00:00-24:00"]}}
        ]
        agent = await b.agent(brings=given)
        b.clock.forward(9 * 3600)  # 18:41 in Rome
        await agent.send(stage(severity=2))
        assert await after(b, 1) == []
        assert alarms(b)[0].next_us - b.clock.at <= 5 * MINUTE
        await agent.send(stage(seq=2, rev=2, kind="raise", severity=1))
        assert len(await after(b, 5)) == 2

    desk(tmp_path, walk, on_call={"hours": "service"})
