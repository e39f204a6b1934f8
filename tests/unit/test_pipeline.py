"""Observation → judgement → one transaction; nothing is told before its commit."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scudo_agent import config, pipeline
from scudo_agent.config.judging import judging_site
from scudo_agent.errors import StoreError
from scudo_agent.grading import graded
from scudo_agent.incident import incident_id
from scudo_agent.instant import HOUR, SECOND, Instant, parse_instant
from scudo_agent.judge.batch import Change
from scudo_agent.judge.engine import Judge, ReopenSet
from scudo_agent.model import Kind, Outcome, Result, State
from scudo_agent.pipeline import Committed, Pipeline
from scudo_agent.probes.host import HostSettings
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import RunEvent, RunKind, Write
from scudo_agent.text import T
from support.script import BAD, GOOD
from support.sim import SimClock
from support.sites import write_site

NOW = parse_instant("2026-03-02T08:00:00Z")


class Bench:
    """A pipeline over a real store, driven by hand."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimClock(NOW)
        self.site = config.load(write_site(folder), SETTINGS)
        self.store = AgentStore.open(
            folder / "state", site="prova", clock=self.clock, inline=True
        )
        numbers = iter(range(100))
        self.judge = Judge(
            judging_site(self.site), new_id=lambda at: incident_id(at, next(numbers))
        )
        self.told: list[Committed] = []
        self.pipeline = self.fresh()

    def fresh(self) -> Pipeline:
        pipeline = Pipeline(self.site, self.judge, self.store, self.store.timeline)
        pipeline.listeners.append(self.told.append)
        at = self.store.timeline.now()
        pipeline.judge_start(at, RunEvent(kind=RunKind.START, at=at))
        return pipeline

    def tick(self, seconds: float = 10, **outcomes: Outcome) -> Committed | None:
        """Let time pass, report outcomes (`erp_web=BAD`), judge and commit."""
        self.clock.mono_us += round(seconds * SECOND)
        for name, outcome in outcomes.items():
            path = name.replace("isp_a", "isp-a").replace("_", "/", 1)
            self.pipeline.report(path, outcome)
        self.judged = self.pipeline.judge_now()
        return asyncio.run(self.pipeline.commit())

    def fail_web(self, times: int = 3) -> None:
        for _ in range(times):
            self.tick(erp_web=BAD, switch_ping=GOOD, gateway_ping=GOOD)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.store.close()


DISK = HostSettings.model_validate({"disk": "/", "warn": "85%", "degraded": "95%"})


@pytest.mark.parametrize(
    ("answered", "used", "result", "warned"),
    [
        (True, 0.5, Result.GOOD, False),
        (True, 0.85, Result.GOOD, False),  # at the limit is not beyond it
        (True, 0.86, Result.GOOD, True),
        (True, 0.96, Result.DEGRADED, True),
        (False, 0.96, Result.FAILED, None),
        (None, 0.5, Result.UNKNOWN, None),
    ],
)
def test_an_outcome_is_graded_by_the_checks_limits(
    answered: bool | None, used: float, result: Result, warned: bool | None
) -> None:
    outcome = Outcome(answered=answered, seen=T("seen"), values={"used": used})
    assert graded(DISK, outcome) == (result, warned)


def test_without_warn_limits_no_warning_can_be_told() -> None:
    plain = HostSettings.model_validate({"disk": "/"})
    outcome = Outcome(answered=True, seen=T("seen"), values={"used": 1.0})
    assert graded(plain, outcome) == (Result.GOOD, None)


def test_state_incident_and_outbox_row_are_in_one_commit(bench: Bench) -> None:
    bench.tick(erp_web=GOOD, switch_ping=GOOD, gateway_ping=GOOD)
    bench.fail_web()
    stages = [stage for done in bench.told for stage in done.stages]
    assert [(s.kind, s.seq, s.rev) for s in stages] == [(Kind.OPEN, 1, 1)]
    (stage,) = stages
    assert stage.subject_key == "service:erp"
    assert stage.severity == 1
    assert stage.rule == "S1"
    (member,) = stage.members
    assert member.check == "erp/web"
    assert member.endpoint == "192.0.2.10:443"
    assert member.last_good is not None
    assert [named.id for named in stage.affected] == ["service:erp"]
    (row,) = bench.store.pending()
    assert row.incident_id == stage.incident_id


def test_a_refused_commit_is_told_to_nobody_and_goes_with_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.tick(erp_web=GOOD, switch_ping=GOOD, gateway_ping=GOOD)
    bench.told.clear()

    async def full(_write: object) -> Any:
        raise StoreError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "acommit", full)
        bench.fail_web()
        assert bench.tick(seconds=1, erp_web=BAD) is None
        assert "disk is full" in str(bench.pipeline.commit_error)
    assert not any(done.batch.changes or done.stages for done in bench.told)
    assert bench.store.pending() == []
    assert bench.tick(seconds=1, switch_ping=GOOD) is not None
    assert bench.pipeline.commit_error is None
    stages = [stage for done in bench.told for stage in done.stages]
    assert [stage.kind for stage in stages] == [Kind.OPEN]
    memory = {m.check: m for m in bench.store.load().checks}
    assert memory["erp/web"].state is State.DOWN


@pytest.mark.parametrize("refused", [False, True])
def test_what_comes_while_a_commit_is_under_way_goes_with_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    bench.tick(erp_web=GOOD, switch_ping=GOOD, gateway_ping=GOOD)
    commit = bench.store.acommit

    async def slow(write: Any) -> Any:
        [opening] = bench.judged.stages
        news = replace(opening, kind=Kind.NOTE)
        bench.pipeline.note(news, T("somebody is on the way"))
        if refused:
            raise StoreError("database or disk is full")
        return await commit(write)

    bench.fail_web(2)
    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "acommit", slow)
        bench.fail_web(1)
    bench.tick()
    kinds = [stage.kind for done in bench.told for stage in done.stages]
    assert kinds == [Kind.OPEN, Kind.NOTE]
    assert [row.rev for row in bench.store.pending()] == [1, 2]


def test_what_cannot_be_written_down_waits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.tick(erp_web=GOOD, switch_ping=GOOD, gateway_ping=GOOD)

    def stumbling(*_: object, **__: object) -> Any:
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr(bench.pipeline.writer, "write", stumbling)
        with pytest.raises(RuntimeError):
            bench.fail_web()
    bench.tick(seconds=1)
    kinds = [stage.kind for done in bench.told for stage in done.stages]
    assert kinds == [Kind.OPEN]


def test_what_was_seen_does_not_fill_the_memory_while_nothing_is_stored(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_write: object) -> Any:
        raise StoreError("database or disk is full")

    monkeypatch.setattr(pipeline, "EVENTS_KEPT", 10)
    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "acommit", full)
        for _ in range(8):
            bench.fail_web(1)
    done = bench.tick(seconds=1)
    assert done is not None
    assert len(done.observations) == 10
    assert [stage.kind for stage in done.stages] == [Kind.OPEN]


def test_what_is_judged_while_nothing_is_stored_is_joined(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a check and an incident the last memory, of changes what still counts."""
    bench.tick(erp_web=GOOD, switch_ping=GOOD, gateway_ping=GOOD)
    kept: list[Write] = []

    async def full(write: Write) -> Any:
        kept.append(write)
        raise StoreError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "acommit", full)
        for _ in range(4):
            bench.fail_web()
            bench.tick(erp_web=GOOD)
            bench.tick(erp_web=GOOD)
    assert len(kept[-1].checks) <= len(bench.site.checks)
    assert len(kept[-1].incidents) == 1
    web = [one for one in kept[-1].changes if one.check == "erp/web"]
    assert len(web) == 8, "what happened is not thinned: each outage counts"
    assert bench.tick(seconds=1) is not None
    stored = bench.store.reader.timelines(Instant(0), bench.store.timeline.now())
    web = stored["erp/web"]
    states = [one.state for one in web if isinstance(one, Change)]
    assert states == [State.UP, *(State.DOWN, State.UP) * 4]


def test_two_ticks_never_share_an_instant(bench: Bench) -> None:
    bench.tick(seconds=0, erp_web=GOOD)
    bench.tick(seconds=0, erp_web=GOOD)
    bench.tick(seconds=0, erp_web=GOOD)
    seen = [o.at for done in bench.told for o in done.observations]
    assert len(seen) == len(set(seen)) == 3
    assert seen == sorted(seen)


def test_reports_of_unknown_checks_are_left_alone(bench: Bench) -> None:
    bench.pipeline.report("no/such", GOOD)
    assert not bench.pipeline.has_reports


def test_what_was_reported_over_a_gap_says_nothing(bench: Bench) -> None:
    bench.tick(erp_web=GOOD, switch_ping=GOOD, gateway_ping=GOOD)
    for _ in range(3):
        bench.pipeline.report("erp/web", BAD)
    bench.pipeline.disown_reports()
    since = Instant(bench.pipeline.last + 1)
    until = Instant(since + 600 * SECOND)
    bench.clock.mono_us += 600 * SECOND
    bench.pipeline.judge_stop(since, RunEvent(kind=RunKind.STOP, at=since))
    bench.pipeline.judge_start(until, RunEvent(kind=RunKind.START, at=until))
    bench.tick(seconds=1)
    assert bench.judge.state("erp/web").state is State.UNKNOWN
    bench.tick(seconds=1, erp_web=GOOD)
    assert bench.judge.state("erp/web").state is State.UP


def test_a_recovery_says_how_long_the_service_was_down(bench: Bench) -> None:
    bench.tick(erp_web=GOOD, erp_db=GOOD, switch_ping=GOOD, gateway_ping=GOOD)
    bench.fail_web(6)
    for _ in range(2):
        bench.tick(erp_web=GOOD, erp_db=GOOD, switch_ping=GOOD, gateway_ping=GOOD)
    stages = [stage for done in bench.told for stage in done.stages]
    assert [stage.kind for stage in stages] == [Kind.OPEN, Kind.RECOVER]
    outage = stages[1].outage
    assert outage is not None
    whole = parse_instant(outage.until) - parse_instant(outage.since)
    assert outage.down_us + outage.degraded_us + outage.unknown_us == whole
    assert abs(outage.down_us - 60 * SECOND) < SECOND


def test_nothing_to_write_writes_nothing(bench: Bench) -> None:
    bench.tick(erp_web=GOOD)
    version = bench.store.load().last_instant
    bench.tick(seconds=5)
    bench.tick(seconds=5, erp_web=GOOD)
    assert bench.store.load().last_instant == version > Instant(0)


def test_a_warning_is_named_by_its_check_and_expected_nothing_else(
    bench: Bench,
) -> None:
    full = Outcome(
        answered=True, seen=T("nearly full"), expected=T("room"), values={"used": 0.9}
    )
    for _ in range(3):
        bench.tick(here_disk=full)
    (stage,) = [stage for done in bench.told for stage in done.stages]
    assert (stage.subject_key, stage.severity, stage.rule) == (
        *("warn:here/disk", 3),
        "S4",
    )
    assert stage.subject.title == {"en": "here/disk"}
    assert stage.members[0].expected is None
    assert stage.members[0].seen == T("nearly full").to_json()


def test_a_new_contract_is_an_event_of_the_next_tick(bench: Bench) -> None:
    """It wakes the loop, and a replay of the record knows it."""
    assert not bench.pipeline.has_reports
    bench.pipeline.reopen_within(2 * HOUR)
    assert bench.pipeline.has_reports
    bench.pipeline.judge_now()
    assert not bench.pipeline.has_reports
    assert bench.pipeline.reopen_us == 2 * HOUR
    (event,) = (e for e in bench.pipeline._waiting.events if isinstance(e, ReopenSet))
    assert event.reopen_us == 2 * HOUR
