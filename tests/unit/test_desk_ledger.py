"""Stream L at the desk: contiguous, once, chained; what was altered is noticed."""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, update

from scudo_agent.desk.store.inbox import BadEventError, OutOfOrderError
from scudo_agent.desk.store.ledger import BROKEN
from scudo_agent.desk.store.tables import security_event
from scudo_agent.instant import Instant
from scudo_agent.model import State
from scudo_agent.store import ledger, schema
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.wire import LedgerBatch, LedgerGap, canonical
from support.ledgers import ERP, Desk, change, commit, own, rows, told
from support.storing import T0, StoppedClock, opened


class Pair:
    """An agent's store and its desk, with four rows told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = StoppedClock()
        self.agent: AgentStore = opened(folder / "agent", self.clock)
        self.desk = Desk(folder / "desk")
        self.agent.follow([ERP]).result()
        for number, state in enumerate(
            (State.UP, State.DOWN, State.UP, State.DOWN, State.UP)
        ):
            self.lives(state, number * 60)
        self.desk.settle(self.agent)

    def lives(self, state: State, at: int) -> None:
        """Both checks change to a state."""
        self.clock.pass_s(60)
        self.desk.clock.forward(60)
        commit(self.agent, change("a/1", state, at), change("b/1", state, at))

    def tamper(self, *statements: object) -> None:
        """Change the agent's file, as root on its machine can."""

        def work(db: Connection) -> None:
            for statement in statements:
                db.execute(statement)  # type: ignore[call-overload]

        self.agent._writer.submit(work).result()

    def alarms(self) -> list[str]:
        """What the desk noted."""
        query = select(security_event).where(security_event.c.kind == BROKEN)
        with self.desk.store.database.read() as db:
            return [str(row.data["why"]) for row in db.execute(query)]

    def close(self) -> None:
        """Close both."""
        self.agent.close()
        self.desk.store.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def test_the_desk_knows_what_the_agent_knows(pair: Pair) -> None:
    assert len(told(pair.agent, ERP)) == 5
    assert told(pair.agent, ERP) == own(pair.agent, ERP)
    *known, unknown = pair.desk.timelines()["erp"]
    assert known == own(pair.agent, ERP)
    assert unknown == (State.UNKNOWN, Instant(pair.desk.clock.wall()))
    assert pair.alarms() == []


def test_beyond_the_last_greeting_nothing_is_known(pair: Pair) -> None:
    last = Instant(pair.desk.clock.wall())
    pair.desk.clock.forward(3600)
    assert pair.desk.timelines()["erp"][-1] == (State.UNKNOWN, last)
    pair.desk.hello(pair.agent)
    end = (State.UNKNOWN, Instant(pair.desk.clock.wall()))
    assert pair.desk.timelines()["erp"][-1] == end


def test_a_backlog_is_whole_only_when_it_is_drained(pair: Pair) -> None:
    before = Instant(pair.desk.clock.wall())
    pair.lives(State.DOWN, 300)
    pair.lives(State.UP, 360)
    pair.desk.hello(pair.agent)
    who = pair.desk.who
    whole = pair.desk.store.ledger.whole
    assert whole(who.tenant_id, who.site_id) == before
    pair.desk.take(pair.agent, 1)
    assert whole(who.tenant_id, who.site_id) == before
    pair.desk.take(pair.agent, 1)
    assert whole(who.tenant_id, who.site_id) == Instant(pair.desk.clock.wall())


def test_the_same_again_is_the_same_and_a_hole_is_refused(pair: Pair) -> None:
    pair.lives(State.DOWN, 300)
    pair.lives(State.UP, 360)
    waiting = rows(pair.agent)
    bodies = [json.loads(row.body) for row in waiting]
    hashes = [row.sha256 for row in waiting]
    epoch = pair.agent.epoch()
    batch = LedgerBatch.model_validate(
        {"epoch": epoch, "first_seq": bodies[0]["seq"], "events": bodies}
    )
    take = pair.desk.store.ledger.apply
    first = take(pair.desk.who, batch, hashes=hashes)
    assert take(pair.desk.who, batch, hashes=hashes) == first
    hole = {"seq": first.ack_seq + 2, "prev": hashes[-1]}
    beyond = batch.events[-1].model_copy(update=hole)
    with pytest.raises(OutOfOrderError) as refused:
        take(
            pair.desk.who,
            LedgerBatch(epoch=epoch or 0, first_seq=beyond.seq, events=[beyond]),
            hashes=["0" * 64],
        )
    assert refused.value.expected_seq == first.ack_seq + 1
    with pytest.raises(BadEventError, match="came before, and differed"):
        take(pair.desk.who, batch, hashes=["f" * 64, *hashes[1:]])
    assert len(pair.alarms()) == 1


def test_a_tombstone_keeps_the_numbers_and_the_chain_whole(pair: Pair) -> None:
    pair.lives(State.DOWN, 300)
    pair.lives(State.UP, 360)
    bad, good = rows(pair.agent)
    gap = LedgerGap(
        epoch=pair.agent.epoch() or 0, seq=bad.seq, sha256=bad.sha256, reason="no state"
    )
    for _ in range(2):
        assert pair.desk.store.ledger.gap(pair.desk.who, gap).ack_seq == bad.seq
    pair.agent.acknowledge(ledger.STREAM, bad.seq, {}).result()
    assert pair.desk.take(pair.agent) == good.seq
    assert pair.alarms() == []


def _rewritten(db: Connection, seq: int, state: State) -> None:
    """A row with another state, and all that follow chained anew."""
    table = schema.ledger_outbox
    prev = ledger.hash_of(db, seq - 1)
    rows_ = db.execute(select(table).where(table.c.seq >= seq).order_by(table.c.seq))
    for row in rows_.all():
        data = json.loads(row.body) | {"prev": prev}
        if row.seq == seq:
            data["state"] = state.value
        body = canonical(data)
        prev = hashlib.sha256(body).hexdigest()
        db.execute(
            update(table)
            .where(table.c.seq == row.seq)
            .values(body=body, sha256=prev, state=data["state"])
        )


def test_rows_that_were_edited_with_all_hashes_are_noticed_by_the_anchor(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """Threat 9: root at the agent rewrites an outage, and every hash after it."""
    pair.agent._writer.submit(lambda db: _rewritten(db, 2, State.UP)).result()
    with caplog.at_level(logging.ERROR):
        pair.desk.hello(pair.agent)
        pair.desk.hello(pair.agent)
    assert pair.alarms() == ["event 5 is another one than the one that was told"]
    assert "its ledger does not hold" in caplog.text
    assert (State.DOWN, Instant(T0 + 60_000_000)) in pair.desk.timelines()["erp"]


def test_a_row_edited_without_its_hash_breaks_the_agents_own_chain(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    table = schema.ledger_outbox
    pair.tamper(update(table).where(table.c.seq == 2).values(body=b"{}"))
    found = pair.agent.reader.read(ledger.broken)
    assert found == "row 2 is not what was written"
    pair.agent.follow([ERP]).result()
    assert "altered by another hand: row 2 is not what was written" in caplog.text


def test_a_ledger_that_was_cut_is_noticed(pair: Pair) -> None:
    table, heads = schema.ledger_outbox, schema.stream_head
    pair.tamper(
        delete(table).where(table.c.seq > 3),
        update(heads).where(heads.c.stream == "L").values(acked_seq=3, head_seq=3),
    )
    assert pair.desk.hello(pair.agent) == 5
    assert pair.alarms() == ["the agent has written 3 events, and told 5 before"]


def test_a_row_that_is_gone_is_noticed_with_the_next_one(pair: Pair) -> None:
    table = schema.ledger_outbox
    pair.tamper(delete(table).where(table.c.seq == 5))
    assert pair.agent.reader.read(ledger.broken) is not None
    pair.lives(State.UP, 300)
    with pytest.raises(BadEventError, match="ledger was altered: event 6"):
        pair.desk.take(pair.agent)
    assert len(pair.alarms()) == 1


def test_a_ledger_rolled_back_and_written_on_is_refused(pair: Pair) -> None:
    """Threat 9: the numbers fit again, and the past does not."""
    table, heads = schema.ledger_outbox, schema.stream_head
    pair.tamper(
        delete(table).where(table.c.seq > 3),
        update(heads).where(heads.c.stream == "L").values(acked_seq=3, head_seq=3),
        delete(schema.check_change).where(schema.check_change.c.since_us > T0 + 120e6),
    )
    for number in range(5, 9):
        pair.lives(State.UP if number % 2 else State.DOWN, number * 60)
    pair.agent.acknowledge("L", 5, {}).result()
    with pytest.raises(BadEventError, match="ledger was altered: event 6"):
        pair.desk.take(pair.agent)
    assert len(pair.alarms()) == 1
    pair.desk.hello(pair.agent)
    assert len(pair.alarms()) == 2


def test_a_new_store_is_a_witness_beside_the_one_before(tmp_path: Path) -> None:
    """What a lost store had told is still known; the gap is not measured."""
    pair = Pair(tmp_path)
    try:
        before = pair.desk.timelines()["erp"]
        pair.agent.close()
        pair.desk.clock.forward(3600)
        pair.clock.pass_s(3600)
        pair.agent = opened(tmp_path / "fresh", pair.clock)
        pair.agent.follow([ERP]).result()
        pair.lives(State.UP, 3900)
        pair.desk.settle(pair.agent)
        after = pair.desk.timelines()["erp"]
        assert after[: len(before)] == before
        assert after[len(before)] == (State.UP, Instant(T0 + 3900 * 1_000_000))
    finally:
        pair.close()


def test_a_service_made_of_other_checks_keeps_its_past(pair: Pair) -> None:
    past = told(pair.agent, ERP)
    pair.clock.pass_s(60)
    narrower = type(ERP)(id="erp", checks=("z/1",), need=1)
    pair.agent.follow([narrower]).result()
    assert told(pair.agent, ERP)[: len(past)] == past
    assert told(pair.agent, ERP)[-1][0] is State.UNKNOWN
    pair.agent.follow([]).result()
    assert told(pair.agent, ERP)[-1][0] is State.UNKNOWN


def test_a_desk_that_lost_its_store_is_told_everything(pair: Pair) -> None:
    other = Desk(pair.folder / "other")
    try:
        # Another desk's epoch 1 is this store's too; it knows nothing of it.
        other.clock.forward(3600)
        other.hello(pair.agent)
        pair.agent.rewind("L", 0).result()
        other.settle(pair.agent)
        assert other.timelines()["erp"][:5] == own(pair.agent, ERP)
    finally:
        other.store.close()
