"""Incidents of a lost store, taken over from the desk (`judge.adoption`)."""

from typing import Any

import pytest

from scudo_agent.judge.adoption import Foundling
from scudo_agent.judge.engine import Adopted
from scudo_agent.model import State
from support.judging_runs import Run, at

LOST = "0193e1c0-0000-7000-8000-0000000000aa"


def site(*names: str) -> dict[str, Any]:
    """Checks `sw/…` of one service."""
    paths = [f"sw/{name}" for name in names]
    return {
        "targets": {"sw": {"checks": {name: {} for name in names}}},
        "services": {"net": {"contracted": True, "checks": paths, "need": "all"}},
    }


def found(
    subject: str = "service:net", members: dict[str, State] | None = None
) -> Foundling:
    """The incident that the desk has open since long before."""
    return Foundling(
        incident=LOST,
        subject=subject,
        since=at(-900),
        opened=at(-880),
        severity=1,
        rule="S1",
        members={"sw/a": State.DOWN} if members is None else members,
    )


def adopt(run: Run, second: int, *those: Foundling) -> None:
    run.heard.take(run.judge.feed([Adopted(at(second), those)]))


def test_what_is_up_again_recovers_dated_at_the_first_good_probe() -> None:
    run = Run(site("a"))
    adopt(run, 5, found())
    run.see(10, "sw/a", "g")
    run.see(20, "sw/a", "g")

    assert run.kinds() == [("note", "service:net"), ("recover", "service:net")]
    end = run.heard.stages[-1]
    assert (end.incident, end.since, end.until) == (LOST, at(-900), at(10))
    assert run.judge.open_incidents() == ()


def test_what_is_still_down_goes_on_and_opens_nothing() -> None:
    run = Run(site("a"))
    adopt(run, 5, found())
    run.fail(10, "sw/a")

    assert run.kinds() == [("note", "service:net")]
    [incident] = run.judge.open_incidents()
    assert (incident.incident, incident.since) == (LOST, at(-900))
    assert run.judge.state("sw/a").state is State.DOWN


def test_what_was_found_up_before_the_desk_answered_recovers_at_once() -> None:
    run = Run(site("a"))
    run.see(3, "sw/a", "g")
    adopt(run, 60, found())

    assert run.kinds() == [("note", "service:net"), ("recover", "service:net")]
    assert run.heard.stages[-1].until == at(3)


def test_an_incident_that_opened_meanwhile_takes_the_lost_one_along() -> None:
    run = Run(site("a"))
    run.see(1, "sw/a", "g")
    run.fail(10, "sw/a")
    [own] = run.judge.open_incidents()
    adopt(run, 60, found())

    for judge in (run, run.again()):
        for second in (100, 110):
            judge.see(second, "sw/a", "g")
        ended = {s.incident: s for s in judge.heard.stages if s.kind == "recover"}
        assert set(ended) == {own.incident, LOST}
        assert ended[LOST].until == at(100)
        assert ended[LOST].since == at(-900)


def test_a_member_of_another_incident_takes_the_lost_one_along() -> None:
    run = Run(site("a"))
    run.see(1, "sw/a", "g")
    run.fail(10, "sw/a")
    adopt(run, 60, found(subject="check:sw/a"))
    for second in (100, 110):
        run.see(second, "sw/a", "g")

    assert run.kinds()[-2:] == [("recover", "service:net"), ("recover", "check:sw/a")]


def test_an_incident_of_checks_that_are_gone_is_retired() -> None:
    run = Run(site("a"))
    adopt(run, 5, found(members={"old/one": State.DOWN}))

    assert run.kinds() == [("retire", "service:net")]


def test_a_kill_after_the_adoption_changes_nothing() -> None:
    run = Run(site("a"))
    adopt(run, 5, found())
    again = run.again()
    again.stop(6)
    again.start(20)
    for second in (30, 40):
        again.see(second, "sw/a", "g")

    assert again.kinds() == [("recover", "service:net")]
    assert again.heard.stages[0].until == at(30)


def test_to_be_told_twice_changes_nothing() -> None:
    run = Run(site("a"))
    adopt(run, 5, found())
    adopt(run, 6, found())

    assert run.kinds() == [("note", "service:net")]


def test_the_agents_own_incident_is_over_since_the_desk_answers() -> None:
    run = Run(site("a"))
    adopt(run, 5, found(subject="agent", members={}))

    assert run.kinds() == [("recover", "agent")]


@pytest.mark.parametrize("word", ["warn", "forecast"])
def test_a_notice_goes_on_or_is_retired_with_its_check(word: str) -> None:
    run = Run(site("a"))
    adopt(run, 5, found(subject=f"{word}:sw/a"))
    gone = Run(site("a"))
    adopt(gone, 5, found(subject=f"{word}:old/one"))

    assert run.kinds() == [("note", f"{word}:sw/a")]
    assert gone.kinds() == [("retire", f"{word}:old/one")]


def test_a_relapse_opens_the_adopted_incident_again() -> None:
    run = Run(site("a"))
    run.see(1, "sw/a", "g")
    adopt(run, 5, found())
    run.fail(10, "sw/a")

    assert run.kinds()[-2:] == [("recover", "service:net"), ("reopen", "service:net")]
    assert run.heard.stages[-1].incident == LOST
