"""10,000 checks fall at once: few tickets, few mails, and every transition kept.

A whole agent with its desk, their real stores and their real delivery, in simulated
time. What it costs is measured by `benchmarks/storm.py`.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from scudo_agent import config
from scudo_agent.agent.app import Agent, Options, running
from scudo_agent.desk.store.sqlite import ReadOnlyDatabase
from scudo_agent.desk.store.tables import incident, mail_outbox, ticket, ticket_event
from scudo_agent.instant import MINUTE, SECOND, parse_instant
from scudo_agent.model import Outcome
from scudo_agent.probes.registry import SETTINGS
from support.mails_told import unheard, untold
from support.script import BAD, GOOD, ScriptEngine
from support.sim import SimClock, simulate
from support.sites import write_site

CHECKS = 10_000
SHORT = 500
"""So many recover after two minutes; the others go on."""

BLOCKS = "h9999"
"""Its service is down: severity 1."""

_HEAD = """\
version: 1
site: grande
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
desk: embedded
defaults: {interval: 3600s, timeout: 5s, confirm: 1, recover: 1, reprobe: 3600s}
services:
  erp: {title: {it: Gestionale}, contracted: true, checks: [h9999/tcp]}
contract: contract.yaml
targets:
"""


@dataclass
class Storm:
    """What was found after the storm, and the tickets two minutes after it began."""

    folder: Path
    acked: list[float] = field(default_factory=list)
    early: dict[str, Any] = field(default_factory=dict)


def _site() -> str:
    targets = [
        f"  h{n}: {{address: 192.0.2.1, checks: {{tcp: {{tcp: {{port: {n + 1}}}}}}}}}\n"
        for n in range(CHECKS)
    ]
    return _HEAD + "".join(targets)


def _count(db: Connection, *where: Any) -> int:
    query = select(func.count()).select_from(incident).where(*where)
    return int(db.execute(query).scalar_one())


async def _live(agent: Agent, clock: SimClock, found: Storm, bad: set[str]) -> None:
    runtime = agent.runtime
    stop = asyncio.Event()
    task = asyncio.create_task(runtime.run(stop))
    await asyncio.sleep(30)
    checks = list(runtime.site.checks)
    bad |= set(checks)
    for check in checks:
        runtime.report(check, BAD)
    fell = clock.mono_us
    while (marks := runtime.store.head())[1] < CHECKS:
        assert clock.mono_us - fell < MINUTE, f"told in a minute: {marks}"
        await asyncio.sleep(1)
    found.acked.append((clock.mono_us - fell) / SECOND)
    await asyncio.sleep(120)
    found.early = {"tickets": await _tickets(agent)}
    for check in checks[:SHORT]:
        bad.discard(check)
        runtime.report(check, GOOD)
    await asyncio.sleep(20 * 60)
    stop.set()
    await task


async def _tickets(agent: Agent) -> int:
    embedded = agent.desk.embedded
    assert embedded is not None
    with embedded.store.database.read() as db:
        return int(db.execute(select(func.count()).select_from(ticket)).scalar_one())


@pytest.fixture(scope="module")
def storm() -> Iterator[Storm]:
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        folder, bad = Path(name), set[str]()
        clock = SimClock(parse_instant("2026-03-02T08:00:00+01:00"))
        found = Storm(folder)

        def outcome(check: str) -> Outcome:
            return BAD if check in bad else GOOD

        async def main() -> None:
            site = config.load(write_site(folder, _site()), SETTINGS)
            options = Options(
                state=folder / "state",
                desk_file=folder / "desk.yaml",
                clock=clock,
                engines=lambda _kind: ScriptEngine(outcome),
                rng=random.Random(7),
                simulated=True,
            )
            async with running(site, options) as agent:
                await _live(agent, clock, found, bad)

        simulate(clock, main())
        yield found


@pytest.fixture
def desk(storm: Storm) -> Iterator[Connection]:
    database = ReadOnlyDatabase(storm.folder / "state")
    with database.read() as db:
        yield db
    database.close()


def test_every_opening_is_at_the_desk_once_and_every_recovery(desk: Connection) -> None:
    kinds = select(ticket_event.c.kind, func.count()).where(
        ticket_event.c.kind.in_(("open", "recover"))
    )
    told = dict(map(tuple, desk.execute(kinds.group_by(ticket_event.c.kind))))
    assert told == {"open": CHECKS, "recover": SHORT}
    assert _count(desk) == CHECKS
    assert _count(desk, incident.c.condition == "recovered") == SHORT
    assert _count(desk, incident.c.ended_us.is_not(None)) == SHORT
    assert unheard(desk) == []


def test_the_customer_has_three_tickets_and_three_mails_in_ten_minutes(
    desk: Connection, storm: Storm
) -> None:
    assert storm.early["tickets"] <= 3
    mine = (
        ticket.c.audience == "customer",
        mail_outbox.c.ticket_id == ticket.c.ticket_id,
    )
    sent = sorted(
        desk.execute(
            select(mail_outbox.c.sent_us).where(mail_outbox.c.state == "sent", *mine)
        ).scalars()
    )
    assert len(sent) >= 3
    spans = [last - first for first, last in zip(sent, sent[3:], strict=False)]
    assert all(span >= 10 * MINUTE for span in spans)
    assert untold(desk, sent=False) == []


def test_what_blocks_got_a_ticket_of_its_own_after_a_quarter_of_an_hour(
    desk: Connection,
) -> None:
    tickets = desk.execute(select(ticket).order_by(ticket.c.ticket_id)).all()
    assert len(tickets) == 4
    own = tickets[-1]
    (moved,) = desk.execute(
        select(incident).where(incident.c.ticket_id == own.ticket_id)
    ).all()
    assert (moved.severity, moved.subject_key) == (1, "service:erp")
    assert own.stored_us - moved.opened_us >= 15 * MINUTE
    assert own.stored_us - moved.opened_us < 17 * MINUTE


def test_the_agent_keeps_each_change_of_state(storm: Storm) -> None:
    from scudo_agent.store.read import StoreReader

    reader = StoreReader.open(storm.folder / "state")
    try:
        rows = reader.read(
            lambda db: db.exec_driver_sql(
                "SELECT state, count(*) FROM check_change"
                " WHERE withdrawn_at_us IS NULL AND state IN ('down', 'up')"
                " GROUP BY state"
            ).all()
        )
    finally:
        reader.close()
    counts = dict(map(tuple, rows))
    assert counts["down"] == CHECKS
    assert counts["up"] == CHECKS + SHORT
