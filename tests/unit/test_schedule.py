"""Due checks: staggered, one run at a time, late and missed runs counted."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.instant import MINUTE, SECOND
from scudo_agent.schedule import FIRST_RUNS_US, HASTE_US, TICK_US, Schedule, stagger

CHECKS = {f"t{n}/ping": MINUTE for n in range(200)}


def run(
    schedule: Schedule, start: int, end: int, took_us: int = 0
) -> list[tuple[int, str]]:
    """Tick from start to end; each run ends `took_us` after it began."""
    fired = []
    ending: list[tuple[int, str]] = []
    for now in range(start, end, TICK_US):
        for at, check in [e for e in ending if e[0] <= now]:
            schedule.done(check, at)
            ending.remove((at, check))
        for firing in schedule.due(now):
            fired.append((now, firing.check))
            ending.append((now + took_us, firing.check))
    return fired


def test_first_runs_lie_within_five_seconds_and_are_spread() -> None:
    fired = run(Schedule(CHECKS, now_us=0), 0, FIRST_RUNS_US + TICK_US)
    assert {check for _, check in fired} == set(CHECKS)
    per_second = [sum(t // SECOND == s for t, _ in fired) for s in range(5)]
    assert min(per_second) > 20, per_second


def test_after_the_first_run_checks_are_spread_over_the_whole_interval() -> None:
    fired = run(Schedule(CHECKS, now_us=0), 0, 10 * MINUTE)
    late = [t % MINUTE // (6 * SECOND) for t, _ in fired if t > 5 * MINUTE]
    assert min(late.count(tenth) for tenth in range(10)) > 50


@given(st.sampled_from(sorted(CHECKS)), st.integers(SECOND, 600 * SECOND))
def test_gaps_stay_within_half_and_one_and_a_half_intervals(
    check: str, interval: int
) -> None:
    schedule = Schedule({check: interval}, now_us=7)
    times = [t for t, _ in run(schedule, 7, 7 + 8 * interval)]
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps
    assert all(interval / 2 - TICK_US <= g <= 1.5 * interval + TICK_US for g in gaps)
    assert all(abs(g - interval) <= TICK_US for g in gaps[1:])


def test_a_stable_hash_does_not_move_when_a_neighbour_is_added() -> None:
    assert stagger("a/b", MINUTE) == stagger("a/b", MINUTE)
    alone = run(Schedule({"a/b": MINUTE}, now_us=0), 0, 5 * MINUTE)
    beside = run(Schedule({**CHECKS, "a/b": MINUTE}, now_us=0), 0, 5 * MINUTE)
    assert alone == [pair for pair in beside if pair[1] == "a/b"]


def test_one_run_at_a_time_and_missed_runs_are_counted() -> None:
    schedule = Schedule({"a/b": 10 * SECOND}, now_us=0)
    fired = run(schedule, 0, 100 * SECOND, took_us=25 * SECOND)
    starts = [t for t, _ in fired]
    assert all(b - a >= 25 * SECOND for a, b in pairwise(starts))
    assert len(starts) + schedule.counts.missed["a/b"] in (10, 11)
    assert schedule.counts.missed["a/b"] >= 6


def test_a_pause_of_the_process_gives_one_run_and_counts_the_rest() -> None:
    schedule = Schedule({"a/b": 10 * SECOND}, now_us=0)
    run(schedule, 0, 60 * SECOND)
    missed = schedule.counts.missed["a/b"]
    firings = schedule.due(660 * SECOND)
    assert [f.check for f in firings] == ["a/b"]
    assert firings[0].late_us >= 590 * SECOND
    assert 58 <= schedule.counts.missed["a/b"] - missed <= 60


def test_lateness_is_measured_from_when_the_check_was_due() -> None:
    schedule = Schedule({"a/b": 10 * SECOND}, now_us=0)
    due = schedule.next_due_us()
    assert due is not None
    assert schedule.due(due + 1234)[0].late_us == 1234


def test_hastened_checks_run_at_once_or_once_more_after_the_present_run() -> None:
    schedule = Schedule({"a/b": MINUTE}, now_us=0)
    first = schedule.next_due_us() or 0
    schedule.due(first)
    schedule.hasten(["a/b"], first + 1)
    assert schedule.due(first + 1) == []
    schedule.done("a/b", first + 2)
    assert schedule.due(first + HASTE_US - 1) == []
    assert [f.check for f in schedule.due(first + HASTE_US)] == ["a/b"]
    schedule.done("a/b", first + HASTE_US + 1)
    later = first + 3 * HASTE_US
    schedule.hasten(["a/b"], later)
    assert [f.check for f in schedule.due(later)] == ["a/b"]


def test_checks_that_ask_for_one_another_run_once_a_second() -> None:
    schedule = Schedule({"a/b": MINUTE}, now_us=0)
    first = schedule.next_due_us() or 0
    fired = []
    for now in range(first, first + 5 * SECOND, TICK_US):
        fired += schedule.due(now)
        schedule.done("a/b", now)
        schedule.hasten(["a/b"], now)
    assert len(fired) == 5


def test_a_failing_check_is_reprobed_at_its_pace_and_then_at_its_interval() -> None:
    schedule = Schedule({"a/b": MINUTE}, now_us=0)
    run(schedule, 0, 2 * MINUTE)
    schedule.pace("a/b", 10 * SECOND, 2 * MINUTE)
    quick = run(schedule, 2 * MINUTE, 3 * MINUTE)
    assert 5 <= len(quick) <= 7
    schedule.pace("a/b", None, 3 * MINUTE)
    assert len(run(schedule, 3 * MINUTE, 8 * MINUTE)) in (5, 6)


def test_a_pace_longer_than_the_interval_changes_nothing() -> None:
    schedule = Schedule({"a/b": 5 * SECOND}, now_us=0)
    schedule.pace("a/b", 10 * SECOND, 0)
    assert len(run(schedule, 0, 50 * SECOND)) in (10, 11)


def test_without_checks_nothing_is_due() -> None:
    assert Schedule({}, now_us=0).next_due_us() is None
