"""Eleven contract years, generated: what is dropped, and that nothing else changes."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, insert, select, update

from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.contract.exact import loads
from scudo_agent.contract.hours import local_day
from scudo_agent.contract.year import KEPT_YEARS, kept_since
from scudo_agent.desk.ledger import Timeline
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.ledger_tables import ledger as told
from scudo_agent.desk.store.ledger_tables import statement
from scudo_agent.desk.store.statements import DroppedError
from scudo_agent.desk.store.tables import (
    contract_version,
    inbox,
    incident,
    mail_outbox,
    ticket,
    ticket_event,
)
from scudo_agent.desk.store.tables import site as site_table
from scudo_agent.instant import DAY, HOUR, SECOND, Instant, parse_instant
from scudo_agent.intervals import enter
from scudo_agent.judge.batch import Withdrawal
from scudo_agent.judge.site import ServiceRule
from scudo_agent.locale.formats import zone_info
from scudo_agent.model import State
from scudo_agent.store import ledger, schema
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.wire import SiteService
from support.desking import contract, site
from support.ledgers import ERP, Desk, change, commit
from support.storing import T0, StoppedClock, opened

YEAR = 365 * DAY
YEARS = 14
QUIET = ServiceRule(id="quiet", checks=("q/1",), need=1)
"""A service that came up in the first year and never changed."""

CONTRACT = contract() | {"year_start": "2020-03-01"}


class Life:
    """An agent that lived for fourteen years, and a desk that heard all of it."""

    def __init__(self, folder: Path) -> None:
        self.clock = StoppedClock()
        self.agent: AgentStore = opened(folder / "agent", self.clock)
        self.agent.follow([ERP, QUIET]).result()
        self.desk = Desk(folder / "desk")
        self.desk.store.agents.enrol(self.enrolment(), key_sha256="k")
        commit(self.agent, change("q/1", State.UP, 0))
        changes = []
        for number in range(YEARS * 4):
            at = number * YEAR // 4 // SECOND
            for second, state in ((at, State.DOWN), (at + 3_600, State.UP)):
                changes += [change(one, state, second) for one in ("a/1", "b/1")]
        for start in range(0, len(changes), 16):
            commit(self.agent, *changes[start : start + 16])
        self.now = Instant(T0 + YEARS * YEAR)
        self.clock.now = self.now
        self.desk.clock.at = int(self.now)

    def enrolment(self) -> Any:
        """The site with its two services."""
        given = Enrolment.of(site(brings=CONTRACT))
        rest = {n: getattr(given, n) for n in given.__slots__ if n != "services"}
        services = (SiteService(id="erp"), SiteService(id="quiet"))
        return Enrolment(**rest, services=services)

    @property
    def since(self) -> Instant:
        """The first instant that is kept."""
        return kept_since(contract_of_data(CONTRACT, name="c"), self.now)

    def keep_house(self) -> int:
        """The agent's nightly work; how many rows it dropped."""
        return self.agent.house_keep(since=self.since).result()[1]

    def of_agent(self, rule: ServiceRule) -> Timeline:
        """What the agent's own account has of a service, from `since` on."""
        points = self.agent.reader.read(lambda db: ledger.timeline(db, rule.id))
        return _from(points, self.since)

    def close(self) -> None:
        """Close both."""
        self.agent.close()
        self.desk.store.close()


def _from(points: Timeline, since: Instant) -> Timeline:
    """A timeline with how it stood at `since`, and what came later."""
    before = [state for state, at in points if at <= since]
    out: Timeline = [(before[-1] if before else State.UNKNOWN, since)]
    for state, at in points:
        if at > since:
            enter(out, state, at)
    return out


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    made = Life(tmp_path)
    yield made
    made.close()


def count(db: Connection, table: Any, *where: Any) -> int:
    return int(
        db.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
    )


def test_eleven_contract_years_and_the_running_one_are_kept() -> None:
    made = contract_of_data(CONTRACT, name="c")
    at = parse_instant("2040-02-29T12:00:00Z")
    assert kept_since(made, at) == parse_instant("2028-02-29T23:00:00Z")
    assert kept_since(made, Instant(at + DAY)) == parse_instant("2029-02-28T23:00:00Z")
    assert date(2040, 3, 1).year - KEPT_YEARS == 2029
    early = parse_instant("2019-06-01T00:00:00Z")
    assert kept_since(made, early) == kept_since(None, early)
    assert kept_since(None, early) < early - KEPT_YEARS * 366 * DAY


def test_the_agent_drops_what_is_older_and_tells_the_same_of_the_rest(
    life: Life,
) -> None:
    life.desk.settle(life.agent)
    before = [life.of_agent(rule) for rule in (ERP, QUIET)]
    with_checks = life.agent.reader.timelines(life.since, life.now)
    dropped = life.keep_house()
    assert dropped > 30
    assert [life.of_agent(rule) for rule in (ERP, QUIET)] == before
    assert life.agent.reader.timelines(life.since, life.now) == with_checks
    assert life.agent.reader.read(ledger.broken) is None

    def oldest(db: Connection) -> list[int]:
        table = schema.check_change
        query = select(func.min(table.c.since_us)).group_by(table.c.check)
        return list(db.execute(query).scalars())

    # What held at the first instant that is kept, and no more.
    assert sum(at < life.since for at in life.agent.reader.read(oldest)) == 3
    again = life.keep_house()
    assert again == 0
    commit(life.agent, change("a/1", State.DOWN, YEARS * YEAR // SECOND))
    life.desk.settle(life.agent)
    assert life.agent.reader.read(ledger.status).acked_seq > 0
    whole = life.desk.store.ledger.whole(life.desk.who.tenant_id, "acme-milano")
    assert whole == life.now  # nothing waits, nothing was refused


def test_what_the_desk_does_not_have_is_kept_for_ever(life: Life) -> None:
    def rows(db: Connection) -> int:
        return count(db, schema.ledger_outbox)

    had = life.agent.reader.read(rows)
    life.keep_house()
    assert life.agent.reader.read(rows) >= had  # the quiet service is told again


def test_a_change_that_was_withdrawn_holds_nothing_up(life: Life) -> None:
    first = Instant(T0 + YEAR)
    commit(
        life.agent, Withdrawal(check="q/1", since=first, decided=Instant(first + HOUR))
    )
    life.desk.settle(life.agent)
    before = life.of_agent(QUIET)
    life.keep_house()
    assert life.of_agent(QUIET) == before


def test_a_new_desk_is_told_all_that_is_kept(life: Life, tmp_path: Path) -> None:
    life.desk.settle(life.agent)
    life.keep_house()
    before = [
        _from(life.desk.timelines()[name], life.since) for name in ("erp", "quiet")
    ]
    fresh = Desk(tmp_path / "fresh")
    try:
        fresh.clock.at = int(life.now)
        for agents in range(2):  # an epoch of its own each
            fresh.store.agents.hello(
                fresh.who, _hello(life.agent, f"other-{agents}", life.now)
            )
        fresh.settle(life.agent)
        found = [
            _from(fresh.timelines()[name], life.since) for name in ("erp", "quiet")
        ]
        assert found == before
    finally:
        fresh.store.close()


def _hello(agent: AgentStore, store_id: str, at: Instant) -> Any:
    from scudo_agent.instant import format_instant
    from scudo_agent.wire import Hello

    return Hello(
        epoch=None,
        store_id=store_id,
        head_seq={"I": 0, "L": 0},
        acked_seq={"I": 0, "L": 0},
        wall=format_instant(at),
        mono_us=0,
        boot_id="b",
    )


def test_the_desk_drops_the_ledger_of_twelve_years_ago_and_states_the_same(
    life: Life,
) -> None:
    life.desk.settle(life.agent)
    store, who = life.desk.store, life.desk.who
    before = store.ledger.timelines(who.tenant_id, who.site_id)
    stated = store.statements.get(who, "2039-06").body
    assert store.statements.get(who, "2027-06").revision == 1
    assert store.statements.get(who, "2027").revision == 1
    assert store.retention.drop() > 15
    after = store.ledger.timelines(who.tenant_id, who.site_id)
    for name in ("erp", "quiet"):
        assert _from(after[name], life.since) == _from(before[name], life.since)
    periods = [one.period for one in store.statements.of_site(who)]
    assert periods == ["2039-06"]
    for period in ("2027-06", "2027"):
        with pytest.raises(DroppedError, match=r"2027.* is not kept any more"):
            store.statements.get(who, period)
    zone = zone_info(contract_of_data(CONTRACT, name="c").timezone)
    first = f"{local_day(zone, life.since):%Y-%m}"
    assert store.statements.get(who, first).revision == 1
    corrected = store.statements.correct(who, "2039-06", by="A", reason="again")
    was, now = loads(stated)["figures"], loads(corrected.body)["figures"]
    assert was == now
    assert store.retention.drop() == 0
    # The chain goes on from the last row, which stayed.
    commit(life.agent, change("a/1", State.DOWN, YEARS * YEAR // SECOND))
    commit(life.agent, change("b/1", State.DOWN, YEARS * YEAR // SECOND))
    life.desk.clock.forward(60)
    life.desk.settle(life.agent)
    assert life.desk.timelines()["erp"][-2][0] is State.DOWN
    with store.database.read() as db:
        assert count(db, told, told.c.since_us < life.since) == 2
        assert count(db, statement) >= 1


def _ticket(db: Connection, number: int, at: Instant, **changes: Any) -> None:
    """A closed ticket with its incident, an entry and a mail."""
    name = f"01957000-0000-7000-8000-{number:012x}"
    whose = {"tenant_id": "acme"}
    facts = {
        "site_id": "acme-milano",
        "audience": "customer",
        "title": {},
        "condition": "recovered",
        "since_us": at,
        "stored_us": at,
    }
    row = facts | {
        "ticket_id": number,
        "ref": f"SC-{number}",
        "incident_id": name,
        "origin": "AltecMonitor",
        "status": "closed",
        "received_us": at,
        "closed_us": at,
    }
    db.execute(insert(ticket).values(whose | row | changes))
    more = {
        "incident_id": name,
        "agent_id": "a",
        "ticket_id": number,
        "subject_key": f"service:s{number}",
        "subject_open": False,
        "opened_us": at,
        "rev": 2,
    }
    db.execute(insert(incident).values(whose | facts | more))
    entry = {
        "ticket_id": number,
        "incident_id": name,
        "kind": "open",
        "at_us": at,
        "stored_us": at,
        "actor": "a",
        "data": {},
    }
    event = (
        insert(ticket_event).values(whose | entry).returning(ticket_event.c.event_id)
    )
    mail = {
        "ticket_id": number,
        "incident_id": name,
        "kind": "open",
        "rev": 1,
        "event_id": db.execute(event).scalar_one(),
        "state": "sent",
        "message_id": f"<{number}@desk.example>",
        "recipient": "it@acme.example",
        "language": "it",
        "created_us": at,
        "next_us": at,
    }
    db.execute(insert(mail_outbox).values(whose | mail))


def test_tickets_closed_twelve_years_ago_go_and_open_ones_stay(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    try:
        room = desk.store.retention
        with desk.store.database.write() as db:
            for number in range(1, 15 * 12):
                _ticket(db, number, Instant(T0 + number * 30 * DAY))
            _ticket(db, 900, T0, status="new", closed_us=None)
            _ticket(db, 901, T0, condition="bad")
        desk.clock.at = T0 + 15 * 366 * DAY
        since = kept_since(None, Instant(desk.clock.at))
        gone = sum(T0 + number * 30 * DAY < since for number in range(1, 15 * 12))
        assert gone > 30
        assert room.drop() == gone * 4
        assert room.drop() == 0
        with desk.store.database.read() as db:
            kept = 15 * 12 - 1 - gone + 2
            for table in (ticket, incident, ticket_event, mail_outbox):
                assert count(db, table) == kept
            assert count(db, ticket, ticket.c.ticket_id >= 900) == 2
    finally:
        desk.store.close()


def test_events_of_agents_are_known_for_35_days(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    try:
        row = {
            "tenant_id": "acme",
            "agent_id": desk.who.agent_id,
            "epoch": 1,
            "stream": "I",
            "sha256": "0" * 64,
            "incident_id": "i",
            "rev": 1,
        }
        with desk.store.database.write() as db:
            rows = [row | {"seq": n, "stored_us": T0 + n * DAY} for n in range(1, 101)]
            db.execute(insert(inbox), rows)
        desk.clock.at = T0 + 100 * DAY
        assert desk.store.retention.drop_due()[0] == 0  # not in the first hour
        desk.clock.at += HOUR
        assert desk.store.retention.drop_due()[0] == 65
        assert desk.store.retention.drop_due()[0] == 0
        with desk.store.database.read() as db:
            assert db.execute(select(func.min(inbox.c.seq))).scalar_one() == 66
    finally:
        desk.store.close()


def test_a_quarantined_stage_and_one_that_waits_outlive_eleven_years(
    life: Life,
) -> None:
    """I8: what the desk has not acknowledged is never dropped."""

    def put(db: Connection) -> None:
        known = {
            "subject_key": "service:x",
            "audience": "customer",
            "since_us": T0,
            "opened_us": T0,
            "state": "sealed",
            "rev": 1,
            "recovered_us": T0,
            "reopen_count": 0,
            "data": "{}",
        }
        for seq, sealed in enumerate(("waits", "aside", "had"), start=1):
            db.execute(insert(schema.incident).values(known | {"incident_id": sealed}))
            values = {
                "stream": "I",
                "seq": seq,
                "incident_id": sealed,
                "rev": 1,
                "kind": "open",
                "body": json.dumps({"seq": seq}).encode(),
                "sha256": "0" * 64,
                "created_us": T0,
                "attempts": 0,
                "acked_us": T0 if sealed == "had" else None,
                "quarantined_us": T0 if sealed == "aside" else None,
            }
            db.execute(insert(schema.outbox).values(values))
        heads = update(schema.stream_head).where(schema.stream_head.c.stream == "I")
        db.execute(heads.values(head_seq=3, acked_seq=3))

    life.agent._writer.submit(put).result()
    life.keep_house()

    def left(db: Connection) -> list[str]:
        names = select(schema.incident.c.incident_id)
        return sorted(db.execute(names).scalars())

    assert life.agent.reader.read(left) == ["aside", "waits"]


def test_months_that_were_dropped_are_not_mailed_again(life: Life) -> None:
    life.desk.settle(life.agent)
    store = life.desk.store
    given = Enrolment.of(site(brings=CONTRACT | {"statement": {"mail": "monthly"}}))
    store.agents.enrol(given, key_sha256="k")
    with store.database.write() as db:
        # It has been so from the first year on.
        db.execute(delete(contract_version).where(contract_version.c.revision == 1))
        db.execute(update(contract_version).values(stored_us=T0))
        db.execute(update(site_table).values(created_us=T0))
    made = 0
    while more := store.statements.mail_due()[0]:
        made += more
    kept = (life.now - life.since) // (31 * DAY)
    assert kept <= made <= (KEPT_YEARS + 1) * 12
    with store.database.write() as db:
        db.execute(update(mail_outbox).values(state="sent"))
    store.retention.drop()
    assert store.statements.mail_due()[0] == 0
