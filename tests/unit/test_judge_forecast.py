"""Forecasts: severity 3 by rule S5, beside warnings and outages (`domain.md` 2)."""

from dataclasses import replace

from scudo_agent.incident import Rule
from scudo_agent.judge.engine import Judge
from scudo_agent.model import Kind, State
from support.judging_events import numbered
from support.judging_runs import Run, at, hold

DISK = {
    "targets": {"here": {"checks": {"disk": {}}}},
    "services": {"file": {"contracted": True, "checks": ["here/disk"], "need": "all"}},
}


def foreseen(run: Run, second: int, times: int = 3) -> None:
    """Answers in a row that foresee the crossing."""
    for turn in range(times):
        run.see(second + turn * 60, "here/disk", "g", warned=False, predicted=True)


def test_a_forecast_opens_after_confirm_in_a_row_and_is_dated_back() -> None:
    run = Run(DISK)
    foreseen(run, 0, 2)
    assert run.heard.stages == []

    [stage] = run.see(120, "here/disk", "g", predicted=True).stages

    assert (stage.kind, stage.subject) == (Kind.OPEN, "forecast:here/disk")
    assert (stage.severity, stage.rule, stage.since) == (3, Rule.S5, at(0))
    assert [member.check for member in stage.members] == ["here/disk"]
    assert stage.affected == ()
    assert run.judge.state("here/disk").state is State.UP


def test_what_cannot_be_told_ends_no_run_and_recovers_nothing() -> None:
    run = Run(DISK)
    foreseen(run, 0, 2)
    run.see(120, "here/disk", "g", predicted=None)
    foreseen(run, 180, 1)
    assert run.kinds() == [("open", "forecast:here/disk")]

    for second in (240, 300, 360):
        run.see(second, "here/disk", "g", predicted=None)
    assert run.kinds() == [("open", "forecast:here/disk")]


def test_it_recovers_after_recover_in_a_row_and_reopens() -> None:
    run = Run(DISK)
    foreseen(run, 0)
    run.see(180, "here/disk", "g", predicted=False)
    [stage] = run.see(240, "here/disk", "g", predicted=False).stages
    assert (stage.kind, stage.rule, stage.until) == (Kind.RECOVER, Rule.S5, at(180))

    foreseen(run, 300)

    last = run.heard.stages[-1]
    assert (last.kind, last.incident) == (Kind.REOPEN, stage.incident)
    assert (last.severity, last.rule) == (3, Rule.S5)


def test_the_warning_that_comes_true_and_the_forecast_name_each_other() -> None:
    run = Run(DISK)
    foreseen(run, 0)
    forecast = run.heard.stages[0].incident
    for second in (180, 240, 300):
        run.see(second, "here/disk", "g", warned=True, predicted=None)

    opened, note = run.heard.stages[1:]
    assert (opened.subject, opened.rule) == ("warn:here/disk", Rule.S4)
    assert opened.linked == (forecast,)
    assert (note.kind, note.incident, note.rule) == (Kind.NOTE, forecast, Rule.S5)
    assert note.linked == (opened.incident,)


def test_the_outage_that_comes_true_names_the_forecast_and_the_warning() -> None:
    run = Run(DISK)
    foreseen(run, 0)
    for second in (180, 240, 300):
        run.see(second, "here/disk", "g", warned=True)
    for second in (360, 420, 480):
        run.see(second, "here/disk", "d", warned=True)

    notices = {stage.subject: stage.incident for stage in run.heard.stages[:2]}
    [outage] = [s for s in run.heard.stages if s.subject == "service:file"]
    assert (outage.rule, set(outage.linked)) == (Rule.S2, set(notices.values()))
    subjects = {one.subject for one in run.judge.open_incidents()}
    assert subjects == {"service:file", "warn:here/disk", "forecast:here/disk"}


def test_a_forecast_made_during_the_outage_is_linked_too() -> None:
    run = Run(DISK)
    for second in (0, 60, 120):
        run.see(second, "here/disk", "d")
    outage = run.heard.stages[0].incident
    for second in (180, 240, 300):
        run.see(second, "here/disk", "d", predicted=True)

    opened, note = run.heard.stages[1:]
    assert (opened.subject, opened.linked) == ("forecast:here/disk", (outage,))
    assert (note.kind, note.incident) == (Kind.NOTE, outage)


def test_a_window_holds_a_forecast() -> None:
    run = Run(DISK, hold(0, 200, "here/disk"))
    foreseen(run, 0, 4)
    assert run.heard.stages == []

    [stage] = run.see(240, "here/disk", "g", predicted=True).stages

    assert (stage.kind, stage.since) == (Kind.OPEN, at(0))


def test_staleness_clears_the_run_and_keeps_the_incident() -> None:
    run = Run(DISK)
    foreseen(run, 0, 2)
    run.wait(300)
    run.see(301, "here/disk", "g", predicted=True)
    assert run.heard.stages == []

    foreseen(run, 361, 2)
    run.stop(500)
    run.start(600)
    run.see(601, "here/disk", "g", predicted=False)
    assert [one.subject for one in run.judge.open_incidents()] == ["forecast:here/disk"]


def test_a_forecast_outlives_a_restart() -> None:
    run = Run(DISK)
    foreseen(run, 0)
    run.stop(200)

    again = run.again()
    again.start(300)
    foreseen(again, 301, 4)
    assert again.kinds() == []
    for second in (601, 661):
        again.see(second, "here/disk", "g", predicted=False)
    assert again.kinds() == [("recover", "forecast:here/disk")]

    gone = run.again({"targets": {"here": {"checks": {"load": {}}}}})
    assert gone.kinds() == [("retire", "forecast:here/disk")]


def test_a_forecast_that_was_taken_out_ends_as_not_measured() -> None:
    run = Run(DISK)
    foreseen(run, 0)
    memories = run.heard.checks.values(), run.heard.incidents.values()
    rule = run.site.checks["here/disk"]

    for forecasts, kinds in ((True, []), (False, [Kind.RETIRE])):
        checks = {"here/disk": replace(rule, forecasts=forecasts, warns=not forecasts)}
        judge = Judge(replace(run.site, checks=checks), new_id=numbered())
        batch = judge.restore(*memories)
        assert [stage.kind for stage in batch.stages] == kinds
        assert [stage.rule for stage in batch.stages] == [Rule.S5] * len(kinds)
        assert bool(judge.open_incidents()) is forecasts
