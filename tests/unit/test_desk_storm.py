"""Many openings at once: one ticket, few mails, every incident named."""

from pathlib import Path
from typing import Any

from sqlalchemy import select

from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import incident, mail_outbox, ticket, ticket_event
from scudo_agent.instant import MINUTE, SECOND, Instant, format_instant
from scudo_agent.model import Kind
from scudo_agent.wire import Stage
from support.desk_scene import play
from support.desking import T0, Bench, Speaker, evidence, stage
from support.mails_told import unheard, untold
from support.storms import subjects, text


def one(number: int) -> str:
    return f"0193e1c0-0000-7000-8000-{number:012d}"


def fault(
    seq: int, number: int, rev: int = 1, kind: str = "open", **changes: Any
) -> Stage:
    """A stage of printer `number`; opened `number` tenths of a second after T0."""
    at = changes.pop("at", Instant(T0 + number * SECOND // 10))
    name = f"p{number}/ping"
    given = {
        "incident_id": one(number),
        "subject_key": f"check:{name}",
        "subject": {"id": name, "title": {}},
        "since": format_instant(T0),
        "at": format_instant(at),
        "severity": 2,
        "rule": "S3",
        "members": [evidence(name)],
        "affected": [],
    }
    made = stage(seq, rev, kind, **(given | changes))
    if made.outage is None:
        return made
    over = made.outage.model_copy(
        update={"until": format_instant(at), "down_us": int(at - T0)}
    )
    return made.model_copy(update={"outage": over})


async def burst(agent: Speaker, count: int, **changes: Any) -> list[str]:
    """So many openings in batches of 200; the tickets' numbers."""
    refs = []
    for start in range(1, count + 1, 200):
        stages = [
            fault(seq, seq, **changes)
            for seq in range(start, min(start + 200, count + 1))
        ]
        reply = await agent.send(*stages)
        assert reply.status_code == 200, reply.text
        refs += [result["ticket"] for result in reply.json()["results"]]
    return refs


def faults(b: Bench, *, sent: bool = True) -> list[str]:
    with b.desk.store.database.read() as db:
        return untold(db, sent=sent) + unheard(db)


async def later(b: Bench, minutes: float, *, step_s: int = 30) -> None:
    """Time passes, and the desk looks after its tickets and sends."""
    for _ in range(round(minutes * 60 / step_s)):
        b.clock.forward(step_s)
        await b.desk.look_after()
        await b.desk.send_mails()


def test_from_the_third_on_openings_go_into_one_ticket(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        refs = await burst(agent, 50)
        assert len(set(refs)) == 3
        assert len(set(refs[2:])) == 1
        await later(b, 10)
        assert len(b.mails.mails) == 3
        assert "50" not in subjects(b)[0]
        assert "48" in subjects(b)[2]
        assert "Molti guasti" in subjects(b)[2]
        assert "altri 44" in text(b)
        assert faults(b) == []

    play(tmp_path, scene)


def test_two_openings_are_no_storm_and_neither_are_three_in_two_minutes(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        stages = [
            fault(seq, seq, at=Instant(T0 + seq * 31 * SECOND)) for seq in range(1, 6)
        ]
        reply = await agent.send(*stages)
        assert len({r["ticket"] for r in reply.json()["results"]}) == 5

    play(tmp_path, scene)


def test_a_report_of_days_ago_is_judged_by_its_own_dates(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        b.clock.forward(3 * 86400)
        stages = [
            fault(seq, seq, at=Instant(T0 + seq * 40 * MINUTE)) for seq in range(1, 30)
        ]
        await agent.send(*stages)
        assert len(await agent.tickets()) == 29

    play(tmp_path, scene)


def test_another_customer_and_the_provider_are_not_in_it(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        acme = await b.agent()
        await burst(acme, 5)
        other = await b.agent(customer="beta", name="beta-roma")
        await other.send(fault(1, 900))
        assert len(await other.tickets()) == 1
        await acme.send(fault(6, 6, audience="provider", severity=None, rule=None))
        lines = b.desk.store.views.tickets(Scope.of_staff())
        assert sorted(line.audience for line in lines).count("provider") == 1

    play(tmp_path, scene)


def test_two_sites_of_a_customer_share_a_storm(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        milano, roma = await b.agent(), await b.agent(name="acme-roma")
        await burst(milano, 4)
        reply = await roma.send(fault(1, 901, at=Instant(T0 + SECOND)))
        storm = reply.json()["results"][0]["ticket"]
        assert storm in {line["ref"] for line in await milano.tickets()}

    play(tmp_path, scene)


def test_a_second_agents_report_of_the_same_subject_is_no_second_opening(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        twin: dict[str, Any] = {"incident_id": one(77), "subject_key": "check:p1/ping"}
        reply = await agent.send(fault(1, 1), fault(2, 2, **twin), fault(3, 3))
        refs = [r["ticket"] for r in reply.json()["results"]]
        assert refs[0] == refs[1] != refs[2]
        with b.desk.store.database.read() as db:
            storms = select(ticket.c.ref).where(ticket.c.storm_us.is_not(None))
            assert db.execute(storms).all() == []

    play(tmp_path, scene)


def test_each_recovers_for_itself_and_the_last_one_is_told(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await burst(agent, 20)
        await later(b, 12)
        at = b.clock.wall()
        for number in range(1, 21):
            await agent.send(fault(20 + number, number, 2, "recover", at=at))
            if number == 19:
                await later(b, 1)
                assert len(b.mails.mails) == 5
        await later(b, 12)
        assert len(b.mails.mails) == 6
        assert "Finito: 18 guasti" in subjects(b)[-1]
        lines = await agent.tickets()
        assert {line["condition"] for line in lines} == {"recovered"}
        assert faults(b) == []
        with b.desk.store.database.read() as db:
            ended = db.execute(select(incident.c.ended_us)).scalars().all()
        assert len(ended) == 20
        assert None not in ended

    play(tmp_path, scene)


def test_no_more_than_three_mails_leave_in_any_ten_minutes(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await burst(agent, 20)
        seq = 20
        for rev in range(2, 8):
            await later(b, 2)
            for number in range(1, 21):
                seq += 1
                kind = "recover" if rev % 2 == 0 else "reopen"
                await agent.send(fault(seq, number, rev, kind, at=b.clock.wall()))
        await later(b, 24 * 60, step_s=300)
        with b.desk.store.database.read() as db:
            query = select(mail_outbox.c.sent_us).where(mail_outbox.c.state == "sent")
            sent = sorted(db.execute(query).scalars())
        assert all(
            last - first >= 10 * MINUTE
            for first, last in zip(sent, sent[3:], strict=False)
        )
        assert faults(b) == []

    play(tmp_path, scene)


def test_what_blocks_for_a_quarter_of_an_hour_gets_a_ticket_of_its_own_once(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await burst(agent, 9)
        erp = fault(
            10,
            10,
            severity=1,
            rule="S1",
            subject_key="service:erp",
            subject={"id": "erp", "title": {"it": "Gestionale"}},
            affected=[{"id": "erp", "title": {"it": "Gestionale"}}],
        )
        storm = (await agent.send(erp)).json()["results"][0]["ticket"]
        await later(b, 14.5)
        assert len(await agent.tickets()) == 3
        await later(b, 20)
        lines = {line["ref"]: line for line in await agent.tickets()}
        assert len(lines) == 4
        (own,) = (
            line
            for line in lines.values()
            if line["severity"] == 1 and line["ref"] != storm
        )
        assert (own["condition"], own["subject"]) == ("bad", "service:erp")
        assert sum(own["ref"] in subject for subject in subjects(b)) == 1
        assert storm in text(b)
        reply = await agent.send(
            erp.model_copy(update={"seq": 11, "rev": 2, "kind": Kind.NOTE})
        )
        assert reply.json()["results"][0]["ticket"] == own["ref"]
        view = b.desk.store.views.ticket(Scope.of_staff(), storm)
        assert view is not None
        assert [e.data["ticket"] for e in view.entries if e.kind == "moved"] == [
            own["ref"]
        ]
        with b.desk.store.database.read() as db:
            moved = select(ticket_event).where(ticket_event.c.kind == "moved_here")
            assert len(db.execute(moved).all()) == 1
        assert faults(b) == []

    play(tmp_path, scene)


def test_many_that_leave_at_once_are_told_in_one_mail(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await burst(agent, 250, severity=1, rule="S3")
        await later(b, 40)
        lines = b.desk.store.views.tickets(Scope.of_staff())
        assert len(lines) == 2 + 1 + 248
        assert len(b.mails.mails) == 4
        assert "altri 244" in text(b)
        assert faults(b) == []

    play(tmp_path, scene)


def test_what_recovered_in_time_stays_in_the_storm(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await burst(agent, 5, severity=1, rule="S3")
        for number in range(3, 6):
            await agent.send(
                fault(number + 3, number, 2, "recover", at=Instant(T0 + MINUTE))
            )
        await later(b, 30)
        assert len(await agent.tickets()) == 3

    play(tmp_path, scene)
