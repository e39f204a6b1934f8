"""Windows, mutes and pauses: what waits for them, and what they leave alone."""

from typing import Any

import pytest

from scudo_agent.incident import AGENT
from scudo_agent.judge.batch import Change, IncidentStage
from scudo_agent.judge.holds import Hold
from scudo_agent.model import Kind, State
from support.judging_runs import Run, at, hold

SHARED: dict[str, Any] = {
    "defaults": {"interval": 600},
    "targets": {
        "sw": {"checks": {"ping": {}}},
        "erp": {"depends_on": ["sw/ping"], "checks": {"web": {}}},
        "crm": {"depends_on": ["sw/ping"], "checks": {"web": {}}},
        "ups": {"checks": {"load": {}}},
        "lab": {"checks": {"ping": {}}},
    },
    "services": {
        "erp": {"contracted": True, "checks": ["erp/web"], "need": "all"},
        "crm": {"contracted": True, "checks": ["crm/web"], "need": "all"},
        "lab": {"checks": ["lab/ping"], "need": "all"},
    },
}
LINE: dict[str, Any] = {
    "vantage": ["gw/ping", "dns/a"],
    "targets": {
        "gw": {"checks": {"ping": {}}},
        "dns": {"checks": {"a": {}}},
        "far": {"checks": {"ping": {}}},
        "far2": {"checks": {"ping": {}}},
    },
}
ALL_GOOD = ("sw/ping", "erp/web", "crm/web", "ups/load", "lab/ping")


def started(*holds: Hold) -> Run:
    """The shared site, with every check up."""
    run = Run(SHARED, *holds)
    for second, path in enumerate(ALL_GOOD):
        run.see(second, path, "g")
    return run


def told(run: Run) -> list[tuple[str, str, int]]:
    """Kind, subject and second of each stage."""
    begin = at(0)
    return [
        (s.kind.value, s.subject, (s.at - begin) // 1_000_000) for s in run.heard.stages
    ]


def test_a_window_over_a_service_holds_its_checks_to_the_instant_of_its_end() -> None:
    run = started(hold(0, 500, services=("erp",)))
    run.see(60, "sw/ping", "g")
    run.fail(61, "erp/web")
    run.see(120, "sw/ping", "g")
    assert run.judge.state("erp/web").held == ("w1",)
    run.wait(900)

    [stage] = run.heard.stages
    assert (stage.kind, stage.subject) == (Kind.OPEN, "service:erp")
    assert (stage.at, stage.since, stage.held) == (at(500), at(61), ("w1",))


def test_what_is_up_again_before_the_end_opens_nothing() -> None:
    run = started(hold(0, 500, services=("erp",)))
    run.fail(60, "erp/web")
    run.see(95, "sw/ping", "g")
    run.see(100, "erp/web", "g")
    run.see(110, "erp/web", "g")
    run.wait(900)

    assert run.heard.stages == []
    assert run.judge.held_since() is None


def test_the_window_is_no_excuse_after_its_end() -> None:
    run = started(hold(0, 100, services=("erp",)))
    run.see(99, "sw/ping", "g")
    batch = run.fail(100, "erp/web")
    run.see(125, "sw/ping", "g")

    assert batch.stages == ()  # the ancestor is asked first
    assert told(run) == [("open", "service:erp", 125)]
    assert run.heard.stages[0].held == ()


@pytest.mark.parametrize(
    ("services", "check", "held"),
    [
        (("erp",), "erp/web", True),
        (("erp",), "crm/web", False),
        (("erp",), "sw/ping", False),  # crm stands behind it, too
        (("erp", "crm"), "sw/ping", True),
        (("*",), "sw/ping", True),
        (("erp", "crm", "lab"), "ups/load", False),  # of no service at all
        (("*",), "ups/load", True),
        (("lab",), "lab/ping", True),  # not contracted, but the only one
        (("crm",), "lab/ping", False),
    ],
)
def test_a_check_is_held_when_all_that_it_concerns_is_covered(
    services: tuple[str, ...], check: str, held: bool
) -> None:
    run = started(hold(0, 1000, services=services))
    run.fail(60, check)
    run.see(90, "sw/ping", "g" if check != "sw/ping" else "f")
    run.wait(200)

    assert bool(run.heard.stages) is not held


def test_two_windows_together_cover_what_none_does_alone() -> None:
    run = started(
        hold(0, 300, services=("erp",), id_="a"),
        hold(0, 400, services=("crm",), id_="b"),
    )
    run.fail(60, "sw/ping")
    run.wait(1000)

    [stage] = run.heard.stages
    assert (stage.at, stage.held) == (at(300), ("a", "b"))


def test_a_mute_names_a_check_whatever_its_services_are() -> None:
    run = started(hold(0, 500, "sw/ping"))
    run.fail(60, "sw/ping")
    run.wait(400)
    assert run.heard.stages == []

    run.fail(410, "erp/web")

    assert told(run) == [("open", "check:sw/ping", 430)]
    assert [m.check for m in run.heard.stages[0].members] == ["sw/ping", "erp/web"]


def test_a_held_check_joins_the_incident_of_its_subject_at_the_end() -> None:
    run = started()
    run.fail(60, "crm/web", "sw/ping")
    run.hold(100, hold(0, 500, services=("erp",)))
    run.fail(120, "erp/web")
    assert [(kind, where) for kind, where, _ in told(run)] == [
        ("open", "check:sw/ping"),
        ("join", "check:sw/ping"),
    ]

    run.wait(600)

    assert told(run)[2:] == [("join", "check:sw/ping", 500)]


def test_the_end_is_known_before_longer_waits_are_over() -> None:
    """The ancestors' verdict may take until 131; the window ends sooner."""
    run = started(hold(0, 120, "lab/ping"))
    run.fail(60, "lab/ping")
    run.fail(81, "erp/web")
    assert run.judge.next_due() == at(120)


def test_a_root_that_falls_during_the_window_takes_the_blame_at_its_end() -> None:
    run = started(hold(0, 500, services=("erp", "crm")))
    run.fail(60, "erp/web")
    run.fail(100, "sw/ping")
    run.wait(600)

    assert told(run)[0] == ("open", "check:sw/ping", 500)


def test_a_member_whose_ticket_is_open_keeps_it() -> None:
    run = started()
    run.fail(60, "erp/web")
    run.see(85, "sw/ping", "g")
    run.hold(100, hold(0, 500, services=("erp",)))
    run.see(120, "erp/web", "f")
    run.see(130, "erp/web", "g")
    run.see(140, "erp/web", "g")

    assert [kind for kind, _, _ in told(run)] == ["open", "recover"]


def test_a_cancelled_window_lets_go_at_once() -> None:
    run = started(hold(0, 900, services=("erp",)))
    run.fail(60, "erp/web")
    run.see(85, "sw/ping", "g")

    [stage] = run.hold(200).stages

    assert (stage.at, stage.since, stage.held) == (at(200), at(60), ("w1",))


def test_a_longer_window_holds_on() -> None:
    run = started(hold(0, 200, services=("erp",)))
    run.fail(60, "erp/web")
    run.see(85, "sw/ping", "g")
    run.hold(150, hold(0, 400, services=("erp",)))
    run.wait(900)

    assert told(run) == [("open", "service:erp", 400)]


def test_a_relapse_in_the_window_re_opens_at_its_end() -> None:
    run = started()
    run.fail(60, "erp/web")
    run.see(85, "sw/ping", "g")
    run.see(100, "erp/web", "g")
    run.see(110, "erp/web", "g")
    run.hold(120, hold(0, 500, services=("erp",)))
    run.fail(130, "erp/web")
    run.wait(900)

    assert [kind for kind, _, _ in told(run)] == ["open", "recover", "reopen"]
    assert told(run)[-1][2] == 500
    assert run.heard.stages[-1].held == ("w1",)
    assert run.heard.stages[0].held == run.heard.stages[1].held == ()


def test_a_restored_judge_knows_the_holds_before_its_first_event() -> None:
    """What was held when the agent was killed opens nothing at the kill."""
    run = Run(SHARED, hold(0, 900, services=("erp", "crm")))
    run.fail(60, "erp/web")

    again = run.again(None, hold(0, 900, services=("erp", "crm")))
    assert again.stop(200).stages == ()
    again.start(210)
    again.fail(220, "erp/web")
    again.wait(1000)

    [stage] = again.heard.stages
    assert (stage.at, stage.since) == (at(900), at(220))


def test_isolation_is_told_in_a_window_as_ever() -> None:
    run = Run(LINE, hold(0, 5000, services=("*",)))
    for second, path in enumerate(("gw/ping", "dns/a", "far/ping", "far2/ping")):
        run.see(second, path, "g")
    run.fail(60, "gw/ping", "dns/a", "far/ping", "far2/ping")

    assert [stage.subject for stage in run.heard.stages] == [AGENT]


# Pauses


def test_a_paused_check_is_unknown_since_then_and_never_stale() -> None:
    run = started()
    batch = run.pause(20, "erp/web")

    [change] = batch.changes
    assert isinstance(change, Change)
    assert (change.check, change.state) == ("erp/web", State.UNKNOWN)
    assert change.since == at(20)
    assert run.judge.service("erp") == (State.UNKNOWN, at(20))
    run.see(30, "erp/web", "g")
    assert run.judge.state("erp/web").state is State.UNKNOWN
    run.see(31, "erp/web", "f")
    for second in range(60, 1000, 60):
        for path in ("sw/ping", "crm/web", "ups/load", "lab/ping"):
            run.see(second, path, "g")
    assert run.judge.state("erp/web").since == at(20)
    assert run.heard.stages == []


def test_after_a_pause_the_first_observation_counts_as_after_a_gap() -> None:
    run = started()
    run.pause(20, "erp/web")
    run.pause(600)
    assert run.judge.state("erp/web").state is State.UNKNOWN
    [change] = run.see(610, "erp/web", "g").changes
    assert isinstance(change, Change)
    assert (change.state, change.since) == (State.UP, at(610))


def test_a_pause_forgets_what_was_being_confirmed() -> None:
    run = started()
    run.see(60, "erp/web", "f")
    run.see(70, "erp/web", "f")
    run.pause(75, "erp/web")
    run.pause(100)
    run.see(110, "erp/web", "f")

    assert run.judge.state("erp/web").state is State.UNKNOWN
    assert run.judge.state("erp/web").run_failed == 1


def test_an_open_incident_with_a_paused_member_stays_open() -> None:
    run = started()
    run.fail(60, "erp/web")
    run.see(85, "sw/ping", "g")
    run.pause(100, "erp/web")
    run.wait(2000)
    assert [stage.kind for stage in run.heard.stages] == [Kind.OPEN]

    run.pause(2000)
    run.see(2010, "erp/web", "g")
    run.see(2020, "erp/web", "g")

    assert [stage.kind for stage in run.heard.stages] == [Kind.OPEN, Kind.RECOVER]


def isolation(run: Run) -> list[IncidentStage]:
    return [stage for stage in run.heard.stages if stage.subject == AGENT]


@pytest.mark.parametrize("paused", ["far2/ping", "dns/a"])
def test_isolation_is_told_without_the_paused_check(paused: str) -> None:
    run = Run(LINE)
    present = [
        path for path in ("gw/ping", "dns/a", "far/ping", "far2/ping") if path != paused
    ]
    for second, path in enumerate(present):
        run.see(second, path, "g")
    run.pause(10, paused)
    run.fail(60, *present)

    assert len(isolation(run)) == 1


def test_a_check_that_is_asked_again_counts_for_isolation() -> None:
    run = Run(LINE)
    for second, path in enumerate(("gw/ping", "dns/a", "far/ping", "far2/ping")):
        run.see(second, path, "g")
    run.pause(10, "far2/ping")
    run.pause(20)
    run.fail(60, "gw/ping", "dns/a", "far/ping")
    assert isolation(run) == []

    run.see(95, "far2/ping", "f")

    assert len(isolation(run)) == 1


def test_a_pause_after_its_failure_does_not_count_twice() -> None:
    run = Run(LINE)
    for second, path in enumerate(("gw/ping", "dns/a", "far/ping", "far2/ping")):
        run.see(second, path, "g")
    run.see(50, "far2/ping", "f")
    run.pause(55, "far2/ping")
    for second in (60, 70, 80):
        run.see(second, "gw/ping", "f")
        run.see(second + 1, "dns/a", "f")
    assert isolation(run) == []
    run.see(85, "far/ping", "f")

    assert len(isolation(run)) == 1


def test_with_all_others_paused_nobody_is_isolated() -> None:
    run = Run(LINE)
    for second, path in enumerate(("gw/ping", "dns/a", "far/ping", "far2/ping")):
        run.see(second, path, "g")
    run.pause(10, "far/ping", "far2/ping")
    run.fail(60, "gw/ping", "dns/a")

    assert isolation(run) == []
