"""Warnings: severity 3, beside the state and never in it (`domain.md` 2)."""

from dataclasses import replace

from scudo_agent.incident import Rule
from scudo_agent.judge.engine import Judge
from scudo_agent.model import Kind, State
from support.judging_events import numbered
from support.judging_runs import Run, at, hold

TLS = {
    "targets": {"web": {"checks": {"tls": {}}}},
    "services": {"site": {"contracted": True, "checks": ["web/tls"], "need": "all"}},
}


def beyond(run: Run, second: int, times: int = 3) -> None:
    """Answers in a row with the limit crossed."""
    for turn in range(times):
        run.see(second + turn * 60, "web/tls", "g", warned=True)


def test_a_warning_opens_after_confirm_in_a_row_and_is_dated_back() -> None:
    run = Run(TLS)
    beyond(run, 0, 2)
    assert run.heard.stages == []

    batch = run.see(120, "web/tls", "g", warned=True)

    [stage] = batch.stages
    assert (stage.kind, stage.subject) == (Kind.OPEN, "warn:web/tls")
    assert (stage.severity, stage.rule, stage.since) == (3, Rule.S4, at(0))
    assert [member.check for member in stage.members] == ["web/tls"]
    assert run.judge.state("web/tls").state is State.UP
    assert run.judge.state("web/tls").incident is None
    assert stage.affected == ()


def test_one_within_the_limit_ends_the_run() -> None:
    run = Run(TLS)
    beyond(run, 0, 2)
    run.see(120, "web/tls", "g", warned=False)
    beyond(run, 180, 2)

    assert run.heard.stages == []


def test_a_run_that_says_nothing_of_the_limit_changes_nothing() -> None:
    run = Run(TLS)
    beyond(run, 0, 2)
    run.see(120, "web/tls", "f")

    assert run.see(130, "web/tls", "g", warned=True).stages != ()


def test_it_recovers_after_recover_in_a_row_and_reopens() -> None:
    run = Run(TLS)
    beyond(run, 0)
    run.see(180, "web/tls", "g", warned=False)
    [stage] = run.see(240, "web/tls", "g", warned=False).stages
    assert (stage.kind, stage.until) == (Kind.RECOVER, at(180))
    assert [member.check for member in stage.members] == ["web/tls"]

    beyond(run, 300)

    last = run.heard.stages[-1]
    assert (last.kind, last.incident) == (Kind.REOPEN, stage.incident)
    assert (last.severity, last.rule, last.since) == (3, Rule.S4, at(0))


def test_it_stays_open_while_the_check_is_unknown() -> None:
    run = Run(TLS)
    beyond(run, 0)
    run.stop(200)
    run.start(300)
    run.see(301, "web/tls", "g", warned=False)

    assert [one.subject for one in run.judge.open_incidents()] == ["warn:web/tls"]
    run.see(361, "web/tls", "g", warned=False)
    assert run.judge.open_incidents() == ()


def test_staleness_clears_the_run() -> None:
    run = Run(TLS)
    beyond(run, 0, 2)
    run.wait(300)
    run.see(301, "web/tls", "g", warned=True)

    assert run.heard.stages == []


def test_an_outage_and_the_warning_name_each_other() -> None:
    run = Run(TLS)
    beyond(run, 0)
    warning = run.heard.stages[0].incident

    stages = run.fail(180, "web/tls").stages

    told = {stage.kind: stage for stage in stages}
    assert told[Kind.OPEN].subject == "service:site"
    assert told[Kind.OPEN].linked == (warning,)
    assert told[Kind.NOTE].incident == warning
    assert told[Kind.NOTE].linked == (told[Kind.OPEN].incident,)
    assert {one.subject for one in run.judge.open_incidents()} == {
        "service:site",
        "warn:web/tls",
    }


def test_a_warning_during_the_outage_is_linked_too() -> None:
    run = Run(TLS)
    for second in (0, 60, 120):
        run.see(second, "web/tls", "d", warned=None)
    outage = run.heard.stages[0].incident
    for second in (180, 240, 300):
        run.see(second, "web/tls", "d", warned=True)

    opened, note = run.heard.stages[1:]
    assert (opened.subject, opened.linked) == ("warn:web/tls", (outage,))
    assert (note.kind, note.incident) == (Kind.NOTE, outage)
    assert note.linked == (opened.incident,)


def test_a_window_holds_a_warning() -> None:
    run = Run(TLS, hold(0, 240, "web/tls"))
    beyond(run, 0, 4)
    assert run.heard.stages == []

    [stage] = run.see(240, "web/tls", "g", warned=True).stages

    assert (stage.kind, stage.since) == (Kind.OPEN, at(0))


def test_a_warning_outlives_a_restart_and_its_check_does_not_go_unnoticed() -> None:
    run = Run(TLS)
    beyond(run, 0)
    run.stop(200)

    again = run.again()
    again.start(300)
    for second in (301, 361):
        again.see(second, "web/tls", "g", warned=False)
    assert again.kinds() == [("recover", "warn:web/tls")]

    gone = run.again({"targets": {"web": {"checks": {"http": {}}}}})
    assert gone.kinds() == [("retire", "warn:web/tls")]


def test_a_warning_whose_limit_was_taken_out_ends_as_not_measured() -> None:
    run = Run(TLS)
    beyond(run, 0)
    memories = run.heard.checks.values(), run.heard.incidents.values()
    rule = run.site.checks["web/tls"]

    for warns, kinds in ((True, []), (False, [Kind.RETIRE])):
        checks = {"web/tls": replace(rule, warns=warns)}
        judge = Judge(replace(run.site, checks=checks), new_id=numbered())
        batch = judge.restore(*memories)
        assert [stage.kind for stage in batch.stages] == kinds
        assert bool(judge.open_incidents()) is warns
