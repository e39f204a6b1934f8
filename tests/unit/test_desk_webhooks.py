"""Webhooks: what is told to whom, signed, again and again, and never to ourselves."""

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from scudo_agent.desk import webhook_sending
from scudo_agent.desk.store.program_tables import webhook_outbox
from scudo_agent.desk.store.tables import ticket, ticket_event
from scudo_agent.desk.webhook_sending import Message, Outcome, Sender, signed
from scudo_agent.desk.webhook_target import (
    ForbiddenError,
    checked_url,
    public,
    targeted,
)
from scudo_agent.desk.webhook_worker import WebhookWorker
from scudo_agent.errors import InputError
from scudo_agent.instant import SECOND, Instant
from support.desking import Bench, bench, evidence, stage
from support.hook_receiver import receiver

CANARY = "canary-only-for-us"
ALLOW: dict[str, Any] = {"webhooks": {"allow": ["127.0.0.0/8"]}}


def desk(tmp_path: Path, walk: Callable[[Bench], Awaitable[None]]) -> None:
    async def go() -> None:
        async with bench(tmp_path, **ALLOW) as b:
            await walk(b)

    asyncio.run(go())


def hook(b: Bench, url: str, customer: str | None = None, *events: str) -> str:
    """Add a webhook; its secret."""
    secret = webhook_sending.new_secret()
    b.desk.store.webhooks.add(
        customer, url, events=events, secret=secret, actor="person:admin"
    )
    return secret


def enter(b: Bench, kind: str, data: dict[str, Any]) -> None:
    """An entry of the first ticket's history, as a person's act makes it."""
    with b.desk.store.database.write() as db:
        row = db.execute(select(ticket)).first()
        assert row is not None
        values = {
            "tenant_id": row.tenant_id,
            "ticket_id": row.ticket_id,
            "kind": kind,
            "at_us": b.clock.at,
            "stored_us": b.clock.at,
            "actor": "person:7",
            "data": data,
        }
        db.execute(insert(ticket_event).values(values))


def rows(b: Bench) -> list[Any]:
    with b.desk.store.database.read() as db:
        return list(db.execute(select(webhook_outbox)))


def test_the_providers_hears_of_all_and_a_customers_of_its_own(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        acme, umbra = await b.agent(), await b.agent(customer="umbra", name="u")
        with receiver() as ours, receiver() as theirs:
            ours_secret = hook(b, ours.url)
            theirs_secret = hook(b, theirs.url, "acme")
            title = {"id": CANARY, "title": {"it": CANARY, "en": CANARY}}
            members = [evidence(f"{CANARY}/web")]
            await acme.send(stage())
            stranger = "0193e1c0-0000-7000-8000-00000000beef"
            await umbra.send(
                stage(incident_id=stranger, subject=title, members=members)
            )
            enter(b, "remark", {"words": CANARY})
            enter(b, "assigned", {"from": None, "to": 7})
            enter(b, "triaged", {"words": CANARY, "severity": {"from": 1, "to": 2}})
            enter(b, "a_kind_of_tomorrow", {"words": CANARY})
            enter(b, "message", {"words": "Stiamo arrivando", "public": True})
            await b.desk.tell_webhooks()
            told = [ours.next(ours_secret) for _ in range(7)]
            assert [one["data"]["ticket"]["customer_id"] for one in told] == [
                "acme",
                "umbra",
                *["acme"] * 5,
            ]
            heard: list[dict[str, Any]] = []
            while not theirs.got.empty():
                _, raw = theirs.got.queue[0]
                assert CANARY.encode() not in raw
                heard.append(theirs.next(theirs_secret))
            assert [(one["type"], one["data"]["entry"]["kind"]) for one in heard] == [
                ("ticket.opened", "open"),
                ("ticket.changed", "triaged"),
                ("ticket.note", "message"),
            ]
            assert len({one["id"] for one in [*told, *heard]}) == 10
        assert {row.state for row in rows(b)} == {"sent"}

    desk(tmp_path, walk)


def test_the_providers_own_tickets_are_no_customers(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        agent = await b.agent()
        with receiver() as theirs:
            hook(b, theirs.url, "acme")
            await agent.send(stage())
            with b.desk.store.database.write() as db:
                db.execute(update(ticket).values(audience="provider"))
            enter(b, "closed", {"words": CANARY, "public": True})
            assert len(rows(b)) == 2
            assert await b.desk.tell_webhooks() == 0
            assert (theirs.got.empty(), rows(b)) == (True, [])

    desk(tmp_path, walk)


def test_what_is_not_taken_is_said_again_in_its_order(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        agent = await b.agent()
        with receiver() as there:
            secret = hook(b, there.url)
            there.answers += [(500, {}), (302, {"Location": there.url}), (429, {})]
            await agent.send(stage(), stage(2, 2, "recover"))
            ids = []
            for _ in range(3):
                assert await b.desk.tell_webhooks() == 1
                ids.append(there.next(secret)["id"])
                assert await b.desk.tell_webhooks() == 0
                b.clock.forward(3600)
            assert await b.desk.tell_webhooks() == 2
            last = [there.next(secret) for _ in range(2)]
            assert {*ids, last[0]["id"]} == {last[0]["id"]}
            assert [one["type"] for one in last] == [
                "ticket.opened",
                "ticket.recovered",
            ]
            assert there.got.empty()

    desk(tmp_path, walk)


def test_after_three_days_nothing_more_is_told_until_somebody_says_so(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench) -> None:
        agent = await b.agent()
        with receiver() as there:
            secret = hook(b, there.url)
            await agent.send(stage(), stage(2, 2, "recover"))
            there.answers += [(503, {})] * 2
            await b.desk.tell_webhooks()
            b.clock.forward(3 * 86400 + 1)
            await b.desk.tell_webhooks()
            store = b.desk.store
            (line,) = store.webhooks.lines()
            assert (line.why, line.failed, line.waiting) == ("answered 503", 2, 0)
            enter(b, "remark", {"words": "x"})
            assert len(rows(b)) == 2
            assert await b.desk.tell_webhooks() == 0
            for _ in range(2):
                there.next(secret)
            again = store.webhooks.retry(line.webhook_id)
            assert again is not None
            assert again.messages == 2
            assert again.missed is not None
            assert store.webhooks.retry(99) is None
            # The third one says from when to when nothing was told.
            assert await b.desk.tell_webhooks() == 3
            assert there.next(secret)["type"] == "ticket.opened"
            (line,) = store.webhooks.lines()
            assert (line.disabled, line.failed) == (None, 0)
            there.answers.append((410, {}))
            enter(b, "remark", {"words": "y"})
            await b.desk.tell_webhooks()
            assert store.webhooks.lines()[0].why == "answered 410"

    desk(tmp_path, walk)


def test_a_desk_that_was_off_for_days_gives_nobody_up(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        agent = await b.agent()
        with receiver() as there:
            secret = hook(b, there.url)
            await agent.send(stage())
            b.clock.forward(4 * 86400)  # nothing was tried in all that time
            there.answers += [(503, {})] * 2
            assert await b.desk.tell_webhooks() == 1
            (line,) = b.desk.store.webhooks.lines()
            assert (line.disabled, line.waiting) == (None, 1)
            b.clock.forward(3 * 86400 + 1)
            assert await b.desk.tell_webhooks() == 1
            (line,) = b.desk.store.webhooks.lines()
            assert (line.why, line.failed) == ("answered 503", 1)
            b.desk.store.webhooks.retry(line.webhook_id)
            there.answers.append((503, {}))
            await b.desk.tell_webhooks()
            (line,) = b.desk.store.webhooks.lines()
            assert line.disabled is None  # its patience begins anew
            for _ in range(3):
                there.next(secret)

    desk(tmp_path, walk)


class Slow(Sender):
    """A sender to whose `slow` receiver nothing gets through before `release`."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()
        self.told: asyncio.Queue[str] = asyncio.Queue()

    async def send(self, message: Message, at: Instant) -> Outcome:
        if "slow" in message.url:
            await self.release.wait()
        self.told.put_nowait(message.url)
        return Outcome()


def test_one_slow_receiver_holds_up_no_other(tmp_path: Path) -> None:
    """What waits for the others leaves, and so does what happens meanwhile."""

    async def walk(b: Bench) -> None:
        agent = await b.agent()
        slow, fast = "https://slow.example/", "https://fast.example/"
        hook(b, slow)
        hook(b, fast)
        await agent.send(stage(), stage(2, 2, "recover"))
        sender = Slow()
        worker = WebhookWorker(b.desk.store, sender, rng=Random(7))
        async with asyncio.timeout(60):
            draining = asyncio.create_task(worker.drain())
            assert [await sender.told.get() for _ in range(2)] == [fast, fast]
            enter(b, "remark", {"words": "x"})
            worker.wake()
            assert await sender.told.get() == fast
            sender.release.set()
            assert await draining == 6
        assert {row.state for row in rows(b)} == {"sent"}

    desk(tmp_path, walk)


def test_what_is_under_way_ends_with_the_worker(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        agent = await b.agent()
        for name in ("slow", "fast"):
            hook(b, f"https://{name}.example/")
        await agent.send(stage())
        sender = Slow()
        worker = WebhookWorker(b.desk.store, sender, rng=Random(7))
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(60):
            await sender.told.get()
            await worker.stop(running, patience_s=0)
        assert rows(b)[0].state == "pending"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    desk(tmp_path, walk)


def test_a_late_completion_of_a_lost_lease_counts_nothing(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        agent = await b.agent()
        hook(b, "https://hook.example/")
        await agent.send(stage())
        outbox = b.desk.store.webhook_outbox
        first = outbox.claim()
        assert first is not None
        assert outbox.claim() is None
        b.clock.forward(121)
        second = outbox.claim()
        assert second is not None
        assert (second.message_id, second.body) == (first.message_id, first.body)
        assert not outbox.sent(first)
        outbox.give_up(first, "late")
        assert b.desk.store.webhooks.lines()[0].disabled is None
        assert outbox.sent(second)

    desk(tmp_path, walk)


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the Standard Webhooks specification's own libraries."""
    message = Message(
        url="https://hook.example/",
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        body=b'{"test": 2432232314}',
    )
    headers = signed(message, Instant(1614265330 * SECOND))
    assert headers["Webhook-Timestamp"] == "1614265330"
    mark = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["Webhook-Signature"] == mark


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_no_webhook_leads_to_the_desks_own_network(address: str) -> None:
    assert not public(ip_address(address))

    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.215.14", address]

    url = "https://hook.example/x"
    with pytest.raises(ForbiddenError):
        asyncio.run(targeted(url, (), resolve=resolve))
    width = 128 if ":" in address else 32
    allowed = [ip_network(f"{address}/{width}")]
    target = asyncio.run(targeted(url, allowed, resolve=resolve))
    assert (target.url.host, target.host) == ("93.184.215.14", "hook.example")


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1"])
def test_the_open_internet_is_open(address: str) -> None:
    assert public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    ["https://127.1/", "https://2130706433/", "https://0x7f.1/", "https://[::1]/"],
)
def test_other_ways_to_write_an_address_lead_nowhere_else(url: str) -> None:
    message = Message(url=url, secret="whsec_AAAA", message_id="m", body=b"{}")
    outcome = asyncio.run(Sender().send(message, Instant(0)))
    assert "not allowed" in outcome.error


def test_a_name_is_asked_for_once_and_the_answer_is_connected_to() -> None:
    """DNS rebinding: the second answer would be loopback, and nobody asks for it."""
    with receiver() as there:
        port = int(there.url.split(":")[2].split("/")[0])
        answers = [["127.0.0.1"], ["127.0.0.2"]]

        async def resolve(host: str, at: int) -> list[str]:
            assert (host, at) == ("hook.example", port)
            return answers.pop(0)

        sender = Sender([ip_network("127.0.0.1/32")], resolve=resolve)
        message = Message(
            url=f"http://hook.example:{port}/x?y=1",
            secret=webhook_sending.new_secret(),
            message_id="m",
            body=b"{}",
        )
        assert asyncio.run(sender.send(message, Instant(0))) == Outcome()
        headers, _ = there.got.get(timeout=10)
        assert headers["host"] == f"hook.example:{port}"
        refused = asyncio.run(sender.send(message, Instant(0)))
        assert refused.error == "plain HTTP leads only to networks that are allowed"
        assert there.got.empty()


def test_a_redirect_is_an_answer_like_any_other() -> None:
    with receiver() as there, receiver() as elsewhere:
        there.answers.append((307, {"Location": elsewhere.url}))
        message = Message(
            url=there.url,
            secret=webhook_sending.new_secret(),
            message_id="m",
            body=b"{}",
        )
        sender = Sender([ip_network("127.0.0.0/8")])
        assert asyncio.run(sender.send(message, Instant(0))).error == "answered 307"
        assert elsewhere.got.empty()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hook.example/",
        "//hook.example/",
        "https:///x",
        "https://user:pw@hook.example/",
        "https://hook.example/#x",
        "https://hook.example:99999/",
        "https://hook.example/" + "a" * 500,
        "https://hook.example/\n",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_no_webhooks_url_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        checked_url(url)


def test_nobody_answers_and_nothing_falls(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        agent = await b.agent()
        with receiver() as there:
            hook(b, there.url)
        await agent.send(stage())
        await b.desk.tell_webhooks()
        (row,) = rows(b)
        assert row.last_error.startswith("cannot be reached: ")
        assert row.state == "pending"

    desk(tmp_path, walk)
