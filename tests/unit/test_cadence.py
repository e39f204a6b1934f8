"""How often a customer is written to: the rules alone."""

from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.desk.cadence import (
    CALM_US,
    RELAPSES_US,
    STORM_SPAN_US,
    SUMMARY_US,
    Steadiness,
    crowded,
    slot,
    steadied,
    summary_due,
)
from scudo_agent.instant import HOUR, MINUTE, SECOND, Instant

INSTANTS = st.integers(0, 600).map(lambda s: Instant(s * SECOND))


def at(seconds: int) -> Instant:
    return Instant(seconds * SECOND)


@given(INSTANTS, st.lists(INSTANTS, max_size=8))
def test_a_storm_is_three_openings_in_some_span_of_60_s(
    opened: Instant, others: list[Instant]
) -> None:
    every = [*others, opened]
    slow = any(
        sum(start <= one < start + STORM_SPAN_US for one in every) >= 3
        and start <= opened < start + STORM_SPAN_US
        for start in every
    )
    assert crowded(opened, others) == slow


@given(INSTANTS, st.lists(INSTANTS, max_size=12), st.integers(1, 5))
def test_a_slot_is_the_first_that_keeps_the_cap(
    now: Instant, mails: list[Instant], most: int
) -> None:
    span = 2 * MINUTE
    due = slot(now, mails, most=most, span_us=span)
    assert due >= now
    # Those that are to leave after it were given their slots by the same rule.
    before = [one for one in mails if due - span < one <= due]
    assert len(before) < most or any(one > now for one in mails)
    if due > now:
        assert sum(due - span <= one for one in mails) >= most


def test_the_third_relapse_within_a_day_makes_a_ticket_unstable() -> None:
    steady = Steadiness()
    for hour in (0, 10, 20):
        assert steady.unstable is None
        steady = steadied(steady, Instant(hour * HOUR), relapse=True)
    assert steady.unstable == 20 * HOUR


def test_three_relapses_in_more_than_a_day_do_not() -> None:
    steady = Steadiness()
    for start in (0, RELAPSES_US // 2, RELAPSES_US):
        steady = steadied(steady, Instant(start), relapse=True)
    assert steady.unstable is None


def test_four_hours_of_quiet_make_it_stable_again() -> None:
    steady = Steadiness()
    for minute in (0, 1, 2):
        steady = steadied(steady, Instant(minute * MINUTE), relapse=True)
    last = steady.unstable
    assert last is not None
    almost = steadied(steady, Instant(last + CALM_US - 1), relapse=False)
    assert almost.unstable == last + CALM_US - 1
    quiet = steadied(steady, Instant(last + CALM_US), relapse=False)
    assert quiet.unstable is None


def test_what_comes_late_makes_no_stage_of_it_earlier() -> None:
    steady = Steadiness(unstable=at(100))
    assert steadied(steady, at(50), relapse=False).unstable == at(100)


@given(INSTANTS, st.integers(0, 20 * 3600))
def test_a_summary_leaves_after_8_h_or_4_h_of_quiet(began: Instant, after: int) -> None:
    last = Instant(began + after * SECOND)
    due = summary_due(began, last)
    assert due in (began + SUMMARY_US, last + CALM_US)
    assert due <= began + SUMMARY_US
