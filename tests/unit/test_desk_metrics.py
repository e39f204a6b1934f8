"""`/metrics` of the desk: what waits, since when, and who may look."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from sqlalchemy import Engine, event

from scudo_agent.desk.mail.transport import TransportError
from scudo_agent.desk.rights import Role
from scudo_agent.desk.rota import Rota
from scudo_agent.instant import DAY, SECOND, Instant
from scudo_agent.telemetry.desk_catalogue import DESK_METRICS
from support.crew import hand
from support.desk_scene import play
from support.desking import T0, Bench, stage

ONE = (("agent", "1"), ("customer", "acme"), ("site", "acme-milano"))


async def read(b: Bench) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    reply = await b.client.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(reply.text)
        for sample in family.samples
    }


def test_mails_that_came_in_are_counted_and_those_that_wait(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        raw = b"From: a@b.example\nSubject: x\nDate: today\n\nx\n"
        b.desk.store.mail_in.land(raw, source="pipe")
        b.desk.store.mail_in.land(raw, source="pipe")
        b.clock.forward(90)
        found = await read(b)
        total = "scudo_desk_mail_in_total"
        assert found[total, (("outcome", "quarantined"),)] == 1
        assert found[total, (("outcome", "landed"),)] == 0
        assert found["scudo_desk_mail_in_quarantined", ()] == 1
        age = found["scudo_desk_mail_in_oldest_quarantined_age_seconds", ()]
        assert age == 90

    play(tmp_path, scene)


def test_every_metric_is_there_with_its_labels(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        dora = hand(b, Role.DISPATCHER, "Dora Dispatcher")
        rota = Rota(zone="UTC", first=date(2026, 11, 16), minute=0, every_days=7,
                    people=(dora.number,))  # fmt: skip
        b.desk.store.rota.put(rota, version=0, actor="person:admin")
        await agent.send(stage())
        await b.desk.call_people()
        await b.desk.send_mails()
        await b.desk.call_people()
        seen: dict[str, set[str]] = {}
        for name, labels in await read(b):
            seen.setdefault(name, set()).update(key for key, _ in labels)
        expected = {metric.name: set(metric.labels) for metric in DESK_METRICS}
        del expected["scudo_desk_backup_timestamp_seconds"]  # there is none yet
        for name in ("up", "looked_timestamp_seconds"):
            del expected[f"scudo_desk_mailbox_{name}"]  # none is read here
        assert seen == expected

    play(tmp_path, scene, on_call={"hours": "always"})


def test_mails_age_until_they_leave_or_fail(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        assert (await read(b))["scudo_desk_oldest_mail_age_seconds", ()] == 0
        await agent.send(stage())
        b.clock.forward(90)
        found = await read(b)
        assert found["scudo_desk_mails_waiting", ()] == 1
        assert found["scudo_desk_oldest_mail_age_seconds", ()] == 90
        assert b.desk.store.mail.turn((), 1).claims
        b.clock.forward(30)
        assert (await read(b))["scudo_desk_mail_lease_age_seconds", ()] == 30
        b.clock.forward(300)
        b.mails.faults = [TransportError("550 no", permanent=True)]
        await b.desk.send_mails()
        found = await read(b)
        assert found["scudo_desk_mails_waiting", ()] == 0
        assert found["scudo_desk_oldest_mail_age_seconds", ()] == 0
        assert found["scudo_desk_mail_lease_age_seconds", ()] == 0
        assert found["scudo_desk_mails_failed", ()] == 1

    play(tmp_path, scene)


def test_agents_are_told_by_their_last_greeting(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        b.clock.forward(40)
        await agent.hello(oldest_unacked_age_s=12.5)
        found = await read(b)
        assert found["scudo_desk_agent_last_hello_timestamp_seconds", ONE] == (
            pytest.approx((T0 + 40 * SECOND) / SECOND)
        )
        age = "scudo_desk_agent_oldest_unacknowledged_age_seconds"
        assert found[age, ONE] == 12.5
        gap = {"epoch": 1, "seq": 1, "incident_id": "i", "rev": 1, "reason": "no"}
        reply = await b.client.post(
            "/v1/agents/self/streams/I/gaps",
            json=gap | {"sha256": "0" * 64},
            headers=agent.headers,
        )
        assert reply.status_code == 200
        found = await read(b)
        assert found["scudo_desk_gaps_total", (("stream", "I"),)] == 1
        b.desk.store.agents.revoke("acme/acme-milano/1")
        assert not any(labels == ONE for _, labels in await read(b))

    play(tmp_path, scene)


GAP = {"epoch": 1, "reason": "no", "sha256": "0" * 64}


def test_gaps_are_counted_once_and_for_good(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()

        async def gap(stream: str, seq: int, until: int, **more: Any) -> None:
            reply = await b.client.post(
                f"/v1/agents/self/streams/{stream}/gaps",
                json=GAP | {"seq": seq, "until": until} | more,
                headers=agent.headers,
            )
            assert reply.status_code == 200

        for _ in range(2):  # a second time it is the same gap
            await gap("I", 1, 3, incident_id="", rev=1)
            await gap("L", 1, 2)
        await gap("I", 4, 4, incident_id="", rev=1)
        await gap("L", 3, 4)
        for _ in range(2):
            found = await read(b)
            assert found["scudo_desk_gaps_total", (("stream", "I"),)] == 4
            assert found["scudo_desk_gaps_total", (("stream", "L"),)] == 4
            # Then as it is when the reports are dropped: a counter never falls.
            b.clock.forward(5_000 * DAY / SECOND)
            b.desk.store.retention.drop()
        with b.desk.store.database.read() as db:
            left = db.exec_driver_sql("SELECT count(*) FROM inbox").scalar_one()
            assert left == 0

    play(tmp_path, scene)


def test_a_scrape_looks_through_no_reports(tmp_path: Path) -> None:
    said: list[str] = []

    def note(_db: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    async def scene(b: Bench) -> None:
        await b.agent()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            await read(b)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert any("FROM stream_cursor" in one for one in said)
        grow = ("FROM inbox", "FROM ledger", "FROM ticket")
        assert not [one for one in said if any(word in one for word in grow)]

    play(tmp_path, scene)


def test_a_clock_that_was_set_back_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(b: Bench) -> None:
        assert (await read(b))["scudo_desk_clock_offset_seconds", ()] == 0
        monkeypatch.setattr(b.clock, "wall", lambda: Instant(T0 - 60 * SECOND))
        assert (await read(b))["scudo_desk_clock_offset_seconds", ()] == -60

    play(tmp_path, scene)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_nobody_elsewhere_sees_it(tmp_path: Path, header: str) -> None:
    async def scene(b: Bench) -> None:
        reply = await b.client.get("/metrics", headers={header: "127.0.0.1"})
        assert reply.status_code == 404

    play(tmp_path, scene)
