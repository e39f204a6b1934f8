"""A whole agent with its desk lives through a simulated day, in seconds."""

import asyncio
import mailbox
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import func, select

from scudo_agent import config
from scudo_agent.agent.app import Agent, Options, running
from scudo_agent.agent.runtime import Runtime
from scudo_agent.agent.stored import raw_uptime
from scudo_agent.config.judging import judging_site
from scudo_agent.desk.store.sqlite import ReadOnlyDatabase
from scudo_agent.desk.store.tables import mail_outbox
from scudo_agent.instant import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Instant,
    parse_instant,
)
from scudo_agent.model import Kind, Outcome, State
from scudo_agent.pipeline import Committed
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.replay import read_events, replay
from scudo_agent.schedule import TICK_US
from scudo_agent.store.read import StoreReader
from scudo_agent.wire import Stage
from support.mails_told import untold
from support.script import BAD, GOOD, ScriptEngine
from support.sim import SimClock, simulate
from support.sites import CONTRACT, SITE, write_site

START = parse_instant("2026-03-02T08:00:00+01:00")
Failing = dict[str, tuple[tuple[int, int], ...]]


@dataclass
class World:
    """A simulated machine, its site, and which checks fail when (µs from START)."""

    folder: Path
    clock: SimClock = field(default_factory=lambda: SimClock(START))
    failing: Failing = field(default_factory=dict)
    engines: list[ScriptEngine] = field(default_factory=list)

    def outcome(self, check: str) -> Outcome:
        since = self.clock.mono_us - 1_000 * SECOND
        spans = self.failing.get(check, ())
        return BAD if any(a <= since < b for a, b in spans) else GOOD

    def live(
        self,
        during: Callable[[Agent], Coroutine[Any, Any, None]],
        *,
        kill: bool = False,
        text: str = SITE,
    ) -> None:
        """Run the agent while `during` runs; `kill` ends it without a clean stop."""

        def engine(_kind: str) -> ScriptEngine:
            self.engines.append(ScriptEngine(self.outcome))
            return self.engines[-1]

        async def main() -> None:
            site = config.load(write_site(self.folder, text), SETTINGS)
            options = Options(
                state=self.folder / "state",
                desk_file=self.folder / "desk.yaml",
                record=self.folder / "events.jsonl",
                clock=self.clock,
                engines=engine,
                rng=random.Random(7),
                simulated=True,
            )
            async with running(site, options) as agent:
                stop = asyncio.Event()
                task = asyncio.create_task(agent.runtime.run(stop))
                await during(agent)
                stop.set()
                await task

        with pytest.MonkeyPatch.context() as patched:
            if kill:  # nothing of a clean stop is written
                patched.setattr(Runtime, "close", _nothing)
            simulate(self.clock, main())

    def mails(self) -> list[Any]:
        box = mailbox.Maildir(self.folder / "state" / "mail")
        return sorted(box, key=lambda m: str(m["Message-ID"]))

    def replayed(self) -> dict[str, Any]:
        """What `replay` makes of the recorded events."""
        site = judging_site(config.load(self.folder / "site.yaml", SETTINGS))
        path = self.folder / "events.jsonl"
        with path.open(encoding="utf-8") as lines:
            events = read_events(lines, site.checks, str(path))
        return replay(site, events, None)  # type: ignore[no-any-return]


async def _nothing(_runtime: Runtime) -> None:
    return None


@contextmanager
def in_memory() -> Iterator[World]:
    """Its stores are in memory where the machine can: waiting for a disk is not
    simulated, and a day has nearly 9,000 commits."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield World(Path(folder))


@pytest.fixture
def world() -> Iterator[World]:
    with in_memory() as world:
        yield world


async def _seconds(us: int) -> None:
    await asyncio.sleep(us / SECOND)


@dataclass
class Lived:
    """One simulated day with random failures, and what came of it."""

    world: World
    status: dict[str, Any]
    missed: dict[str, int]
    stages: dict[str, list[tuple[str, str, str]]]
    accounts: list[dict[str, Any]]


@pytest.fixture(scope="module")
def day() -> Iterator[Lived]:
    with in_memory() as world:
        rng = random.Random(20260302)
        for check in ("gateway/ping", "switch/ping", "erp/web", "erp/db", "isp-a/ping"):
            starts = sorted(rng.randrange(DAY) for _ in range(6))
            world.failing[check] = tuple(
                (at, at + rng.randrange(SECOND, 40 * MINUTE)) for at in starts
            )
        lived = Lived(world, {}, {}, {}, [])

        def note(done: Committed) -> None:
            for stage in done.stages:
                event = (stage.subject_key, stage.at, stage.kind.value)
                lived.stages.setdefault(stage.incident_id, []).append(event)

        async def a_day(agent: Agent) -> None:
            agent.runtime.pipeline.listeners.append(note)
            await _seconds(DAY + MINUTE)  # the last mail has left, too
            lived.status = agent.status.document()
            lived.missed = dict(agent.runtime.probing.schedule.counts.missed)
            reader = agent.runtime.store.reader
            until = Instant(START + DAY)
            lived.accounts = raw_uptime(agent.runtime.site, reader, START, until)

        world.live(a_day)
        yield lived


def test_a_day_runs_every_probe(day: Lived) -> None:
    assert set(day.missed.values()) == {0}
    assert all(check["last"] is not None for check in day.status["checks"])
    assert day.status["desk"]["waiting"] == 0
    assert day.status["desk"]["connected"]


def test_a_day_of_failures_mails_each_stage_once_and_in_one_thread(day: Lived) -> None:
    """By a mail of its own, or in one that says more: it fell again and again."""
    mailed = {"open", "raise", "recover", "reopen"}
    wanted = [
        f"<{incident}.{kind}.{number}@provider.example>"
        for incident, events in day.stages.items()
        for number, (_, _, kind) in enumerate(events, start=1)
        if kind in mailed
    ]
    mails = day.world.mails()
    came = [str(m["Message-ID"]) for m in mails]
    assert len(came) == len(set(came)) > 20
    assert set(came) <= set(wanted)
    database = ReadOnlyDatabase(day.world.folder / "state")
    try:
        with database.read() as db:
            told = db.execute(select(func.count()).select_from(mail_outbox)).scalar()
            assert told == len(wanted)
            assert untold(db, sent=False) == []  # the last summaries are due later
    finally:
        database.close()
    for mail in mails:
        incident = str(mail["Message-ID"])[1:37]
        opening = f"<{incident}.open.1@provider.example>"
        if mail["Message-ID"] != opening:
            assert mail["In-Reply-To"] == opening


def test_recorded_events_replayed_give_the_incidents_that_the_agent_had(
    day: Lived,
) -> None:
    replayed = [
        [(one["subject"], event["t"], event["kind"]) for event in one["events"]]
        for one in day.world.replayed()["incidents"]
    ]
    lived = [
        [(events[-1][0], *event[1:]) for event in events]
        for events in day.stages.values()
    ]
    assert len(lived) > 5
    assert sorted(lived) == sorted(replayed)


def test_the_ledger_of_a_day_has_every_second_once(day: Lived) -> None:
    for account in day.accounts:
        spent = account["seconds"]
        total = sum(spent[str(state)] for state in State)
        assert total == pytest.approx(spent["elapsed"], abs=1e-6)
        assert spent["elapsed"] == DAY // SECOND
    assert day.accounts[0]["seconds"]["down"] > 0


def test_a_dead_switch_gives_one_ticket_that_names_what_it_took_along(
    world: World,
) -> None:
    outage = ((HOUR, 2 * HOUR),)
    world.failing = {"switch/ping": outage, "erp/web": outage, "erp/db": outage}
    world.live(lambda _agent: _seconds(3 * HOUR))
    (incident,) = world.replayed()["incidents"]
    assert incident["subject"] == "check:switch/ping"
    assert incident["members"] == ["switch/ping", "erp/db", "erp/web"]
    assert incident["severity"] == 1
    kinds = [str(m["Message-ID"]).split(".")[1] for m in world.mails()]
    assert kinds in (["open", "recover"], ["open", "raise", "recover"])


def test_with_the_gateway_and_all_beyond_gone_only_the_provider_hears(
    world: World,
) -> None:
    outage = ((HOUR, 2 * HOUR),)
    beyond = ("gateway/ping", "switch/ping", "erp/web", "erp/db", "isp-a/ping")
    world.failing = dict.fromkeys(beyond, outage)
    world.live(lambda _agent: _seconds(3 * HOUR))
    (incident,) = world.replayed()["incidents"]
    assert incident["subject"] == "agent"
    assert incident["severity"] is None
    assert {m["To"] for m in world.mails()} == {"noc@provider.example"}


def stages_of(agent: Agent, into: list[Stage]) -> None:
    """Collect the stages that the agent commits from now on."""
    agent.runtime.pipeline.listeners.append(lambda done: into.extend(done.stages))


def test_a_recovery_has_the_lengths_of_the_service_that_was_down(world: World) -> None:
    world.failing = {
        "switch/ping": ((HOUR, HOUR + 20 * MINUTE),),
        "erp/web": ((HOUR, HOUR + 40 * MINUTE),),
    }
    stages: list[Stage] = []

    async def lives(agent: Agent) -> None:
        stages_of(agent, stages)
        await _seconds(2 * HOUR)

    world.live(lives)
    outage = stages[-1].outage
    assert stages[-1].kind is Kind.RECOVER
    assert outage is not None
    assert abs(outage.down_us - 40 * MINUTE) < 2 * MINUTE
    assert outage.up_us < MINUTE
    assert outage.unknown_us == 0


def test_a_re_opened_incident_has_the_lengths_of_both_outages(world: World) -> None:
    world.failing = {
        "erp/web": (
            (HOUR, HOUR + 10 * MINUTE),
            (4 * HOUR, 4 * HOUR + 20 * MINUTE),
        )
    }
    stages: list[Stage] = []

    async def lives(agent: Agent) -> None:
        stages_of(agent, stages)
        await _seconds(5 * HOUR)

    world.live(lives)
    kinds = [stage.kind for stage in stages]
    assert kinds == [Kind.OPEN, Kind.RECOVER, Kind.REOPEN, Kind.RECOVER]
    outage = stages[-1].outage
    assert outage is not None
    assert abs(outage.down_us - 30 * MINUTE) < 3 * MINUTE
    assert abs(outage.up_us - 170 * MINUTE) < 3 * MINUTE
    assert outage.unknown_us == 0


def test_a_failure_is_confirmed_at_the_pace_of_reprobing(world: World) -> None:
    """Also of a check that was degraded, or that nobody had seen before."""
    world.failing = {"erp/web": ((HOUR, 2 * HOUR),)}
    stages: list[Stage] = []

    async def lives(agent: Agent) -> None:
        stages_of(agent, stages)
        await _seconds(2 * HOUR)

    world.live(lives)
    opened = parse_instant(stages[0].at) - parse_instant(stages[0].since)
    assert opened <= 2 * 10 * SECOND + 3 * SECOND


@pytest.mark.parametrize("kill", [False, True])
def test_a_check_that_was_taken_out_comes_back_without_its_past(
    world: World, kill: bool
) -> None:
    world.failing = {"erp/web": ((HOUR, 2 * HOUR),)}
    world.live(lambda _agent: _seconds(90 * MINUTE), kill=kill)
    world.clock.mono_us += MINUTE
    without = SITE.replace(", web: {tcp: {port: 443}}", "").replace(
        "[erp/web, erp/db]", "[erp/db]"
    )
    world.live(lambda _agent: _seconds(HOUR), text=without)
    world.clock.mono_us += DAY
    accounts: list[dict[str, Any]] = []

    async def after(agent: Agent) -> None:
        await _seconds(HOUR)
        reader, until = agent.runtime.store.reader, agent.runtime.timeline.now()
        accounts.extend(raw_uptime(agent.runtime.site, reader, START, until))

    world.live(after)
    assert accounts[0]["seconds"]["down"] < 31 * 60
    kinds = [str(m["Message-ID"]).split(".")[1] for m in world.mails()]
    assert kinds == ["open"]


def test_a_killed_agent_leaves_its_absence_unknown_in_the_account(
    world: World,
) -> None:
    world.live(lambda _agent: _seconds(HOUR), kill=True)
    later = Instant(START + DAY)
    site = config.load(world.folder / "site.yaml", SETTINGS)
    reader = StoreReader.open(world.folder / "state")
    account = raw_uptime(site, reader, START, later)[0]["seconds"]
    reader.close()
    assert account["up"] <= HOUR // SECOND
    assert account["unknown"] >= (DAY - HOUR) // SECOND


@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_in_an_outage_keeps_the_ticket_and_leaves_unknown_time(
    world: World, kill: bool
) -> None:
    world.failing = {"erp/web": ((HOUR, 3 * HOUR),)}
    world.live(lambda _agent: _seconds(2 * HOUR), kill=kill)
    world.clock.mono_us += 20 * MINUTE
    seen: dict[str, Any] = {}

    async def after(agent: Agent) -> None:
        await _seconds(2 * HOUR)
        seen["gap"] = agent.runtime.gap_us
        reader = agent.runtime.store.reader
        (row,) = reader.incidents()
        seen["ref"] = row.ticket_ref
        seen["ticket"] = await agent.desk.reader.ticket(str(row.ticket_ref))

    world.live(after)
    assert abs(seen["gap"] - 20 * MINUTE) <= 11 * SECOND
    kinds = [str(m["Message-ID"]).split(".")[1] for m in world.mails()]
    assert kinds == ["open", "recover"]
    assert any(
        "not measured" in e["text"] + e["detail"] for e in seen["ticket"]["history"]
    )
    replayed = world.replayed()
    (incident,) = replayed["incidents"]
    assert [e["kind"] for e in incident["events"]] == ["open", "recover"]
    timeline = replayed["services"][0]["timeline"]
    states = [entry["state"] for entry in timeline]
    assert states[1:] == ["up", "down", "unknown", "down", "up", "unknown"]


@pytest.mark.parametrize("hours", [-1, 1])
def test_setting_the_clock_by_an_hour_misses_no_probe(world: World, hours: int) -> None:
    seen: dict[str, Any] = {}

    late: list[int] = []

    async def a_morning(agent: Agent) -> None:
        agent.runtime.on_fire.append(
            lambda firings: late.extend(firing.late_us for firing in firings)
        )
        await _seconds(2 * HOUR)
        world.clock.step(hours * HOUR)
        await _seconds(2 * HOUR)
        seen["steps"] = dict(agent.runtime.steps)
        seen["offset"] = agent.runtime.timeline.offset_us()
        seen["missed"] = dict(agent.runtime.probing.schedule.counts.missed)

    world.live(a_morning)
    runs = [n for engine in world.engines for n in engine.runs.values()]
    assert all(239 <= n <= 243 for n in runs), runs
    assert set(seen["missed"].values()) == {0}
    assert max(late) <= TICK_US
    forward = hours > 0
    assert seen["steps"] == {"forward": int(forward), "back": int(not forward)}
    assert abs(seen["offset"] - (0 if forward else hours * HOUR)) < SECOND
    assert world.mails() == []
    (timeline,) = [s["timeline"] for s in world.replayed()["services"][:1]]
    states = [entry["state"] for entry in timeline]
    expected = ["up", "unknown", "up"] if forward else ["up"]
    assert states[1:] == [*expected, "unknown"]


def test_a_suspended_machine_raises_no_alarm_and_its_time_is_unknown(
    world: World,
) -> None:
    async def sleeps(agent: Agent) -> None:
        await _seconds(HOUR)
        world.clock.mono_us += 10 * MINUTE  # nothing of the loop ran meanwhile
        for check in agent.runtime.site.checks:  # timeouts that fire on waking
            agent.runtime.report(check, BAD)
        await _seconds(HOUR)

    world.live(sleeps)
    assert world.mails() == []
    replayed = world.replayed()
    assert replayed["incidents"] == []
    unknown = [
        e for e in replayed["services"][0]["timeline"] if e["state"] == "unknown"
    ]
    assert len(unknown) == 3


def test_a_quiet_ticket_is_closed_and_a_relapse_re_opens_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk closes an hour after it heard, over a kill too."""
    closing = "tickets: {reopen: 4h, close_after: 1h}\n"
    monkeypatch.setattr("support.sites.CONTRACT", CONTRACT + closing)
    world.failing = {
        "erp/web": (
            (HOUR, HOUR + 10 * MINUTE),
            (4 * HOUR, 4 * HOUR + 10 * MINUTE),
        )
    }
    world.live(lambda _agent: _seconds(HOUR + 40 * MINUTE), kill=True)
    tickets: list[dict[str, Any]] = []

    async def after(agent: Agent) -> None:
        for hours in (1, 2, 2):
            await _seconds(hours * HOUR)
            (row,) = agent.runtime.store.reader.incidents()
            tickets.append(await agent.desk.reader.ticket(str(row.ticket_ref)))

    world.live(after)
    said = [(one["status"], one["condition"]) for one in tickets]
    assert said == [
        ("closed", "recovered"),
        ("reopened", "recovered"),
        ("closed", "recovered"),
    ]
    assert len({one["ref"] for one in tickets}) == 1
    kinds = [
        (entry["kind"], entry["actor"])
        for entry in tickets[-1]["history"]
        if entry["kind"] in ("recover", "closed", "reopen")
    ]
    agent = "agent:acme/prova/1"
    assert kinds == [
        ("recover", agent),
        ("closed", "desk"),
        ("reopen", agent),
        ("recover", agent),
        ("closed", "desk"),
    ]
    recovered, closed = (
        parse_instant(next(e["at"] for e in tickets[0]["history"] if e["kind"] == kind))
        for kind in ("recover", "closed")
    )
    assert 0 <= closed - recovered - HOUR <= 2 * MINUTE
    sent = [str(m["Message-ID"]).split(".")[1] for m in world.mails()]
    assert sorted(sent) == ["open", "recover", "recover", "reopen"]
