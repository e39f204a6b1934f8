"""Two agents of one site: one ticket for one subject, in whatever order they speak."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from scudo_agent.desk.auth import fingerprint
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.tables import incident, ticket
from scudo_agent.errors import InputError
from scudo_agent.instant import SECOND, Instant, format_instant
from scudo_agent.wire import Stage
from support.desk_scene import play
from support.desking import OTHER, T0, Bench, Speaker, site, stage
from support.mails_told import unheard, untold

KEY = "the other one's key"


async def second(b: Bench) -> Speaker:
    """The other agent of the first one's site, with a key of its own."""
    enrolment = Enrolment.of(site(), number=2)
    who = b.desk.store.agents.enrol(enrolment, key_sha256=fingerprint(KEY))
    assert who.agent_id == "acme/acme-milano/2"
    speaker = Speaker(b.client, KEY)
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


CUSTOMER, PROVIDER = "it@acme.example", "noc@provider.example"


def at(seconds: float) -> str:
    return format_instant(Instant(T0 + round(seconds * SECOND)))


def opening(seconds: float, seq: int = 1, **changes: Any) -> Stage:
    """The other agent's opening, so many seconds after T0."""
    given = {"incident_id": OTHER, "at": at(seconds + 5), "since": at(seconds)}
    return stage(seq, 1, **given | changes)


def ending(since: float, until: float, seq: int = 2, rev: int = 2) -> Stage:
    outage = {
        "since": at(since),
        "until": at(until),
        "down_us": round((until - since) * SECOND),
        "degraded_us": 0,
        "unknown_us": 0,
    }
    changes: dict[str, Any] = {"incident_id": OTHER, "at": at(until)}
    return stage(seq, rev, "recover", **changes, since=at(since), outage=outage)


async def told(b: Bench, to: str = CUSTOMER) -> list[str]:
    """Subjects of what was mailed to them, in order."""
    from email import message_from_bytes
    from email.policy import default

    await b.desk.send_mails()
    mails = (message_from_bytes(m, policy=default) for t, m in b.mails.mails if t == to)
    return [str(mail["Subject"]) for mail in mails]


def refs(b: Bench) -> list[tuple[str, str, int]]:
    """Condition, status and re-openings of the customer's tickets."""
    columns = (ticket.c.condition, ticket.c.status, ticket.c.reopen_count)
    query = select(*columns).where(ticket.c.audience == "customer")
    with b.desk.store.database.read() as db:
        return [tuple(row) for row in db.execute(query)]


def nothing_untold(b: Bench) -> None:
    with b.desk.store.database.read() as db:
        assert untold(db) + unheard(db) == []


def wait(b: Bench, seconds: float) -> None:
    """Time passes in a desk that looks every ten seconds."""
    while seconds > 0:
        b.clock.forward(min(seconds, 10))
        seconds -= 10
        b.desk.store.silence.look()


def test_what_the_second_tells_when_it_is_long_over_changes_nothing(
    tmp_path: Path,
) -> None:
    """It had no line to the desk (N9); no second ticket, and no second mail."""

    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await first.send(stage(2, 2, "recover"))
        before = await told(b)
        b.clock.forward(3 * 86_400)
        await other.send(opening(2), ending(2, 55))
        assert refs(b) == [("recovered", "new", 0)]
        assert await told(b) == before
        assert len(before) == 2
        nothing_untold(b)
        with b.desk.store.database.read() as db:
            ended = db.execute(select(ticket.c.recovered_us)).scalar_one()
        assert ended == T0 + 55 * SECOND  # when the last of them saw it end

    play(tmp_path, scene)


def test_what_is_back_for_the_second_alone_reopens_the_ticket(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await first.send(stage(2, 2, "recover"))
        await other.send(opening(3_600))
        assert refs(b) == [("bad", "reopened", 1)]
        await first.send(stage(3, 3, "reopen"))
        assert refs(b) == [("bad", "reopened", 1)]
        await first.send(stage(4, 4, "recover"))
        await other.send(ending(3_600, 4_000))
        assert refs(b) == [("recovered", "reopened", 1)]
        subjects = await told(b)
        assert ["Di nuovo" in line for line in subjects] == [False, False, True, False]
        assert len({line.partition("]")[0] for line in subjects}) == 1
        nothing_untold(b)

    play(tmp_path, scene)


@pytest.mark.parametrize("hours", [5, -5])
def test_hours_apart_it_is_another_outage(tmp_path: Path, hours: int) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await first.send(stage(2, 2, "recover"))
        await other.send(opening(hours * 3_600))
        assert len(refs(b)) == 2

    play(tmp_path, scene)


def test_a_killed_agent_does_not_keep_the_ticket_bad(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await other.send(opening(1))
        # From here on the first is dead.
        for _ in range(3):
            wait(b, 40)
            await other.hello("store-of-the-other")
        assert len(await told(b, PROVIDER)) == 1
        await other.send(ending(1, 125))
        assert refs(b) == [("bad", "new", 0)]
        wait(b, 10)
        assert refs(b) == [("recovered", "new", 0)]
        subjects = await told(b)
        assert len(subjects) == 2
        assert "di nuovo attivo" in subjects[1]

        # It is back, and says the same: nobody is told again.
        await first.hello("store-1", epoch=1)
        wait(b, 10)
        await first.send(stage(2, 2, "recover"))
        assert refs(b) == [("recovered", "new", 0)]
        assert await told(b) == subjects
        assert len(await told(b, PROVIDER)) == 2
        nothing_untold(b)
        with b.desk.store.database.read() as db:
            query = select(incident.c.aside_us, incident.c.condition).where(
                incident.c.audience == "customer"
            )
            assert set(db.execute(query)) == {(None, "recovered")}

    play(tmp_path, scene)


def test_who_is_back_and_still_sees_it_counts_again(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await other.send(opening(1), ending(1, 50))
        assert refs(b) == [("bad", "new", 0)]
        for _ in range(3):
            wait(b, 40)
            await other.hello("store-of-the-other")
        assert refs(b) == [("recovered", "new", 0)]
        # A note of it, told late, is no reason yet.
        await first.hello(epoch=1)
        await first.send(stage(2, 2, "note"))
        for _ in range(22):
            assert refs(b) == [("recovered", "new", 0)]
            wait(b, 40)
            await first.hello(epoch=1)
            await other.hello("store-of-the-other")
        wait(b, 60)
        assert refs(b) == [("bad", "reopened", 1)]
        subjects = await told(b)
        assert len(subjects) == 3
        await first.send(stage(3, 3, "recover"))
        assert refs(b) == [("recovered", "reopened", 1)]
        assert len(await told(b)) == 4
        nothing_untold(b)

    play(tmp_path, scene)


def test_where_the_other_saw_nothing_the_ticket_waits(tmp_path: Path) -> None:
    """One that sees a fault is not overruled by one that is silent about it."""

    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        for _ in range(3):
            wait(b, 40)
            await other.hello("store-of-the-other")
        assert refs(b) == [("bad", "new", 0)]

    play(tmp_path, scene)


async def only_heard(b: Bench, other: Speaker) -> None:
    """The first agent is silent until the desk notices."""
    for _ in range(3):
        wait(b, 40)
        await other.hello("store-of-the-other")


@pytest.mark.parametrize("after", [1800, 300])
def test_the_end_of_the_first_outage_is_not_that_of_a_relapse(
    tmp_path: Path, after: int
) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage(1, 1))
        await other.send(opening(1), ending(1, 50))
        await first.send(stage(2, 2, "recover", at=at(55)))
        await first.send(stage(3, 3, "reopen", at=at(after)))
        await only_heard(b, other)
        assert refs(b) == [("bad", "reopened", 1)]

    play(tmp_path, scene)


def test_one_end_is_told_once_however_often_an_agent_is_silent(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await other.send(opening(1), ending(1, 50))
        await only_heard(b, other)
        assert refs(b) == [("recovered", "new", 0)]
        await first.hello(epoch=1)
        wait(b, 10)
        await first.send(stage(2, 2, "recover"))
        await first.send(stage(3, 3, "reopen", at=at(300)))
        await only_heard(b, other)
        assert refs(b) == [("bad", "reopened", 1)]

    play(tmp_path, scene)


def test_where_the_rest_was_not_measured_the_silent_one_is_waited_for(
    tmp_path: Path,
) -> None:
    gone = OTHER[:-1] + "7"

    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await other.send(opening(1), ending(1, 50))
        await other.send(
            stage(3, 1, incident_id=gone), stage(4, 2, "retire", incident_id=gone)
        )
        await only_heard(b, other)
        assert refs(b) == [("bad", "new", 0)]
        await first.hello(epoch=1)
        wait(b, 10)
        await first.send(stage(2, 2, "recover", at=at(200)))
        assert refs(b)[0][0] != "bad"
        assert "di nuovo attivo" in (await told(b))[-1]

    play(tmp_path, scene)


def provider_tickets(b: Bench) -> list[tuple[str, str]]:
    query = (
        select(incident.c.subject_key, incident.c.condition)
        .where(incident.c.audience == "provider")
        .order_by(incident.c.subject_key)
    )
    with b.desk.store.database.read() as db:
        return [tuple(row) for row in db.execute(query)]


def test_the_silence_of_one_is_told_apart_from_that_of_both(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        for _ in range(3):
            wait(b, 40)
            await first.hello(epoch=1)
        assert provider_tickets(b) == [("agent-silent:acme-milano/2", "bad")]
        (subject,) = await told(b, PROVIDER)
        assert "acme-milano/2" in subject
        assert "agent-silent" not in b.mails.mails[-1][1].decode()
        wait(b, 100)  # now the first, too: the site is not watched
        assert provider_tickets(b) == [
            ("agent-silent:acme-milano/2", "bad"),
            ("monitoring-lost:acme-milano", "bad"),
        ]
        await first.hello(epoch=1)
        wait(b, 10)
        assert dict(provider_tickets(b))["monitoring-lost:acme-milano"] == "recovered"
        await other.hello("store-of-the-other")
        wait(b, 10)
        assert {condition for _, condition in provider_tickets(b)} == {"recovered"}
        assert await told(b) == []

    play(tmp_path, scene)


def test_who_was_revoked_is_not_waited_for(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        await second(b)
        for _ in range(3):
            wait(b, 40)
            await first.hello(epoch=1)
        assert b.desk.store.agents.revoke("acme/acme-milano/2")
        wait(b, 10)
        assert provider_tickets(b) == [("agent-silent:acme-milano/2", "recovered")]

    play(tmp_path, scene)


def test_two_agents_with_keys_of_their_own_are_no_copies(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        for turn in range(1, 6):
            for speaker, name in ((first, "store-1"), (other, "store-of-the-other")):
                said = await speaker.hello(name, run_id=name, mono_us=turn, epoch=1)
                assert not said.json()["frozen"]

    play(tmp_path, scene)


def test_a_second_agent_needs_a_first(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        enrolment = Enrolment.of(site(), number=2)
        with pytest.raises(InputError, match="without --second"):
            b.desk.store.agents.enrol(enrolment, key_sha256="k")
        with pytest.raises(InputError, match="one or two"):
            b.desk.store.agents.enrol(Enrolment.of(site(), number=3), key_sha256="k")

    play(tmp_path, scene)


@pytest.mark.parametrize("early", [True, False])
def test_where_the_rest_is_retired_the_silent_one_is_waited_for(
    tmp_path: Path, early: bool
) -> None:
    """Whether a third incident of the ticket is retired before or after the silent
    agent's was set aside: nobody else would say that it is over."""
    third = OTHER[:-1] + "7"

    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await other.send(opening(1), ending(1, 50))
        await other.send(stage(3, 1, incident_id=third))
        if early:
            await other.send(stage(4, 2, "retire", incident_id=third))
        await only_heard(b, other)
        assert refs(b) == [("bad", "new", 0)]
        if not early:
            await other.send(stage(4, 2, "retire", incident_id=third))
        wait(b, 20)
        assert refs(b) == [("bad", "new", 0)]
        await first.hello(epoch=1)
        wait(b, 10)
        await first.send(stage(2, 2, "recover", at=at(200)))
        assert refs(b)[0][0] == "not_measured"
        subjects = await told(b)
        assert [one for one in subjects if "di nuovo attivo" in one] == subjects[1:]
        assert len(subjects) == 2
        nothing_untold(b)

    play(tmp_path, scene)


async def closed(b: Bench) -> None:
    await b.log_in()
    with b.desk.store.database.read() as db:
        query = select(ticket).where(ticket.c.audience == "customer")
        row = db.execute(query).one()
    headers = {"Sec-Fetch-Site": "same-origin"}
    form = {"words": "lo sappiamo", "version": str(row.version)}
    await b.client.post(f"/t/{row.ref}/close", data=form, headers=headers)
    assert refs(b)[0][1] == "closed"


def test_what_is_insisted_on_twice_of_one_stage_holds_up_nothing(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        first = await b.agent()
        other = await second(b)
        await first.send(stage())
        await other.send(opening(1), ending(1, 50))
        await closed(b)
        b.clock.forward(4 * 3_600)
        assert await b.desk.look_after() == 1  # still bad: first's word
        await first.hello(epoch=1)
        await other.hello("store-of-the-other")
        b.clock.forward(50)
        for _ in range(2):  # it had stood still for hours, and is patient as long
            b.desk.store.silence.look()
            b.clock.forward(50)
        await only_heard(b, other)
        assert refs(b)[0][0] == "recovered"
        now = (b.clock.wall() - T0) / SECOND
        again = stage(3, 3, "reopen", incident_id=OTHER, at=at(now), since=at(now))
        await other.send(again, ending(now, now + 1, 4, 4))
        for _ in range(20):
            await first.hello(epoch=1)
            await other.hello("store-of-the-other")
            b.clock.forward(50)
            b.desk.store.silence.look()
        assert refs(b)[0][:2] == ("bad", "reopened")
        await closed(b)
        b.clock.forward(4 * 3_600)
        assert await b.desk.look_after() == 1
        assert refs(b)[0][:2] == ("bad", "reopened")
        subjects = await told(b)
        assert len([one for one in subjects if "Tuttora" in one]) == 2
        nothing_untold(b)

    play(tmp_path, scene)
