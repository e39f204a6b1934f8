"""Ledgers for tests: changes of checks into a store, and its rows to a desk."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.instant import Instant, format_instant
from scudo_agent.judge.batch import Change, Withdrawal
from scudo_agent.judge.service import Timeline, check_timeline, service_timeline
from scudo_agent.judge.site import ServiceRule
from scudo_agent.model import State
from scudo_agent.store import ledger
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import LedgerRow, Write
from scudo_agent.wire import Hello, LedgerBatch
from support.desking import HandClock, site
from support.storing import T0

SECOND = 1_000_000
ERP = ServiceRule(id="erp", checks=("a/1", "b/1"), need=1)
WEB = ServiceRule(id="web", checks=("b/1", "c/1"), need=2)


def change(check: str, state: State, since: int, decided: int | None = None) -> Change:
    """A check's change, in seconds from T0."""
    return Change(
        check=check,
        state=state,
        since=Instant(T0 + since * SECOND),
        decided=Instant(T0 + (since if decided is None else decided) * SECOND),
    )


def commit(store: AgentStore, *changes: Change | Withdrawal) -> None:
    """Store some changes in one transaction."""
    store.commit(Write(changes=changes)).result()


def rows(store: AgentStore, limit: int = 10_000) -> list[LedgerRow]:
    """What the desk has not acknowledged."""
    return list(store.rows(ledger.STREAM, limit))


def own(store: AgentStore, rule: ServiceRule) -> Timeline:
    """The service's timeline as the account at the agent has it: from the checks."""
    changes = store.reader.timelines(Instant(0), Instant(1 << 60))
    members = [check_timeline(changes.get(check, ())) for check in rule.checks]
    return known(service_timeline(members, rule.need))


def told(store: AgentStore, rule: ServiceRule) -> Timeline:
    """The service's timeline as stream L told it."""
    return known(store.reader.read(lambda db: ledger.timeline(db, rule.id)))


def merged_down_us(stores: Sequence[Path], service: str) -> int:
    """How long several agents' ledgers together have a service down, second by second.

    With plain SQL and the rule word for word: up or degraded if either saw it, else
    down if either did.
    """
    lives = []
    for path in stores:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            query = (
                "SELECT since_us, state FROM ledger_outbox"
                " WHERE service = ? AND undone_seq IS NULL ORDER BY since_us"
            )
            lives.append(db.execute(query, (service,)).fetchall())
    moments = sorted({since for life in lives for since, _ in life})
    down = 0
    for start, end in pairwise(moments):
        states = {
            next((state for since, state in life[::-1] if since <= start), "unknown")
            for life in lives
        }
        if "down" in states and not states & {"up", "degraded"}:
            down += end - start
    return down


def known(points: Iterable[tuple[State, Instant]]) -> Timeline:
    """Without what says nothing: unknown before the first known state."""
    out = list(points)
    while out and out[0][0] is State.UNKNOWN:
        del out[0]
    return out


class Desk:
    """A desk's store with one agent that speaks to it, without HTTP."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock(T0)
        posting = Posting(message_host="desk.example", provider_mail="noc@desk.example")
        self.store = DeskStore(folder, clock=self.clock, posting=posting)
        enrolment = Enrolment.of(site())
        self.who: AgentIdentity = self.store.agents.enrol(enrolment, key_sha256="k")

    def hello(self, agent: AgentStore, **changes: object) -> int:
        """The agent greets; the last number of L that the desk has."""
        status = agent.reader.read(ledger.status)
        given: dict[str, object] = {
            "epoch": agent.epoch(),
            "store_id": agent.store_id,
            "head_seq": {"I": 0, "L": status.head_seq},
            "acked_seq": {"I": 0, "L": status.acked_seq},
            "anchors": dict(status.hashes),
            "wall": format_instant(self.clock.wall()),
            "mono_us": 0,
            "boot_id": "b",
        }
        hello = Hello.model_validate(given | changes)
        granted = self.store.agents.hello(self.who, hello)
        agent.grant(granted.epoch).result()
        return granted.last_seq["L"]

    def take(self, agent: AgentStore, limit: int = 200) -> int:
        """Take the next rows; the number up to which they are acknowledged."""
        waiting = rows(agent, limit)
        if not waiting:
            return 0
        events = [json.loads(row.body) for row in waiting]
        batch = LedgerBatch.model_validate(
            {"epoch": agent.epoch(), "first_seq": waiting[0].seq, "events": events}
        )
        hashes = [row.sha256 for row in waiting]
        ack = self.store.ledger.apply(self.who, batch, hashes=hashes).ack_seq
        agent.acknowledge(ledger.STREAM, ack, {}).result()
        return ack

    def settle(self, agent: AgentStore) -> None:
        """Greet, take everything, greet again: the desk has it whole."""
        self.hello(agent)
        while self.take(agent):
            pass
        self.hello(agent)

    def timelines(self) -> dict[str, Timeline]:
        """What the desk knows of each service."""
        found = self.store.ledger.timelines(self.who.tenant_id, self.who.site_id)
        return {service: known(points) for service, points in found.items()}
