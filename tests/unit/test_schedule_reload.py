"""Checks that come and go while the schedule runs."""

from scudo_agent.instant import SECOND
from scudo_agent.schedule import FIRST_RUNS_US, Schedule

TEN = 10 * SECOND


def runs(schedule: Schedule, since: int, until: int, check: str) -> list[int]:
    """When a check runs, each run over at once; steps of 100 ms."""
    found = []
    for now in range(since, until, SECOND // 10):
        for firing in schedule.due(now):
            schedule.done(firing.check, now)
            if firing.check == check:
                found.append(now)
    return found


def test_a_check_that_comes_moves_no_neighbour() -> None:
    plain = Schedule({"a/x": TEN, "b/x": TEN}, now_us=0)
    other = Schedule({"a/x": TEN, "b/x": TEN}, now_us=0)
    before = runs(plain, 0, 33 * SECOND, "a/x")
    assert runs(other, 0, 33 * SECOND, "a/x") == before

    other.add("c/x", TEN, 33 * SECOND)

    expected = runs(plain, 33 * SECOND, 200 * SECOND, "a/x")
    assert runs(other, 33 * SECOND, 200 * SECOND, "a/x") == expected


def test_a_check_that_comes_runs_within_its_first_seconds_and_then_on() -> None:
    schedule = Schedule({"a/x": TEN}, now_us=0)
    begin = 33 * SECOND
    runs(schedule, 0, begin, "a/x")

    schedule.add("c/x", TEN, begin)

    found = runs(schedule, begin, begin + 10 * TEN, "c/x")
    assert begin <= found[0] < begin + FIRST_RUNS_US
    assert 9 <= len(found) <= 11
    assert schedule.counts.missed["c/x"] == 0


def test_a_check_that_is_gone_runs_no_more_and_its_end_is_no_fault() -> None:
    schedule = Schedule({"a/x": TEN, "b/x": TEN}, now_us=0)
    firing = next(f for now in range(60) for f in schedule.due(now * SECOND))
    schedule.remove(firing.check)

    schedule.done(firing.check, 60 * SECOND)

    assert runs(schedule, 60 * SECOND, 200 * SECOND, firing.check) == []
    assert firing.check not in schedule.counts.missed
    assert schedule.next_due_us() is not None


def test_without_any_check_nothing_is_due() -> None:
    schedule = Schedule({"a/x": TEN}, now_us=0)
    schedule.remove("a/x")
    assert schedule.next_due_us() is None
    assert schedule.due(100 * SECOND) == []


def test_a_changed_check_waits_for_the_end_of_its_old_run() -> None:
    schedule = Schedule({"a/x": TEN}, now_us=0)
    (firing,) = schedule.due(FIRST_RUNS_US)
    schedule.change("a/x", 4 * SECOND, FIRST_RUNS_US)

    assert schedule.due(FIRST_RUNS_US + 3 * SECOND) == []
    schedule.done(firing.check, FIRST_RUNS_US + 3 * SECOND)

    assert [f.check for f in schedule.due(FIRST_RUNS_US + 3 * SECOND)] == ["a/x"]


def test_a_changed_check_that_is_paused_stays_so() -> None:
    schedule = Schedule({"a/x": TEN}, now_us=0)
    schedule.pause({"a/x"}, 0)
    schedule.change("a/x", 4 * SECOND, SECOND)

    assert runs(schedule, SECOND, 60 * SECOND, "a/x") == []
    schedule.pause(set(), 60 * SECOND)
    assert len(runs(schedule, 60 * SECOND, 100 * SECOND, "a/x")) >= 9
