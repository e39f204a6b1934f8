"""After a restart, perhaps with another site file (`judge.memory`)."""

import json
from typing import Any

import pytest

from scudo_agent.judge.batch import CheckMemory, IncidentMemory
from scudo_agent.judge.engine import AgentStart
from scudo_agent.model import Kind, State
from support.judging_runs import Run, at, hold


def site(*names: str, **definitions: str) -> dict[str, Any]:
    """Checks `sw/…` of one service."""
    checks = {name: {"definition": definitions.get(name, "1")} for name in names}
    paths = [f"sw/{name}" for name in names]
    return {
        "targets": {"sw": {"checks": checks}},
        "services": {"net": {"contracted": True, "checks": paths, "need": "all"}},
    }


def broken() -> Run:
    """Both checks down, one incident, killed at 100."""
    run = Run(site("a", "b"))
    for second, path in ((0, "sw/a"), (1, "sw/b")):
        run.see(second, path, "g")
    run.fail(60, "sw/a", "sw/b")
    assert run.kinds() == [("open", "service:net"), ("join", "service:net")]
    return run


def test_a_killed_agent_goes_on_with_its_incident() -> None:
    again = broken().again()
    again.stop(100)
    again.start(114)
    again.see(115, "sw/a", "f")
    again.see(116, "sw/b", "f")
    for second in (120, 130):
        again.see(second, "sw/a", "g")
        again.see(second + 1, "sw/b", "g")

    assert again.kinds() == [("recover", "service:net")]
    states = [entry.state for entry in again.heard.entries["sw/a"]]  # type: ignore[union-attr]
    assert states == [State.UNKNOWN, State.DOWN, State.UP]
    [stage] = again.heard.stages
    assert (stage.since, stage.until, stage.severity) == (at(60), at(121), 1)


def test_what_a_window_hid_is_remembered_over_two_restarts() -> None:
    """Since when it was bad first: its ticket, which comes late, says so."""
    run = Run(site("a"), hold(0, 1000, services=("net",)))
    run.see(0, "sw/a", "g")
    run.fail(60, "sw/a")
    assert run.judge.held_since() == at(60)
    for stopped in (100, 200):
        run = run.again(None, hold(0, 1000, services=("net",)))
        run.stop(stopped)
        assert run.judge.held_since() == at(60)
        run.start(stopped + 50)
        run.fail(stopped + 60, "sw/a")
        assert run.judge.held_since() == at(60)
    run.see(300, "sw/a", "g")
    run.see(310, "sw/a", "g")
    assert run.judge.held_since() is None
    assert run.kinds() == []


def test_memory_survives_as_json() -> None:
    run = broken()
    data = [memory.data for memory in run.heard.checks.values()]
    data += [memory.data for memory in run.heard.incidents.values()]
    assert len(data) == 3
    for known in data:
        assert json.loads(json.dumps(known)) == known


def test_a_gone_member_leaves_and_the_rest_goes_on() -> None:
    again = broken().again(site("b"))

    assert again.heard.stages == []
    [incident] = again.judge.open_incidents()
    assert incident.members == ("sw/b",)


def test_when_the_last_member_is_gone_the_incident_retires() -> None:
    again = broken().again(site("c"))

    [stage] = again.heard.stages
    assert (stage.kind, stage.subject, stage.until) == (
        Kind.RETIRE,
        "service:net",
        None,
    )
    assert again.judge.open_incidents() == ()
    [memory] = again.heard.incidents.values()
    assert memory.data["retired"] is True
    assert memory.recovered is not None
    again.stop(100)
    again.start(110)
    again.fail(120, "sw/c")
    assert again.heard.stages[-1].kind is Kind.OPEN
    assert again.heard.stages[-1].incident != stage.incident


def test_a_changed_definition_restarts_confirmation() -> None:
    again = broken().again(site("a", "b", a="2"))
    again.stop(100)
    again.start(110)
    again.see(111, "sw/a", "f")
    again.see(112, "sw/b", "f")

    assert again.judge.state("sw/a").state is State.UNKNOWN
    assert again.judge.state("sw/b").state is State.DOWN
    again.see(121, "sw/a", "g")
    assert again.judge.state("sw/a").state is State.UP
    [incident] = again.judge.open_incidents()
    assert incident.members == ("sw/b",)


def test_what_was_pending_goes_on_waiting() -> None:
    chain = {
        "targets": {
            "sw": {"checks": {"ping": {}}},
            "web": {"depends_on": ["sw/ping"], "checks": {"http": {}}},
        }
    }
    run = Run(chain)
    run.see(0, "sw/ping", "g")
    run.fail(60, "web/http")
    assert run.kinds() == []

    again = run.again()
    assert again.judge.state("web/http").pending == at(80)
    again.stop(85)
    assert again.kinds() == [("open", "check:web/http")]
    late = run.again()
    late.stop(115)
    assert [stage.at for stage in late.heard.stages] == [at(110)]


def test_isolation_ends_at_the_stop_of_a_killed_agent() -> None:
    line = {
        "vantage": ["gw/ping"],
        "targets": {"gw": {"checks": {"ping": {}}}, "far": {"checks": {"ping": {}}}},
    }
    run = Run(line)
    run.see(0, "gw/ping", "g")
    run.see(1, "far/ping", "g")
    run.fail(60, "gw/ping")
    run.see(81, "far/ping", "f")
    assert run.judge.isolated == at(60)

    again = run.again()
    assert again.judge.isolated == at(60)
    batch = again.stop(90)

    assert batch.isolation[0].until == at(90)
    assert again.kinds() == [("recover", "agent")]
    assert again.judge.state("gw/ping").state is State.UNKNOWN


def test_after_a_clean_stop_the_line_is_known_again() -> None:
    line = {
        "vantage": ["gw/ping"],
        "targets": {"gw": {"checks": {"ping": {}}}, "far": {"checks": {"ping": {}}}},
    }
    run = Run(line)
    run.see(0, "gw/ping", "g")
    run.stop(50)

    again = run.again()
    again.start(60)
    again.see(61, "gw/ping", "g")
    again.fail(62, "far/ping")
    again.wait(300)

    assert [(stage.kind, stage.at) for stage in again.heard.stages] == [
        (Kind.OPEN, at(142))
    ]


def test_since_when_and_for_what_a_check_waits_is_remembered() -> None:
    chain = {
        "vantage": ["gw/ping"],
        "targets": {
            "gw": {"checks": {"ping": {}}},
            "sw": {"checks": {"ping": {}}},
            "web": {"depends_on": ["sw/ping"], "checks": {"http": {}}},
        },
    }
    run = Run(chain)
    for second in (60, 70, 80):
        run.see(second, "web/http", "d")
    run.see(81, "gw/ping", "g")
    for second in (82, 84, 86):
        run.see(second, "web/http", "f")
    assert run.kinds() == []

    again = run.again()
    assert again.judge.state("web/http").pending == at(80)
    again.stop(112)

    assert [(stage.kind, stage.at) for stage in again.heard.stages] == [
        (Kind.OPEN, at(110))
    ]


def test_time_does_not_go_back() -> None:
    run = broken()
    with pytest.raises(ValueError, match="time goes back"):
        run.judge.feed([AgentStart(at(50))])
    with pytest.raises(ValueError, match="time goes back"):
        run.judge.advance(at(50))


def test_memories_of_nothing_are_nothing() -> None:
    checks: list[CheckMemory] = []
    incidents: list[IncidentMemory] = []
    run = Run(site("a"))

    batch = run.judge.restore(checks, incidents)

    assert (batch.changes, batch.stages, batch.checks) == ((), (), ())
