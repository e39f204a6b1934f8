"""The provider is told that an agent's store takes nothing, and what is open."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from scudo_agent.agent.runtime import Runtime
from scudo_agent.agent.unstored import Unstored
from scudo_agent.errors import StoreError
from scudo_agent.instant import HOUR, MINUTE, Instant
from scudo_agent.locale import translator
from support.desking import T0, Bench, bench


@dataclass
class Open:
    """An open incident."""

    subject: str


@dataclass
class Stub:
    """As much of a runtime as is looked at."""

    commit_error: StoreError | None = None
    reserve_used: bool = False
    at: Instant = T0
    incidents: list[Open] = field(default_factory=list)

    @property
    def pipeline(self) -> "Stub":
        return self

    store = timeline = judge = pipeline

    def now(self) -> Instant:
        return self.at

    def open_incidents(self) -> list[Open]:
        return self.incidents


def test_it_names_what_is_open_and_changes_each_half_hour() -> None:
    stub = Stub()
    unstored = Unstored(cast(Runtime, stub))
    assert unstored.said() is None
    stub.commit_error = StoreError("agent.db: not stored: disk I/O error")
    stub.incidents = [Open("service:erp"), Open("check:crm/db")]
    first = unstored.said()
    assert first is not None
    english = translator("en").render(first)
    assert "nothing can be stored (agent.db: not stored: disk I/O error)" in english
    assert "check:crm/db, service:erp" in english
    stub.at = Instant(T0 + 29 * MINUTE)
    assert unstored.said() == first
    stub.at = Instant(T0 + 30 * MINUTE)
    later = unstored.said()
    assert later not in (None, first)
    stub.commit_error, stub.reserve_used = None, True
    said = unstored.said()
    assert said is not None
    assert "the disk is full" in said.id
    stub.reserve_used = False
    assert unstored.said() is None


def test_the_provider_has_one_ticket_until_an_hour_after_the_last_of_it(
    tmp_path: Path,
) -> None:
    stub = Stub(commit_error=StoreError("full"), incidents=[Open("service:erp")])
    unstored = Unstored(cast(Runtime, stub))

    def sentence() -> Any:
        text = unstored.said()
        assert text is not None
        return text.to_json()

    async def scene(b: Bench) -> None:
        agent = await b.agent()
        for _ in range(6):  # three hours, each greeting said twice
            for _ in range(2):
                reply = await agent.hello(unstored=sentence())
                assert reply.status_code == 200
            b.clock.forward(30 * 60)
            stub.at = Instant(stub.at + HOUR // 2)
            b.desk.store.facts.end_due()
        with b.desk.store.database.read() as db:
            rows = db.exec_driver_sql(
                "SELECT subject_key, condition FROM incident"
            ).all()
        assert [tuple(one) for one in rows] == [
            ("store-takes-nothing:acme-milano", "bad")
        ]
        b.clock.forward(3_600)
        b.desk.store.facts.end_due()
        with b.desk.store.database.read() as db:
            query = "SELECT condition FROM incident"
            assert db.exec_driver_sql(query).scalar_one() == "recovered"
        await b.desk.send_mails()
        assert {to for to, _ in b.mails.mails} == {"noc@provider.example"}
        assert len(b.mails.mails) == 2

    async def played() -> None:
        async with bench(tmp_path) as b:
            await scene(b)

    asyncio.run(played())
