"""What the provider alone is told of: a ledger altered, a store damaged, a refusal."""

import asyncio
import hashlib
import json
from collections.abc import Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.inbox import BadEventError
from scudo_agent.desk.store.own_facts import CALM_US, OLD_US
from scudo_agent.desk.store.tables import incident, mail_outbox, ticket, ticket_event
from scudo_agent.instant import SECOND, Instant, format_instant
from scudo_agent.model import State
from scudo_agent.store import damage, ledger, schema
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.damage import Loss
from scudo_agent.wire import Gap, LedgerGap, canonical
from support.desking import INCIDENT, Bench, bench, site, stage
from support.ledgers import ERP, Desk, change, commit, rows
from support.storing import T0, StoppedClock, opened

ALTERED = ("ledger-altered:acme-milano", "provider")
DAMAGED = ("store-damaged:acme-milano", "provider")
REFUSED = ("report-refused:acme-milano", "provider")


class Pair:
    """An agent's store and its desk, which has heard everything."""

    def __init__(self, folder: Path) -> None:
        self.agent: AgentStore = opened(folder / "agent", StoppedClock())
        self.desk = Desk(folder / "desk")
        self.agent.follow([ERP]).result()
        for number, state in enumerate((State.UP, State.DOWN, State.UP)):
            self.lives(state, number * 60)
        self.desk.settle(self.agent)

    def lives(self, state: State, at: int) -> None:
        """Both checks change to a state."""
        self.desk.clock.forward(60)
        commit(self.agent, change("a/1", state, at), change("b/1", state, at))

    def rewrite(self, seq: int, state: State) -> None:
        """Root at the agent changes a row, and every hash after it."""

        def work(db: Connection) -> None:
            table = schema.ledger_outbox
            prev = ledger.hash_of(db, seq - 1)
            later = select(table).where(table.c.seq >= seq).order_by(table.c.seq)
            for row in db.execute(later).all():
                data = json.loads(row.body) | {"prev": prev}
                data |= {"state": state.value} if row.seq == seq else {}
                body = canonical(data)
                prev = hashlib.sha256(body).hexdigest()
                change_ = update(table).where(table.c.seq == row.seq)
                db.execute(change_.values(body=body, sha256=prev))

        self.agent._writer.submit(work).result()

    def tickets(self) -> list[tuple[str, str, str]]:
        """Subject, audience and condition, oldest first."""
        return _tickets(self.desk.store.database)

    def notes(self) -> list[str]:
        """The kinds of the entries of all histories."""
        query = select(ticket_event.c.kind).order_by(ticket_event.c.event_id)
        with self.desk.store.database.read() as db:
            return list(db.execute(query).scalars())

    def close(self) -> None:
        """Close both."""
        self.agent.close()
        self.desk.store.close()


def _tickets(database: Any) -> list[tuple[str, str, str]]:
    query = (
        select(incident.c.subject_key, ticket.c.audience, ticket.c.condition)
        .join(ticket, ticket.c.ticket_id == incident.c.ticket_id)
        .order_by(ticket.c.ticket_id)
    )
    with database.read() as db:
        return [tuple(row) for row in db.execute(query)]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def test_an_altered_ledger_is_a_ticket_of_the_provider_until_it_is_in_order(
    pair: Pair,
) -> None:
    """Threat 9: the anchor in the greeting differs from what was told."""
    end = pair.desk.store.facts.end_due
    assert pair.tickets() == []
    pair.rewrite(2, State.UP)
    pair.desk.hello(pair.agent)
    assert pair.tickets() == [(*ALTERED, "bad")]
    pair.desk.clock.forward(CALM_US / SECOND)
    pair.desk.hello(pair.agent)  # it still differs: the same is not told twice
    assert end()[0] == 0
    assert pair.tickets() == [(*ALTERED, "bad")]
    pair.rewrite(2, State.DOWN)  # as it was
    pair.desk.hello(pair.agent)
    assert end()[0] == 1
    assert pair.tickets() == [(*ALTERED, "recovered")]
    with pair.desk.store.database.read() as db:
        to = db.execute(select(mail_outbox.c.recipient)).scalars().all()
    assert to == ["noc@desk.example"] * 2


def test_the_honest_one_of_two_agents_ends_no_alarm(pair: Pair, tmp_path: Path) -> None:
    end, first = pair.desk.store.facts.end_due, pair.desk.who
    enrolment = Enrolment.of(site(), number=2)
    second = pair.desk.store.agents.enrol(enrolment, key_sha256="k2")
    with closing(opened(tmp_path / "second", StoppedClock())) as honest:
        honest.follow([ERP]).result()
        commit(honest, change("a/1", State.UP, 0), change("b/1", State.UP, 0))
        pair.desk.who = second
        pair.desk.settle(honest)
        pair.desk.who = first
        pair.rewrite(2, State.UP)
        pair.desk.hello(pair.agent)
        pair.desk.clock.forward(CALM_US / SECOND)
        for _ in range(2):
            pair.desk.who = first
            pair.desk.hello(pair.agent)
            pair.desk.who = second
            pair.desk.hello(honest)
            end()
            assert pair.tickets()[0] == (*ALTERED, "bad")
            pair.desk.clock.forward(30)


def test_a_forged_event_and_its_tombstone_are_one_ticket(pair: Pair) -> None:
    pair.rewrite(3, State.DOWN)
    pair.lives(State.DOWN, 300)
    with pytest.raises(BadEventError):
        pair.desk.take(pair.agent)
    [bad] = rows(pair.agent)
    gap = LedgerGap(
        epoch=pair.agent.epoch() or 0, seq=bad.seq, sha256=bad.sha256, reason="forged"
    )
    for _ in range(2):  # told twice, taken once
        pair.desk.store.ledger.gap(pair.desk.who, gap)
    assert pair.tickets() == [(*ALTERED, "bad")]
    assert pair.notes() == ["open", "note"]


def test_a_ledger_event_that_cannot_be_read_is_told(pair: Pair) -> None:
    pair.lives(State.DOWN, 300)
    [bad] = rows(pair.agent)
    gap = LedgerGap(
        epoch=pair.agent.epoch() or 0, seq=bad.seq, sha256=bad.sha256, reason="no state"
    )
    pair.desk.store.ledger.gap(pair.desk.who, gap)
    assert pair.tickets() == [(*REFUSED, "bad")]
    # A desk that is stopped for a day ends it when it is back.
    pair.desk.clock.forward(86_400)
    assert pair.desk.store.facts.end_due() == (1, None)
    assert pair.tickets() == [(*REFUSED, "recovered")]


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def test_a_stage_in_quarantine_is_told_and_a_second_one_joins_it(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        for seq in (2, 3):
            gap = Gap(
                epoch=agent.epoch,
                seq=seq,
                incident_id=INCIDENT,
                rev=seq,
                sha256="0" * 64,
                reason="rule 'S9' is none",
            )
            reply = await b.client.post(
                "/v1/agents/self/streams/I/gaps",
                json=gap.model_dump(mode="json"),
                headers=agent.headers,
            )
            assert reply.status_code == 200
        found = _tickets(b.desk.store.database)
        assert found[1:] == [(*REFUSED, "bad")]
        assert len(await agent.tickets()) == 1  # no customer sees it
        await b.desk.send_mails()
        texts = [mail.decode() for to, mail in b.mails.mails if "noc@" in to]
        assert len(texts) == 1
        assert "Rapporto rifiutato: acme-milano" in texts[0]
        b.clock.forward(CALM_US / SECOND)
        await b.desk.look_after()
        assert _tickets(b.desk.store.database)[1:] == [(*REFUSED, "recovered")]

    async def whole() -> None:
        async with bench(tmp_path) as made:
            await scene(made)

    run(whole())


def _befell(agent: AgentStore, loss: Loss) -> None:
    agent._writer.submit(lambda db: damage.note(db, loss)).result()


def _told(agent: AgentStore) -> dict[str, Any]:
    found = agent.reader.read(damage.last_told)
    assert found is not None
    return found


def test_a_store_that_was_made_anew_is_told_once(pair: Pair) -> None:
    assert pair.agent.reader.read(damage.last_told) is None
    for lost in (7, None):
        loss = Loss(
            at=format_instant(Instant(T0 + (lost or 0))),
            why="malformed page",
            aside="agent.db.damaged",
            since=None,
            kept=40,
            lost=lost,
        )
        _befell(pair.agent, loss)
        for _ in range(2):
            pair.desk.hello(pair.agent, damaged=_told(pair.agent))
        assert pair.tickets() == [(*DAMAGED, "bad")]
    assert pair.notes() == ["open", "note"]


def test_what_befell_a_store_long_ago_is_no_news_to_a_new_desk(pair: Pair) -> None:
    loss = Loss(at=format_instant(T0), why="w", aside="a", since=None)
    _befell(pair.agent, loss)
    pair.desk.clock.forward(2 * OLD_US / SECOND)
    pair.desk.hello(pair.agent, damaged=_told(pair.agent))
    assert pair.tickets() == []
