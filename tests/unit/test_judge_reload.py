"""Another version of the site file in the middle of a story (`judge.reload`)."""

from typing import Any

from scudo_agent.judge.batch import Batch, Change, Withdrawal
from scudo_agent.model import Kind, State
from support.judging_runs import Run, at, hold


def site(*names: str, contracted: bool = True, **definitions: str) -> dict[str, Any]:
    """Checks `sw/…` of one service."""
    checks = {name: {"definition": definitions.get(name, "1")} for name in names}
    paths = [f"sw/{name}" for name in names]
    return {
        "targets": {"sw": {"checks": checks}},
        "services": {"net": {"contracted": contracted, "checks": paths, "need": "all"}},
    }


def behind(*names: str) -> dict[str, Any]:
    """Checks behind a switch."""
    return {
        "targets": {"sw": {"checks": {"ping": {}}}}
        | {name: {"depends_on": ["sw/ping"], "checks": {"web": {}}} for name in names},
    }


def broken(*names: str) -> Run:
    """The checks down, in one incident, at 100."""
    run = Run(site(*names))
    for number, name in enumerate(names):
        run.see(number, f"sw/{name}", "g")
    run.fail(60, *(f"sw/{name}" for name in names))
    return run


def states(entries: list[Change | Withdrawal]) -> list[tuple[State, int]]:
    return [(e.state, e.since) for e in entries if isinstance(e, Change)]


def test_the_same_file_does_nothing_at_all() -> None:
    run = broken("a", "b")
    assert run.reload(100, site("a", "b")) == Batch()


def test_failures_that_are_being_confirmed_are_not_forgotten() -> None:
    run = Run(site("a", "b"))
    run.see(0, "sw/a", "g")
    run.see(60, "sw/a", "f")
    run.see(70, "sw/a", "f")

    run.reload(75, site("new", "a", "b"))

    run.see(80, "sw/a", "f")
    assert states(run.heard.entries["sw/a"])[-1] == (State.DOWN, at(60))
    assert run.kinds() == [("open", "service:net")]


def test_the_last_check_that_goes_ends_its_incident_unmeasured() -> None:
    run = broken("a")
    batch = run.reload(100, site("b"))

    assert run.kinds() == [("open", "service:net"), ("retire", "service:net")]
    assert states(run.heard.entries["sw/a"])[-1] == (State.UNKNOWN, at(100))
    assert [memory.check for memory in batch.checks] == []
    (memory,) = batch.incidents
    assert memory.recovered == at(100)
    assert memory.data["retired"] is True


def test_what_comes_back_after_it_was_gone_opens_another_incident() -> None:
    run = broken("a")
    run.reload(100, site("b"))
    run.reload(110, site("a", "b"))

    run.fail(120, "sw/a")

    (first, _, again) = run.heard.stages
    assert again.kind is Kind.OPEN
    assert again.incident != first.incident


def test_one_of_two_goes_and_the_other_recovers_the_incident() -> None:
    run = broken("a", "b")
    run.reload(100, site("b"))
    assert [one.members for one in run.judge.open_incidents()] == [("sw/b",)]

    run.see(110, "sw/b", "g")
    run.see(120, "sw/b", "g")

    assert run.kinds()[-1] == ("recover", "service:net")
    assert [m.check for m in run.heard.stages[-1].members] == ["sw/b"]


def test_a_changed_member_is_confirmed_anew_in_its_incident() -> None:
    up, down = broken("a"), broken("a")
    for run in (up, down):
        run.reload(100, site("a", a="2"))
        assert run.judge.state("sw/a").state is State.UNKNOWN
        assert len(run.judge.open_incidents()) == 1

    up.see(110, "sw/a", "g")
    assert up.kinds()[-1] == ("recover", "service:net")
    down.see(110, "sw/a", "f")
    assert down.judge.state("sw/a").state is State.UNKNOWN
    down.see(120, "sw/a", "f")
    down.see(130, "sw/a", "f")
    assert down.judge.state("sw/a").state is State.DOWN
    assert [kind for kind, _ in down.kinds()] == ["open"]


def test_a_check_that_waits_for_an_ancestor_that_goes_waits_no_longer() -> None:
    run = Run(behind("web"))
    run.see(0, "sw/ping", "g")
    run.see(1, "web/web", "g")
    run.fail(60, "web/web")
    assert run.kinds() == []

    batch = run.reload(85, {"targets": {"web": {"checks": {"web": {}}}}})

    assert [stage.kind for stage in batch.stages] == [Kind.OPEN]


def test_a_check_that_waits_gets_an_ancestor_and_opens_by_itself() -> None:
    apart: dict[str, Any] = {
        "targets": {"sw": {"checks": {"ping": {}}}, "web": {"checks": {"web": {}}}}
    }
    run = Run(apart)
    run.see(0, "sw/ping", "g")
    run.see(1, "web/web", "g")
    run.hold(2, hold(0, 90, "web/web"))
    run.fail(60, "web/web")

    run.reload(85, behind("web"))
    run.hold(86, hold(0, 88, "web/web"))
    assert run.kinds() == []
    run.wait(200)

    assert run.kinds() == [("open", "check:web/web")]


def test_what_is_contracted_from_now_on_raises_what_is_down() -> None:
    run = Run(site("a", contracted=False))
    run.see(0, "sw/a", "g")
    run.fail(60, "sw/a")
    assert run.heard.stages[-1].severity == 2

    run.reload(100, site("a"))

    assert run.kinds()[-1] == ("raise", "check:sw/a")
    assert run.heard.stages[-1].severity == 1


def test_a_line_without_vantage_points_is_not_cut_off_any_more() -> None:
    lan: dict[str, Any] = {
        "targets": {"gw": {"checks": {"ping": {}}}, "web": {"checks": {"web": {}}}},
        "vantage": ["gw/ping"],
    }
    run = Run(lan)
    run.see(0, "gw/ping", "g")
    run.see(1, "web/web", "g")
    run.fail(60, "gw/ping", "web/web")
    assert run.judge.isolated is not None

    run.reload(100, lan | {"vantage": []})

    assert run.judge.isolated is None
    assert run.kinds()[-1] == ("recover", "agent")
    run.fail(110, "web/web")
    assert run.kinds()[-1] == ("open", "check:web/web")


def test_a_warning_whose_check_goes_ends_unmeasured() -> None:
    run = Run(site("a", "b"))
    for second in (0, 10, 20):
        run.see(second, "sw/a", "g", warned=True)
    assert run.kinds() == [("open", "warn:sw/a")]

    run.reload(30, site("b"))

    assert run.kinds()[-1] == ("retire", "warn:sw/a")
