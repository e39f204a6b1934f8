"""Two streams, each on its own way: a backlog in the ledger delays no incident."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from scudo_agent.config.secret import Secret
from scudo_agent.deliver import Delivery
from scudo_agent.instant import SECOND
from scudo_agent.model import Kind, State
from scudo_agent.store import ledger
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.ticketing.desk import DeskClient
from scudo_agent.ticketing.progress import DeliveryEvent, DeliveryKind
from support.fake_desk import KEY, FakeDesk
from support.ledgers import ERP, change, commit
from support.sim import SimClock, simulate
from support.storing import T0, incident_id, opened, told

SLOW_S = 20.0
"""So long the desk takes for a batch of the ledger."""


class SlowDesk(FakeDesk):
    """Takes its time for the ledger, and counts what it has under way."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = {"I": 0, "L": 0}
        self.most = {"I": 0, "L": 0}
        self.order: list[str] = []

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer, after a while if it is about the ledger."""
        parts = request.url.path.split("/")
        stream = parts[-2] if "streams" in parts else ""
        if stream:
            self.order.append(stream)
            self.under_way[stream] += 1
            self.most[stream] = max(self.most[stream], self.under_way[stream])
        try:
            if stream == "L":
                await asyncio.sleep(SLOW_S)
            return self.handle(request)
        finally:
            if stream:
                self.under_way[stream] -= 1


class Rig:
    """A store with a long ledger, a slow desk, simulated time."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimClock(T0)
        self.desk = SlowDesk()
        self.store: AgentStore = opened(folder, self.clock)
        self.events: list[DeliveryEvent] = []
        self.store.follow([ERP]).result()
        for second in range(600):
            state = State.DOWN if second % 2 else State.UP
            commit(
                self.store, change("a/1", state, second), change("b/1", state, second)
            )

    def run(self, act: Callable[[Delivery], Awaitable[None]]) -> None:
        """Run `act` beside a delivery."""

        async def main() -> None:
            client = DeskClient(
                "http://desk.example",
                Secret(KEY, reference="env:KEY"),
                transport=httpx.MockTransport(self.desk.answer),
            )
            delivery = Delivery(
                self.store,
                client,
                self.clock,
                rng=random.Random(7),
                on_event=self.events.append,
            )
            task = asyncio.create_task(delivery.run())
            try:
                await act(delivery)
            finally:
                task.cancel()
                await asyncio.wait([task])
                await client.close()

        simulate(self.clock, main())

    async def until(self, done: Callable[[], bool], limit_s: float) -> float:
        """Let simulated time pass until `done`; how many seconds it took."""
        begun = self.clock.mono_us
        while not done():
            assert self.clock.mono_us - begun < limit_s * SECOND, "took too long"
            await asyncio.sleep(0.01)
        return (self.clock.mono_us - begun) / SECOND

    def drained(self, stream: str) -> bool:
        """The desk has acknowledged everything of a stream."""
        head, acked = self.store.head(stream)
        return head == acked


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.store.close()


def test_incidents_go_first_and_the_ledger_follows_whole(rig: Rig) -> None:
    rig.store.commit(told(1)).result()

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: rig.drained("I"), 1)
        assert not rig.drained("L")
        await rig.until(lambda: rig.drained("L"), 300)

    rig.run(act)
    assert rig.desk.order == ["I", "L", "L", "L"]
    (bodies,) = rig.desk.ledger.values()
    assert [one["seq"] for one in bodies] == list(range(1, 601))
    assert rig.store.reader.read(ledger.broken) is None


def test_a_new_incident_does_not_wait_for_a_batch_of_the_ledger(rig: Rig) -> None:
    took: list[float] = []

    def further(batches: int) -> Callable[[], bool]:
        return lambda: rig.desk.order.count("L") > batches or rig.drained("L")

    async def act(delivery: Delivery) -> None:
        for number in range(1, 4):
            await rig.until(lambda: rig.desk.under_way["L"] == 1, 60)
            rig.store.commit(told(number)).result()
            delivery.wake()
            took.append(await rig.until(lambda: rig.drained("I"), SLOW_S))
            assert rig.desk.under_way["L"] == 1, "the ledger was under way all along"
            await rig.until(further(number), SLOW_S + 1)
        await rig.until(lambda: rig.drained("L"), 300)

    rig.run(act)
    assert max(took) < 0.5
    assert rig.desk.most == {"I": 1, "L": 1}
    assert rig.desk.revs(incident_id(3)) == [1]


def test_a_ledger_that_the_desk_refuses_holds_up_no_incident(rig: Rig) -> None:
    real = rig.desk.serve

    def refuses(request: httpx.Request) -> httpx.Response:
        if "/streams/L/" in request.url.path:
            return httpx.Response(503)
        return real(request)

    rig.desk.serve = refuses  # type: ignore[method-assign]

    async def act(delivery: Delivery) -> None:
        await asyncio.sleep(300)
        assert delivery.state.connected
        assert delivery.state.error is not None
        rig.store.commit(told(1)).result()
        rig.store.commit(told(1, Kind.RECOVER)).result()
        delivery.wake()
        assert await rig.until(lambda: rig.drained("I"), 1) < 0.5

    rig.run(act)
    kinds = {event.kind for event in rig.events}
    assert kinds == {DeliveryKind.ANSWERED, DeliveryKind.ACKNOWLEDGED}
    assert rig.store.head("L")[1] == 0


def test_a_desk_of_before_is_told_of_a_gap_as_it_knows_them(rig: Rig) -> None:
    """It takes no field that it does not know, and the stream goes on behind it."""
    bad, real, refused = 5, rig.desk.serve, []

    def earlier(request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content or b"{}")
        if path.endswith("/streams/L/gaps"):
            if body.keys() & {"service", "since"}:
                refused.append(body["service"])
                return httpx.Response(422, json={"title": "extra forbidden"})
            epoch = rig.desk.ledger.setdefault(body["epoch"], [])
            assert body["seq"] == bad == len(epoch) + 1
            epoch.append({"seq": bad, "gap": True})
            return httpx.Response(200, json={"ack_seq": bad, "results": []})
        if path.endswith("/streams/L/events"):
            for place, event in enumerate(body["events"]):
                if event["seq"] == bad:
                    told = {"title": "no", "index": place}
                    return httpx.Response(422, json=told)
        return real(request)

    rig.desk.serve = earlier  # type: ignore[method-assign]

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: rig.drained("L"), 3_000)

    rig.run(act)
    assert refused
    assert set(refused) == {"erp"}
    (bodies,) = rig.desk.ledger.values()
    assert [one["seq"] for one in bodies] == list(range(1, 601))
    assert bodies[bad - 1] == {"seq": bad, "gap": True}
