"""Recurring windows against a walk through days and minutes, over changes of clocks."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scudo_agent.contract.recurring import (
    Shift,
    occurrences,
    parse_rule,
)
from scudo_agent.errors import InputError
from scudo_agent.instant import format_instant, parse_instant, to_datetime
from support.slow_recurring import WEEKDAYS, slow

ZONES = ("Europe/Rome", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Tokyo")
places = st.sampled_from(["every", "first", "second", "third", "fourth", "last"])
days = st.one_of(
    st.tuples(places, st.sampled_from(WEEKDAYS)).map(" ".join),
    st.integers(1, 28).map(lambda n: f"day {n}"),
    st.just("last day"),
)
clocks = st.integers(0, 24 * 60 - 1).map(lambda m: f"{m // 60:02}:{m % 60:02}")


@settings(max_examples=150, deadline=None)
@given(
    words=days,
    start=clocks,
    end=clocks | st.just("24:00"),
    zone=st.sampled_from(ZONES),
    first=st.dates(date(2023, 1, 1), date(2028, 12, 31)),
    length=st.integers(0, 70),
)
@example("every sunday", "02:00", "03:00", "Europe/Rome", date(2026, 3, 1), 60)
@example("last sunday", "02:30", "03:30", "Europe/Rome", date(2026, 10, 1), 31)
@example("last sunday", "01:00", "02:30", "Europe/Rome", date(2026, 3, 1), 31)
@example("first saturday", "22:00", "02:00", "Europe/Rome", date(2027, 1, 1), 70)
@example("last day", "22:00", "24:00", "UTC", date(2024, 2, 1), 28)
def test_the_occurrences_are_those_of_a_walk_through_the_days(
    words: str, start: str, end: str, zone: str, first: date, length: int
) -> None:
    if start == end:
        return
    last = first + timedelta(days=length)
    expected = slow(words, start, end, zone, first, last)
    rule = parse_rule(f"{words} {start}-{end}")
    # Only an empty series is refused, and those that are `gone` are none.
    try:
        found = occurrences(rule, zone, first=first, last=last)
    except InputError:
        assert expected == []
        return
    spans = [
        (to_datetime(one.start), to_datetime(one.end))
        for one in found
        if one.shift is not Shift.GONE
    ]
    assert spans == expected


@given(words=days, start=clocks, end=clocks | st.just("24:00"))
def test_a_rule_reads_what_it_writes(words: str, start: str, end: str) -> None:
    if start == end:
        return
    rule = parse_rule(f"{words} {start}-{end}")
    assert parse_rule(str(rule)) == rule
    assert str(rule) == f"{words} {start}-{end}"


@pytest.mark.parametrize(
    ("rule", "day", "shift", "start", "end"),
    [
        ("every sunday 01:00-05:00", "2026-03-29", "shorter", "00:00", "03:00"),
        ("every sunday 01:00-05:00", "2026-10-25", "longer", "23:00", "04:00"),
        ("every sunday 02:00-03:00", "2026-03-29", "gone", "01:00", "01:00"),
        ("every sunday 02:00-03:00", "2026-10-25", "longer", "00:00", "02:00"),
        ("every saturday 22:00-02:00", "2026-03-28", "none", "21:00", "01:00"),
        ("every saturday 22:00-02:30", "2026-03-28", "shorter", "21:00", "01:00"),
        ("every saturday 22:00-06:00", "2026-03-28", "shorter", "21:00", "04:00"),
        ("every saturday 22:00-06:00", "2026-10-24", "longer", "20:00", "05:00"),
    ],
)
def test_both_days_of_a_change_of_the_clock_are_marked(
    rule: str, day: str, shift: str, start: str, end: str
) -> None:
    on = date.fromisoformat(day)
    [one] = occurrences(parse_rule(rule), "Europe/Rome", first=on, last=on)
    assert one.shift == shift
    assert format_instant(one.start)[11:16] == start
    assert format_instant(one.end)[11:16] == end


def test_an_occurrence_belongs_to_the_local_day_on_which_it_starts() -> None:
    on = date(2026, 12, 5)
    rule = parse_rule("first saturday 22:00-02:00")
    [one] = occurrences(rule, "Europe/Rome", first=on, last=on)
    assert one.day == on
    assert one.start == parse_instant("2026-12-05T22:00:00+01:00")
    assert one.end == parse_instant("2026-12-06T02:00:00+01:00")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("saturday 22:00-02:00", "is no recurrence such as 'first saturday"),
        ("fifth saturday 22:00-02:00", "is no recurrence"),
        ("day 31 22:00-02:00", "not every month has a day 31; take 1 to 28, or"),
        ("day 0 22:00-02:00", "is no recurrence"),
        ("first saturday 24:00-02:00", "is no recurrence"),
        ("first saturday 22:00-22:00", "is no recurrence"),
        ("first saturday 22:60-23:00", "is no recurrence"),
        ("", "is no recurrence"),
    ],
)
def test_a_rule_that_is_none_says_what_one_looks_like(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_rule(text)


@pytest.mark.parametrize(
    ("rule", "first", "last", "zone", "said"),
    [
        ("every sunday", "2026-03-01", "2026-02-01", "UTC", "before it begins"),
        ("every sunday", "2026-03-01", "2028-03-02", "UTC", "two years at most"),
        ("every sunday", "2026-03-02", "2026-03-07", "UTC", "has no day from"),
        ("every sunday", "2026-03-01", "2026-03-01", "Mars/Base", "is no time zone"),
        ("every sunday", "2026-03-01", "2026-03-01", "../etc", "is no time zone"),
        ("every sunday", "9999-12-01", "9999-12-31", "UTC", "lies between"),
    ],
)
def test_a_series_that_cannot_be_meant_is_refused(
    rule: str, first: str, last: str, zone: str, said: str
) -> None:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    with pytest.raises(InputError, match=said):
        occurrences(parse_rule(f"{rule} 01:00-02:00"), zone, first=begin, last=end)


def test_two_years_of_weeks_are_allowed() -> None:
    rule = parse_rule("every sunday 01:00-02:00")
    first = date(2026, 3, 1)
    found = occurrences(rule, "UTC", first=first, last=first + timedelta(days=731))
    assert len(found) == 105
