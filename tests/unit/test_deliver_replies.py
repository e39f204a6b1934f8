"""Each row of the table of replies: what the agent does, and that nothing is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from scudo_agent.config.secret import Secret
from scudo_agent.deliver import Delivery
from scudo_agent.errors import StoreError
from scudo_agent.instant import SECOND
from scudo_agent.model import Kind
from scudo_agent.store import schema
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import IncidentState
from scudo_agent.ticketing.desk import DeskClient
from scudo_agent.ticketing.progress import DeliveryEvent, DeliveryKind
from support.fake_desk import KEY, FakeDesk, dead, page, reply_lost, says, ticket
from support.sim import SimClock, simulate
from support.storing import T0, incident_id, opened, told

HOURS = 6
"""So long the desk is away in simulated time."""


class Rig:
    """Store, fake desk and delivery in simulated time."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimClock(T0)
        self.folder = folder
        self.desk = FakeDesk()
        self.store: AgentStore = opened(folder, self.clock)
        self.events: list[DeliveryEvent] = []
        self.key = KEY

    def tell(self, number: int, kind: Kind = Kind.OPEN) -> None:
        """Commit a stage of incident `number`."""
        self.store.commit(told(number, kind)).result()

    def kinds(self) -> list[DeliveryKind]:
        """What delivery told, in order."""
        return [event.kind for event in self.events]

    def run(self, act: Callable[[Delivery], Awaitable[None]]) -> None:
        """Run `act` beside a delivery."""

        async def main() -> None:
            client = DeskClient(
                "http://desk.example",
                Secret(self.key, reference="env:KEY"),
                transport=self.desk.transport,
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
                assert not task.done(), "delivery never ends by itself"
            finally:
                task.cancel()
                await asyncio.wait([task])
                await client.close()

        simulate(self.clock, main())

    def drains(self, limit_s: float = 200) -> None:
        """Run until the desk has everything; fail after `limit_s`."""

        async def act(delivery: Delivery) -> None:
            await self.until(self.drained, limit_s, step_s=0.2)

        self.run(act)

    def drained(self) -> bool:
        """The desk has acknowledged everything."""
        head, acked = self.store.head()
        return head == acked

    async def until(
        self, done: Callable[[], bool], limit_s: float, step_s: float = 0.01
    ) -> float:
        """Let simulated time pass until `done`; how many seconds it took."""
        begun = self.clock.mono_us
        while not done():
            assert self.clock.mono_us - begun < limit_s * SECOND, "took too long"
            await asyncio.sleep(step_s)
        return (self.clock.mono_us - begun) / SECOND


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A rig whose store is closed in the end."""
    made = Rig(tmp_path)
    yield made
    made.store.close()


def test_what_waits_is_delivered_and_its_tickets_are_kept(rig: Rig) -> None:
    rig.tell(1)
    rig.tell(1, Kind.RECOVER)
    rig.tell(2)
    rig.drains()
    assert [one["seq"] for one in rig.desk.stages] == [1, 2, 3]
    rows = rig.store.reader.incidents()
    assert [row.ticket_ref for row in rows] == [
        ticket(incident_id(1)),
        ticket(incident_id(2)),
    ]
    assert rows[0].state is IncidentState.RECOVERED_ACKED
    assert rig.kinds() == [DeliveryKind.ANSWERED, DeliveryKind.ACKNOWLEDGED]
    assert rig.events[1].tickets[incident_id(2)] == ticket(incident_id(2))


def test_a_request_has_the_stored_bytes_the_key_and_its_idempotency_key(
    rig: Rig,
) -> None:
    rig.tell(1)
    rig.tell(2)
    bodies = [row.body for row in rig.store.pending()]
    rig.drains()
    sent = rig.desk.requests[1]
    assert sent.content == b'{"epoch":1,"events":[%s,%s],"first_seq":1}' % (*bodies,)
    assert sent.headers["Idempotency-Key"] == "a-1.1.I.1-2"
    assert sent.headers["Authorization"] == f"Bearer {KEY}"


def test_a_new_incident_leaves_at_once(rig: Rig) -> None:
    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: delivery.state.connected, 1)
        await asyncio.sleep(12)
        rig.tell(1)
        delivery.wake()
        assert await rig.until(rig.drained, 5) < 0.1

    rig.run(act)


def test_a_desk_in_a_mode_that_is_yet_to_come_is_told_all_the_same(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.desk.mode = "read-only"
    rig.tell(1)

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: len(rig.desk.hellos) == 3, 100)
        assert delivery.state.mode == "read-only"
        assert delivery.state.error is None

    rig.run(act)
    assert rig.drained()
    assert caplog.text.count("a mode that this version does not know, 'read-only'") == 1


def test_hello_comes_every_30_s_and_says_how_far(rig: Rig) -> None:
    rig.tell(1)

    async def act(delivery: Delivery) -> None:
        await asyncio.sleep(95)

    rig.run(act)
    assert [one.epoch for one in rig.desk.hellos] == [None, 1, 1, 1]
    first, second = rig.desk.hellos[:2]
    assert (first.head_seq, first.acked_seq) == ({"I": 1, "L": 0}, {"I": 0, "L": 0})
    assert second.acked_seq == {"I": 1, "L": 0}
    assert first.store_id == rig.store.store_id
    assert second.mono_us - first.mono_us >= 30 * SECOND


def test_the_age_of_the_oldest_is_told(rig: Rig) -> None:
    rig.tell(1)
    rig.desk.faults.extend([dead] * 100)

    async def act(delivery: Delivery) -> None:
        await asyncio.sleep(61)

    rig.run(act)
    assert [round(one.oldest_unacked_age_s) for one in rig.desk.hellos] == [0, 30, 60]


@pytest.mark.parametrize(
    "fault",
    [
        dead,
        reply_lost,
        says(408),
        says(425),
        says(429),
        says(500),
        says(503),
        says(404),
        page(200),
        page(302, Location="http://portal.example/"),
        page(403),
        page(400),
        says(200, {"unexpected": 1}),
        says(409, {"title": "in progress"}),
    ],
)
def test_no_answer_means_the_same_bytes_again(rig: Rig, fault: object) -> None:
    rig.tell(1)
    rig.tell(2)
    rig.desk.faults.extend([fault] * 5)  # type: ignore[list-item]
    rig.drains()
    posts = rig.desk.posts()
    assert len(posts) == 6
    assert len(set(posts)) == 1
    assert rig.desk.revs(incident_id(1)) == [1]
    assert rig.store.reader.outbox().quarantined == 0


def test_what_is_committed_meanwhile_does_not_change_what_is_sent_again(
    rig: Rig,
) -> None:
    # A batch that grows has the same events in front, with the same bytes.
    rig.tell(1)
    rig.desk.faults.append(reply_lost)

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: bool(rig.desk.posts()), 5)
        rig.tell(2)
        delivery.wake()
        await rig.until(rig.drained, 60)

    rig.run(act)
    assert [one["seq"] for one in rig.desk.stages] == [1, 2]
    tickets = [row.ticket_ref for row in rig.store.reader.incidents()]
    assert None not in tickets, "the lost reply's ticket came with the second one"


@pytest.mark.parametrize("code", [22, 13, 113, 101, 111, 104, 32, 99])
def test_an_error_of_any_errno_is_no_answer(rig: Rig, code: int) -> None:
    def broken(desk: FakeDesk, request: httpx.Request) -> httpx.Response:
        raise OSError(code, "on the way")

    rig.tell(1)
    rig.desk.hello_faults.extend([broken] * 2)
    rig.desk.faults.extend([broken] * 2)
    rig.drains()
    assert rig.kinds()[:2] == [DeliveryKind.LOST, DeliveryKind.ANSWERED]


def test_retries_back_off_to_a_minute_and_go_on_for_ever(rig: Rig) -> None:
    rig.tell(1)
    rig.desk.hello_faults.extend([dead] * 10_000)
    times: list[float] = []
    real = rig.desk.handle

    def timed(request: httpx.Request) -> httpx.Response:
        times.append(rig.clock.mono_us / SECOND)
        return real(request)

    rig.desk.handle = timed  # type: ignore[method-assign]

    async def act(delivery: Delivery) -> None:
        await asyncio.sleep(HOURS * 3600)
        assert not delivery.state.connected
        assert delivery.state.error is not None
        rig.desk.hello_faults.clear()
        assert await rig.until(rig.drained, 70, step_s=0.5) <= 61.5

    rig.run(act)
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) <= 60.5
    assert max(gaps) > 30
    assert sum(gap < 1 for gap in gaps[:3]) >= 1, "the first tries come soon"
    assert HOURS * 90 < len(gaps) < HOURS * 180, "about two a minute"
    assert rig.kinds().count(DeliveryKind.LOST) == 1, "said once, not each time"
    assert rig.store.outbox_age_us(rig.store.timeline.now()) == 0


def test_retry_after_is_honoured_up_to_15_minutes(rig: Rig) -> None:
    rig.tell(1)
    asked = {"Retry-After": "120"}
    rig.desk.faults.append(says(503, **asked))

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: len(rig.desk.posts()) == 1, 5)
        assert (
            119 <= await rig.until(lambda: len(rig.desk.posts()) == 2, 200, 0.2) <= 121
        )
        rig.tell(2)
        rig.desk.faults.append(says(429, **{"Retry-After": "86400"}))
        delivery.wake()
        await rig.until(lambda: len(rig.desk.posts()) == 3, 5)
        delivery.wake()
        assert (
            899 <= await rig.until(lambda: len(rig.desk.posts()) == 4, 999, 0.2) <= 901
        )

    rig.run(act)


def test_a_desk_put_back_from_a_backup_gets_the_rest_again(rig: Rig) -> None:
    for number in range(1, 5):
        rig.tell(number)
    rig.drains()
    kept = {seq: rig.desk.events[1][seq] for seq in (1, 2)}
    rig.desk.events[1] = kept
    del rig.desk.stages[2:]
    rig.drains()  # marks are alike until the hello

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: rig.desk.last(1) == 4, 40)

    rig.run(act)
    assert [one["seq"] for one in rig.desk.stages] == [1, 2, 3, 4]
    assert DeliveryKind.REWOUND in rig.kinds()


def test_a_desk_that_expects_less_is_sent_what_it_expects(rig: Rig) -> None:
    for number in range(1, 4):
        rig.tell(number)
    rig.drains()

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: delivery.state.connected, 1)
        rig.desk.events[1] = {1: rig.desk.events[1][1]}
        del rig.desk.stages[1:]
        rig.tell(4)
        delivery.wake()
        hellos = len(rig.desk.hellos)
        assert await rig.until(rig.drained, 20) < 10, "it waits for no hello's turn"
        # What it told before, the desk mails again if it does not know that it did.
        assert len(rig.desk.hellos) == hellos + 1, "it is greeted at once"
        assert rig.desk.hellos[-1].acked_seq["I"] > 0

    rig.run(act)
    assert [one["seq"] for one in rig.desk.stages] == [1, 2, 3, 4]


def test_a_store_put_back_from_a_backup_asks_for_a_new_epoch(rig: Rig) -> None:
    rig.tell(1)
    rig.drains()
    rig.desk.events[1][2] = "of another life"
    rig.desk.events[1][3] = "of another life"
    was = rig.store.store_id
    for number in (2, 3):
        rig.tell(number)
        if number == 2:
            rig.drains(40)
    rig.drains()
    assert rig.store.epoch() == 2
    assert rig.store.store_id != was
    assert rig.store.frozen() is None
    assert [one["seq"] for one in rig.desk.stages] == [1, 1, 2, 3]
    assert rig.desk.revs(incident_id(2)) == [1]
    assert rig.kinds().count(DeliveryKind.FROZEN) == 1, "it is an alarm"
    assert rig.store.reader.outbox().quarantined == 0


def test_numbers_written_before_the_first_hello_are_not_mistaken_for_ours(
    rig: Rig,
) -> None:
    # Put back from a backup, then busy while the desk was away: it has as many.
    rig.tell(1)
    rig.drains()
    rig.desk.events[1][2] = "of another life"
    rig.tell(2)
    rig.tell(3)
    rig.drains(20)
    assert rig.store.epoch() == 2
    assert rig.store.reader.outbox().quarantined == 0
    assert [one["seq"] for one in rig.desk.stages] == [1, 1, 2, 3]


def test_a_copy_that_writes_the_same_number_is_noticed_between_two_hellos(
    rig: Rig,
) -> None:
    rig.tell(1)

    async def act(delivery: Delivery) -> None:
        await rig.until(rig.drained, 5)
        rig.desk.events[1][2] = "from the other copy"
        rig.tell(2)
        delivery.wake()
        await rig.until(rig.drained, 10)

    rig.run(act)
    assert rig.kinds().count(DeliveryKind.FROZEN) == 1
    assert rig.store.reader.outbox().quarantined == 0


def test_a_desk_that_grants_no_new_epoch_leaves_delivery_frozen(rig: Rig) -> None:
    rig.tell(1)
    rig.drains()
    rig.desk.events[1][2] = "of another life"
    rig.desk.events[1][3] = "of another life"

    class Stubborn(dict[str, int]):
        def setdefault(self, key: str, default: int = 0) -> int:
            return 1

    rig.desk.epochs = Stubborn(rig.desk.epochs)

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: delivery.state.frozen, 40)
        await asyncio.sleep(100)
        assert delivery.state.frozen
        assert delivery.state.error is not None

    posts = len(rig.desk.posts())
    rig.run(act)
    for number in range(2, 9):
        rig.tell(number)
    rig.store.close()
    rig.store = opened(rig.folder, rig.clock)
    rig.run(act)
    assert len(rig.desk.posts()) == posts, "not even when the numbers fit again"
    assert rig.store.head() == (8, 0), "nothing is dropped, all is to be told again"
    assert rig.kinds().count(DeliveryKind.FROZEN) == 2, "before and after it renewed"


def test_a_desk_that_lost_its_store_is_told_everything(rig: Rig) -> None:
    rig.desk.epochs["an older agent"] = 1
    rig.tell(1)
    rig.tell(1, Kind.RECOVER)
    rig.drains()
    assert rig.store.epoch() == 2
    rig.desk = FakeDesk()
    rig.tell(2)

    async def act(delivery: Delivery) -> None:
        await rig.until(rig.drained, 60)

    rig.run(act)
    assert rig.store.epoch() == 1
    assert [one["seq"] for one in rig.desk.stages] == [1, 2, 3]
    assert rig.desk.revs(incident_id(1)) == [1, 2]


def test_an_epoch_the_desk_forgot_is_asked_for_again(rig: Rig) -> None:
    rig.tell(1)
    rig.drains()

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: delivery.state.connected, 1)
        rig.desk.epochs.clear()
        rig.desk.epochs["another"] = 7
        rig.desk.events.clear()
        rig.desk.stages.clear()
        rig.tell(2)
        delivery.wake()
        assert await rig.until(rig.drained, 25) < 10

    rig.run(act)
    assert [one["seq"] for one in rig.desk.stages] == [1, 2]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("bad", [1, 4, 9])
def test_one_poisonous_event_is_set_aside_and_the_rest_flows(
    rig: Rig, named: bool, bad: int
) -> None:
    for number in range(1, 10):
        rig.tell(number)
    rig.tell(3, Kind.RECOVER)
    rig.desk.names_culprit = named
    rig.desk.refuses = {incident_id(bad)}
    rig.drains(20)
    want = [number for number in range(1, 10) if number != bad]
    assert [one["seq"] for one in rig.desk.stages] == [*want, 10]
    assert rig.desk.events[1][bad] == "gap"
    assert rig.store.reader.outbox().quarantined == 1
    assert rig.kinds().count(DeliveryKind.QUARANTINED) == 1
    assert len(rig.desk.posts()) <= 14


def test_a_body_too_large_for_a_proxy_is_cut_and_not_dropped(rig: Rig) -> None:
    def small(desk: FakeDesk, request: httpx.Request) -> httpx.Response:
        if len(request.content) > 2_000:
            return page(413)(desk, request)
        return desk.serve(request)

    for number in range(1, 20):
        rig.tell(number)
    rig.desk.faults.extend([small] * 200)
    rig.drains(60)
    assert len(rig.desk.stages) == 19
    assert rig.store.reader.outbox().quarantined == 0


def test_a_desk_without_gaps_holds_the_stream_and_it_shows(rig: Rig) -> None:
    rig.tell(1)
    rig.tell(2)
    rig.desk.refuses = {incident_id(1)}

    def no_gaps(desk: FakeDesk, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/gaps"):
            return says(404, {"title": "no such page"})(desk, request)
        return desk.serve(request)

    rig.desk.faults.extend([no_gaps] * 30)

    async def act(delivery: Delivery) -> None:
        await asyncio.sleep(100)
        assert rig.store.head() == (2, 0)
        assert delivery.state.error is not None
        rig.desk.faults.clear()
        await rig.until(rig.drained, 61)

    rig.run(act)
    assert [one["seq"] for one in rig.desk.stages] == [2]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_keeps_everything_and_shows(rig: Rig, status: int) -> None:
    rig.tell(1)
    rig.desk.hello_faults.extend([says(status, {"title": "revoked"})] * 5)

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: len(rig.desk.requests) == 4, 200)
        state = delivery.state
        assert not state.connected
        assert state.error is not None
        assert state.error.values["reason"] == f"{status} revoked"
        assert state.last_answer is not None, "it did answer"
        assert rig.store.head() == (1, 0)
        await rig.until(rig.drained, 200)
        assert delivery.state.connected
        assert delivery.state.error is None

    rig.run(act)
    assert rig.kinds()[0] is DeliveryKind.REFUSED


def test_a_key_revoked_during_the_drain_stops_it(rig: Rig) -> None:
    rig.tell(1)
    rig.desk.faults.append(says(401, {"title": "revoked"}))
    rig.drains(20)
    assert rig.kinds() == [
        DeliveryKind.ANSWERED,
        DeliveryKind.REFUSED,
        DeliveryKind.ANSWERED,
        DeliveryKind.ACKNOWLEDGED,
    ]


def test_a_reply_that_takes_nothing_is_no_progress(rig: Rig) -> None:
    rig.tell(1)
    rig.desk.faults.extend([says(200, {"ack_seq": 0, "results": []})] * 3)
    rig.drains()
    assert len(rig.desk.posts()) == 4


def test_a_reply_beyond_what_was_sent_acknowledges_only_that(rig: Rig) -> None:
    rig.tell(1)
    rig.desk.faults.append(says(200, {"ack_seq": 99, "results": []}))

    async def act(delivery: Delivery) -> None:
        await rig.until(rig.drained, 10)
        rig.tell(2)
        delivery.wake()
        await rig.until(rig.drained, 60)

    rig.run(act)
    assert rig.store.head() == (2, 2)


def test_a_long_backlog_goes_in_batches_of_200(rig: Rig) -> None:
    for number in range(1, 451):
        rig.tell(number)
    rig.drains(10)
    assert len(rig.desk.posts()) == 3
    assert len(rig.desk.stages) == 450


def test_what_a_dead_agent_did_not_hear_is_sent_again_by_the_next(
    rig: Rig,
) -> None:
    rig.tell(1)
    rig.desk.faults.append(reply_lost)

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: bool(rig.desk.posts()), 5)

    rig.run(act)
    rig.store.close()
    rig.store = opened(rig.folder, rig.clock)
    rig.drains()
    assert rig.desk.revs(incident_id(1)) == [1]
    assert rig.desk.posts()[0] == rig.desk.posts()[1]


def test_a_store_that_cannot_note_an_answer_asks_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.tell(1)
    real = rig.store.acknowledge
    left = [None, None]

    def full(*args: object) -> "Future[None]":
        if not left:
            return real(*args)  # type: ignore[arg-type]
        left.pop()
        future: Future[None] = Future()
        future.set_exception(StoreError("not stored: disk is full"))
        return future

    monkeypatch.setattr(rig.store, "acknowledge", full)
    rig.drains()
    assert len(rig.desk.posts()) == 3
    assert rig.desk.revs(incident_id(1)) == [1]


def test_a_fault_that_nobody_thought_of_stops_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig.tell(1)
    real = rig.store.acknowledge
    left = [None, None]

    def odd(*args: object) -> "Future[None]":
        if left:
            left.pop()
            raise LookupError("nobody thought of this")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.store, "acknowledge", odd)

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: len(left) == 1, 5)
        await asyncio.sleep(0)
        assert delivery.state.error is not None
        assert delivery.state.error.values["reason"] == (
            "LookupError: nobody thought of this"
        )
        await rig.until(rig.drained, 60, step_s=0.2)
        assert delivery.state.error is None

    rig.run(act)
    assert rig.desk.revs(incident_id(1)) == [1]
    told = [one for one in caplog.records if one.exc_info is not None]
    assert len(told) == 2


def test_a_fault_with_nothing_left_to_send_is_over(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rig.store.rows
    left = [None]

    def odd(*args: object) -> object:
        if left:
            left.pop()
            raise StoreError("not read: disk I/O error")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.store, "rows", odd)

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: delivery.state.error is not None, 5)
        await rig.until(lambda: delivery.state.error is None, 60)
        assert delivery.state.failures == 0

    rig.run(act)


def test_a_busy_desk_hears_later_of_what_is_gone(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1, 4):
        rig.tell(number)
    rig.drains()
    # What was pruned, and a desk that was put back from a copy of long ago.
    rig.store._writer.submit(lambda db: db.execute(schema.outbox.delete())).result()
    for epoch, events in rig.desk.events.items():
        rig.desk.events[epoch] = {1: events[1]}
    rig.desk.faults += [says(503, {"title": "busy"}), says(503, {"title": "busy"})]

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: not rig.desk.faults, 60)
        await rig.until(lambda: delivery.state.error is None, 60)

    rig.run(act)
    assert not [one for one in caplog.records if one.exc_info is not None]


def _pruned(rig: Rig) -> None:
    """What was told was dropped here, and the desk was put back from before it."""
    for number in range(1, 4):
        rig.tell(number)
    rig.drains()
    rig.store._writer.submit(lambda db: db.execute(schema.outbox.delete())).result()
    for epoch, events in rig.desk.events.items():
        rig.desk.events[epoch] = {1: events[1]}
    rig.desk.requests.clear()


def test_a_desk_that_takes_no_gap_is_asked_again_later(rig: Rig) -> None:
    _pruned(rig)
    nothing = says(200, {"ack_seq": 0, "results": []})
    rig.desk.faults += [nothing] * 1_000

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: delivery.state.error is not None, 60)
        await asyncio.sleep(60)
        asked = [one for one in rig.desk.requests if one.url.path.endswith("/gaps")]
        assert 2 <= len(asked) < 60
        rig.desk.faults.clear()
        await rig.until(lambda: delivery.state.error is None, 600)

    rig.run(act)


def test_a_desk_that_takes_more_than_there_is_loses_nothing(rig: Rig) -> None:
    _pruned(rig)
    rig.desk.faults.append(says(200, {"ack_seq": 99, "results": []}))

    async def act(delivery: Delivery) -> None:
        await rig.until(lambda: not rig.desk.faults, 60)
        rig.tell(4)
        await rig.until(lambda: bool(rig.desk.revs(incident_id(4))), 600, step_s=0.5)

    rig.run(act)
