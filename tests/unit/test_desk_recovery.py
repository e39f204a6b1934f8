"""A desk that was put back from yesterday's copy (`reliability.md` 1.7, D3)."""

import asyncio
import random
import shutil
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from scudo_agent.desk import app
from scudo_agent.desk.auth import fingerprint
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.tables import mail_outbox, ticket
from scudo_agent.instant import SECOND, Instant, format_instant
from scudo_agent.wire import Stage
from support.desking import (
    INCIDENT,
    T0,
    HandClock,
    Outbound,
    Speaker,
    settings,
    site,
    stage,
)


class Restored:
    """A desk whose state folder can be copied and put back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.mails = Outbound()
        self.key: str | None = None

    async def start(self) -> Speaker:
        self.desk = app.build(
            settings(self.folder),
            clock=self.clock,
            transport=self.mails,
            rng=random.Random(1),
        )
        await self.desk.start(mails=False)
        self.key = self.desk.enrol_embedded(site(), key=self.key)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.desk.asgi), base_url="http://desk"
        )
        return Speaker(self.client, self.key)

    async def stop(self) -> None:
        await self.client.aclose()
        await self.desk.close()

    def rows(self) -> list[tuple[Any, ...]]:
        query = select(
            mail_outbox.c.kind,
            mail_outbox.c.recipient,
            mail_outbox.c.state,
            mail_outbox.c.fold_rule,
        ).order_by(mail_outbox.c.mail_id)
        with self.desk.store.database.read() as db:
            return [tuple(row) for row in db.execute(query)]

    def refs(self) -> list[str]:
        query = select(ticket.c.ref).where(ticket.c.audience == "customer")
        with self.desk.store.database.read() as db:
            return sorted(db.execute(query).scalars())


def opening(number: int) -> Stage:
    identity = f"{INCIDENT[:-3]}{number:03d}"
    key = f"service:s{number}"
    # So far apart that they are no storm.
    at = format_instant(Instant(T0 + number * 3_600 * SECOND))
    return stage(number, incident_id=identity, subject_key=key, at=at, since=at)


def test_what_was_acked_is_applied_without_mails_and_told_of_once(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        it = Restored(tmp_path)
        agent = await it.start()
        await agent.hello()
        assert (await agent.send(opening(1))).status_code == 200
        await it.desk.send_mails()
        await it.stop()
        shutil.copytree(tmp_path / "desk", tmp_path / "copy")
        agent = await it.start()
        await agent.hello(epoch=1)
        for number in (2, 3):
            it.clock.forward(3_600)
            assert (await agent.send(opening(number))).status_code == 200
        await it.desk.send_mails()
        before, sent = it.refs(), len(it.mails.mails)
        await it.stop()

        shutil.rmtree(tmp_path / "desk")
        shutil.copytree(tmp_path / "copy", tmp_path / "desk")
        it.clock.forward(3_600)
        agent = await it.start()
        marks: dict[str, Any] = {"head_seq": {"I": 4}, "acked_seq": {"I": 3}}
        said = (await agent.hello(epoch=1, **marks)).json()
        assert (said["mode"], said["last_contiguous_seq"]["I"]) == ("recovery", 1)
        assert (await agent.send(opening(2))).status_code == 200
        assert (await agent.hello(epoch=1, **marks)).json()["mode"] == "recovery"
        # The last one was never told before: it is news.
        assert (await agent.send(opening(3), opening(4))).status_code == 200
        assert (await agent.hello(epoch=1, **marks)).json()["mode"] == "normal"
        await it.desk.send_mails()

        assert it.refs()[:] == sorted({*before, *it.refs()})
        assert set(before) < set(it.refs())
        customer, provider = "it@acme.example", "noc@provider.example"
        assert sorted(it.rows(), key=str) == sorted(
            [
                ("open", customer, "sent", None),
                ("open", provider, "folded", "restored"),
                ("open", customer, "folded", "restored"),
                ("open", customer, "folded", "restored"),
                ("recover", provider, "sent", None),
                ("open", customer, "sent", None),
            ],
            key=str,
        )
        told = [to for to, _ in it.mails.mails[sent:]]
        assert sorted(told) == [customer, provider]
        (digest,) = (m.decode() for to, m in it.mails.mails[sent:] if to == provider)
        assert "acme-milano" in digest
        await it.stop()

    asyncio.run(scene())


def test_a_reply_that_was_lost_is_no_restored_desk(tmp_path: Path) -> None:
    async def scene() -> None:
        it = Restored(tmp_path)
        agent = await it.start()
        await agent.hello()
        await agent.send(opening(1))
        marks: dict[str, Any] = {"head_seq": {"I": 1}, "acked_seq": {"I": 0}}
        assert (await agent.hello(epoch=1, **marks)).json()["mode"] == "normal"
        await it.stop()

    asyncio.run(scene())


def test_the_end_of_one_agents_recovery_unmutes_not_the_other(tmp_path: Path) -> None:
    async def scene() -> None:
        it = Restored(tmp_path)
        await (await it.start()).hello()
        enrolment = Enrolment.of(site(), number=2)
        it.desk.store.agents.enrol(enrolment, key_sha256=fingerprint("other"))
        await Speaker(it.client, "other").hello("store-of-the-other")
        await it.stop()
        shutil.copytree(tmp_path / "desk", tmp_path / "copy")
        agent = await it.start()
        await agent.hello(epoch=1)
        other = Speaker(it.client, "other")
        await other.hello("store-of-the-other", epoch=1)
        told = [(agent, opening(1)), (other, opening(2).model_copy(update={"seq": 1}))]
        for speaker, one in told:
            it.clock.forward(3_600)
            assert (await speaker.send(one)).status_code == 200
        await it.desk.send_mails()
        sent = len(it.mails.mails)
        assert [to for to, _ in it.mails.mails] == ["it@acme.example"] * 2
        await it.stop()

        shutil.rmtree(tmp_path / "desk")
        shutil.copytree(tmp_path / "copy", tmp_path / "desk")
        it.clock.forward(3_600)
        agent = await it.start()
        other = Speaker(it.client, "other")
        marks: dict[str, Any] = {"head_seq": {"I": 1}, "acked_seq": {"I": 1}}
        first = (await agent.hello(epoch=1, **marks)).json()
        second = (await other.hello("store-of-the-other", epoch=1, **marks)).json()
        assert (first["mode"], second["mode"]) == ("recovery", "recovery")
        await agent.send(told[0][1])
        await agent.hello(epoch=1, **marks)
        await other.send(told[1][1])
        it.clock.forward(3_600)
        await it.desk.send_mails()
        assert {to for to, _ in it.mails.mails[sent:]} == {"noc@provider.example"}
        await it.stop()

    asyncio.run(scene())
