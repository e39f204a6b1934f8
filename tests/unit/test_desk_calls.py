"""Who is called when nobody takes a ticket, until when, and by which button it ends."""

import asyncio
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from scudo_agent.desk.mail.transport import TransportError
from scudo_agent.desk.rights import Role
from scudo_agent.desk.rota import Rota
from scudo_agent.desk.store.call_tables import alarm
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.tables import ticket
from scudo_agent.instant import MINUTE, SECOND, Instant, format_instant
from support.calling import ALWAYS, QUEUE, after, alarms, calls, desk, link
from support.crew import OURS, Hand, hand
from support.desking import OTHER, T0, Bench, bench, contract, stage


def test_step_by_step_until_nobody_is_left_to_be_called(tmp_path: Path) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        assert await after(b, 0) == []
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        first, second = "tina@people.example", "ugo@people.example"
        assert await after(b, 0.1) == [QUEUE, first]
        assert await after(b, 9) == []
        assert await after(b, 1) == [first]  # the second mail
        assert await after(b, 10) == [QUEUE, second]
        assert await after(b, 15) == [QUEUE, first]
        for again in range(3):
            assert len(await after(b, 15)) == 2, again
        for _ in range(20):
            assert await after(b, 60) == []  # it is bounded
        [one] = alarms(b)
        assert (one.next_us, one.ended_us) == (None, None)
        page = await tina.page(f"/t/{ref}")
        assert (
            "nessuno l&#39;ha preso: Tina Tecnica viene avvisato per mail (passo 2)"
            in page
        )
        assert "nessuno ha risposto all" in page
        referent = hand(b, Role.REFERENT, "Rita Referente", tenant="acme")
        theirs = await referent.page(f"/t/{ref}")
        assert "Tina" not in theirs
        assert "people.example" not in theirs

    desk(tmp_path, walk)


def test_looking_at_the_link_records_nothing_and_the_button_ends_it(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await after(b, 0.1)
        where = link(b, "tina@people.example")
        for _ in range(3):
            page = await b.client.get(where)
            assert page.status_code == 200
            assert "Tina Tecnica, " in page.text
        assert (await b.client.head(where)).status_code in (200, 405)
        assert alarms(b)[0].ended_us is None
        foreign = await b.client.post(where, headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        assert alarms(b)[0].ended_us is None
        done = await b.client.post(where, headers=OURS)
        assert (done.status_code, done.headers["location"]) == (303, where)
        [one] = alarms(b)
        assert (one.ended_how, one.ended_by) == (
            "acknowledged",
            f"person:{tina.number}",
        )
        assert "Tina Tecnica lo sa" in (await b.client.get(where)).text
        # To know is not to take: the ticket is nobody's, and its clocks go on.
        with b.desk.store.database.read() as db:
            row = db.execute(select(ticket).where(ticket.c.ref == ref)).one()
        assert (row.status, row.assignee_id) == ("new", None)
        for _ in range(8):
            assert await after(b, 15) == []
        again = await b.client.post(where, headers=OURS)
        assert again.status_code == 303
        theirs = (await ugo.client.get(link(b, QUEUE))).text
        assert "Tina Tecnica lo sa" in theirs
        assert f'action="/t/{ref}/take"' in theirs  # who is logged in may take it
        history = await ugo.page(f"/t/{ref}")
        assert history.count("nessun altro viene avvisato") == 1

    desk(tmp_path, walk)


def test_a_link_opens_its_own_ticket_for_a_day_and_for_who_may_come_in(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await after(b, 0.1)
        where = link(b, "tina@people.example")
        other = stage(seq=2, incident_id=OTHER, subject_key="service:web")
        foreign = (await agent.send(other)).json()["results"][0]["ticket"]
        token = where.rpartition("/")[2]
        assert foreign != ref
        for wrong in (
            f"/called/{foreign}/{token}",
            f"/called/{ref}/{token[:-1]}",
            f"/called/{ref}/x",
        ):
            answer = await b.client.get(wrong)
            assert answer.status_code == 404, wrong
            assert "Tina" not in answer.text
            assert (await b.client.post(wrong, headers=OURS)).status_code == 404
        assert alarms(b)[0].ended_us is None
        with b.desk.store.database.write() as db:
            locked = update(person).where(person.c.person_id == tina.number)
            db.execute(locked.values(disabled_us=T0))
            assert db.execute(select(func.count()).select_from(alarm)).scalar() == 1
        assert (await b.client.get(where)).status_code == 404
        mine = link(b, QUEUE)
        assert (await b.client.get(mine)).status_code == 200
        b.clock.forward(86400)
        assert (await b.client.get(mine)).status_code == 404
        assert (await b.client.post(mine, headers=OURS)).status_code == 404

    desk(tmp_path, walk)


@pytest.mark.parametrize("how", ["take", "triage", "recover"])
def test_who_takes_it_ends_the_calls_and_so_does_recovery(
    tmp_path: Path, how: str
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await after(b, 0.1)
        b.clock.forward(600)
        assert await b.desk.call_people() == 1  # its mail has not left yet
        if how == "recover":
            await agent.send(stage(seq=2, rev=2, kind="recover"))
        else:
            form = {"severity": "1", "urgency": "1"} if how == "triage" else {}
            assert (await ugo.do(ref, how, **form)).status_code == 303
        assert await after(b, 0) == []
        for _ in range(5):
            assert await after(b, 15) == []
        [one] = alarms(b)
        assert one.ended_how == ("recovered" if how == "recover" else "taken")
        assert calls(b)[-1][2] == "dropped"

    desk(tmp_path, walk)


def test_a_call_that_fails_makes_the_next_step_at_once(tmp_path: Path) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        await agent.send(stage())
        await b.desk.send_mails()
        await b.desk.call_people()
        b.mails.faults = [TransportError("550 no such user", permanent=True)] * 2
        await b.desk.send_mails()
        await b.desk.call_people()
        assert [one[::2] for one in calls(b)] == [
            (0, "failed"),
            (0, "failed"),
            (1, "pending"),
        ]
        assert await after(b, 0) == ["tina@people.example"]
        found = (await b.client.get("/metrics")).text
        assert 'scudo_desk_calls_total{way="queue",outcome="failed"} 1' in found
        assert 'scudo_desk_calls_total{way="mail",outcome="sent"} 1' in found

    desk(tmp_path, walk)


def test_a_restart_goes_on_where_the_desk_was(tmp_path: Path) -> None:
    async def go() -> None:
        async with bench(tmp_path, **ALWAYS) as b:
            tina = hand(b, Role.TECHNICIAN, "Tina Tecnica")
            rota = Rota(zone="UTC", first=date(2026, 11, 16), minute=0, every_days=7,
                        people=(tina.number,))  # fmt: skip
            b.desk.store.rota.put(rota, version=0, actor="person:admin")
            agent = await b.agent()
            await agent.send(stage())
            assert len(await after(b, 0.1)) == 2
            await after(b, 10)
        async with bench(tmp_path, **ALWAYS) as b:
            assert await after(b, 0.5) == []
            b.clock.forward(3 * 3600)  # it was away: one step, not all of them
            assert len(await after(b, 0)) == 2
            assert await after(b, 1) == []

    asyncio.run(go())


def test_two_looks_at_once_call_once(tmp_path: Path) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        await agent.send(stage())
        policy = b.desk.settings.on_call
        assert policy is not None
        look = b.desk.store.calls.look
        both = await asyncio.gather(
            *(asyncio.to_thread(look, policy.policy) for _ in range(4))
        )
        assert sorted(made for made, _ in both) == [0, 0, 0, 2]
        assert len(calls(b)) == 2

    desk(tmp_path, walk)


def test_only_grave_tickets_of_customers_that_came_after_the_rota(
    tmp_path: Path,
) -> None:
    async def go() -> None:
        async with bench(tmp_path, on_call={"severity": 1, "hours": "always"}) as b:
            agent = await b.agent()
            await agent.send(stage())
            assert await after(b, 1) == []  # there is no rota
            tina = hand(b, Role.TECHNICIAN, "Tina Tecnica")
            rota = Rota(zone="UTC", first=date(2026, 11, 16), minute=0, every_days=7,
                        people=(tina.number,))  # fmt: skip
            b.desk.store.rota.put(rota, version=0, actor="person:admin")
            assert await after(b, 1) == []
            mild = stage(seq=2, incident_id=OTHER, subject_key="service:web",
                         severity=2, rule="S2")  # fmt: skip
            await agent.send(mild)
            assert await after(b, 1) == []
            worse = stage(seq=3, rev=2, kind="raise", incident_id=OTHER,
                          subject_key="service:web", severity=1)  # fmt: skip
            await agent.send(worse)
            assert len(await after(b, 1)) == 2

    asyncio.run(go())


def test_in_service_hours_only_unless_the_policy_says_always(tmp_path: Path) -> None:
    """09:00-18:00 on weekdays: what opens at night calls at nine."""

    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent(brings=contract())
        b.clock.forward(9 * 3600)  # 18:41 in Rome
        await agent.send(stage())
        assert await after(b, 1) == []
        [one] = alarms(b)
        # Looked at again: it may be a worse one by then, with other hours.
        assert one.next_us - b.clock.at == 5 * MINUTE
        assert await after(b, 13 * 60) == []
        assert await after(b, 17) == []
        assert alarms(b)[0].next_us - b.clock.at == 10 * SECOND
        assert len(await after(b, 0.2)) == 2

    desk(tmp_path, walk, on_call={"hours": "service"})


def test_not_while_all_of_its_services_are_in_maintenance(tmp_path: Path) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        window = {
            "kind": "ordinary", "services": ["erp"], "reason": "Dischi", "by": "noc",
            "start": "2026-11-23T09:41:50Z", "end": "2026-11-23T10:41:50Z",
        }  # fmt: skip
        headers = agent.headers | {"Idempotency-Key": "window-0001"}
        services = {"services": [{"id": "erp", "title": {"it": "ERP"}}]}
        await b.client.put(
            "/v1/agents/self/services", json=services, headers=agent.headers
        )
        made = await b.client.post(
            "/v1/agents/self/windows", json=window, headers=headers
        )
        assert made.status_code < 300, made.text
        await agent.send(stage())
        assert await after(b, 1) == []
        assert await after(b, 50) == []
        assert len(await after(b, 10)) == 2

    desk(tmp_path, walk)


def test_an_unstable_ticket_calls_once_and_one_that_comes_back_again(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        await agent.send(stage())
        assert len(await after(b, 0.2)) == 2
        await agent.send(stage(seq=2, rev=2, kind="recover"))
        await after(b, 1)
        await agent.send(stage(seq=3, rev=3, kind="reopen"))
        assert len(await after(b, 1)) == 2
        await agent.send(stage(seq=4, rev=4, kind="recover"))
        await after(b, 1)
        with b.desk.store.database.write() as db:
            db.execute(update(ticket).values(unstable_us=b.clock.at))
        await agent.send(stage(seq=5, rev=5, kind="reopen"))
        # Nobody said that he knows: the outage that stays calls, and only once.
        assert len(await after(b, 1)) == 2
        await agent.send(stage(seq=6, rev=6, kind="recover"))
        await after(b, 1)
        await agent.send(stage(seq=7, rev=7, kind="reopen"))
        assert await after(b, 1) == []

    desk(tmp_path, walk)


def test_a_week_of_nights_calls_whose_turn_it_is(tmp_path: Path) -> None:
    async def walk(b: Bench, tina: Hand, ugo: Hand) -> None:
        agent = await b.agent()
        found = []
        for night in range(8):
            b.clock.at = T0 + (night * 86400 + 12 * 3600) * SECOND
            at = format_instant(Instant(b.clock.at))
            opened = stage(
                seq=night + 1,
                incident_id=f"0193e1c0-0000-7000-8000-0000000001{night:02d}",
                subject_key=f"service:n{night}",
                at=at,
                since=at,
            )
            await agent.send(opened)
            sent = await after(b, 0.1)
            found.append(sent[1].partition("@")[0])
            await b.client.post(link(b, sent[1]), headers=OURS)
            assert await after(b, 30) == []
        assert found == ["tina"] * 7 + ["ugo"]
        assert {one.ended_how for one in alarms(b)} == {"acknowledged"}

    desk(tmp_path, walk)
