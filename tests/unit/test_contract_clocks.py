"""When clocks are due: the hand-worked table, and a ticket's running clocks."""

from typing import Any

import pytest

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.clocks import due, reach, summary, worked
from scudo_agent.contract.hours import TicketFacts, fits, unanswered
from scudo_agent.contract.model import ClockRule, Unit, Until, When
from scudo_agent.contract.running import (
    ClockState,
    Event,
    Happening,
    Standing,
    clock_states,
)
from scudo_agent.errors import InputError
from scudo_agent.instant import HOUR, MINUTE, Instant, parse_instant
from support.contract_data import SHOP, calendar

HOURS, DAYS = Unit.HOURS, Unit.DAYS
EARLY = {
    "holidays": {"country": None},
    "service_hours": {"weekly": {"mon-sun": ["02:30-06:00"]}},
}
HALF = {
    "service_hours": {
        "weekly": {"mon-fri": ["09:00-18:00"]},
        "half_days": {"dates": ["06-02"], "hours": ["09:00-13:00"]},
    }
}
TABLE: list[tuple[dict[str, Any], str, int, Unit, str]] = [
    ({}, "2026-04-03T16:30:00+02:00", 4, HOURS, "2026-04-07T11:30:00+02:00"),
    ({}, "2026-05-30T10:00:00+02:00", 16, HOURS, "2026-06-03T16:00:00+02:00"),
    ({}, "2026-12-24T17:00:00+01:00", 3, DAYS, "2026-12-30T18:00:00+01:00"),
    ({}, "2027-10-01T17:00:00+02:00", 4, HOURS, "2027-10-05T12:00:00+02:00"),
    ({}, "2024-10-03T17:00:00+02:00", 4, HOURS, "2024-10-04T12:00:00+02:00"),
    (
        {"holidays": {"province": "MI"}},
        "2026-12-04T17:00:00+01:00",
        4,
        HOURS,
        "2026-12-09T12:00:00+01:00",
    ),
    (
        {"holidays": {"remove": ["06-02"]}},
        "2026-06-01T17:00:00+02:00",
        4,
        HOURS,
        "2026-06-02T12:00:00+02:00",
    ),
    (HALF, "2026-06-02T08:00:00+02:00", 4, HOURS, "2026-06-02T13:00:00+02:00"),
    (SHOP, "2026-06-01T17:30:00+02:00", 6, HOURS, "2026-06-03T10:00:00+02:00"),
    (SHOP, "2026-06-01T17:30:00+02:00", 1, DAYS, "2026-06-02T13:00:00+02:00"),
    (SHOP, "2026-04-24T17:30:00+02:00", 1, DAYS, "2026-04-27T18:30:00+02:00"),
    (EARLY, "2026-03-29T00:00:00+01:00", 1, HOURS, "2026-03-29T04:00:00+02:00"),
]


def clock(within: int, unit: Unit = HOURS, **keys: Any) -> ClockRule:
    return ClockRule(
        name="c", within=within, unit=unit, **{"until": Until.TAKEN, **keys}
    )


def at(text: str) -> Instant:
    return parse_instant(text)


@pytest.mark.parametrize(("keys", "opened", "within", "unit", "expected"), TABLE)
def test_the_hand_worked_table(
    keys: dict[str, Any], opened: str, within: int, unit: Unit, expected: str
) -> None:
    days = calendar(**keys)
    assert days.text(due(days, clock(within, unit), at(opened))) == expected


def test_extra_hours_are_for_tickets_that_fit() -> None:
    days = calendar(**SHOP)
    friday = at("2026-06-05T17:30:00+02:00")
    blocking = TicketFacts(severity=1)
    one_day = clock(1, DAYS)
    # Saturday all day and Sunday morning for blocking problems, Monday for others.
    assert due(days, one_day, friday, blocking) == at("2026-06-06T18:30:00+02:00")
    assert due(days, one_day, friday) == at("2026-06-08T18:30:00+02:00")
    assert due(days, clock(10), friday, blocking) == at("2026-06-07T10:00:00+02:00")


def test_a_half_day_on_a_week_end_halves_the_extra_hours() -> None:
    days = calendar(**SHOP)
    friday = at("2026-04-24T17:30:00+02:00")
    found = due(days, clock(1, DAYS), friday, TicketFacts(severity=1))
    assert found == at("2026-04-25T13:00:00+02:00")


def test_a_clock_without_hours_says_so() -> None:
    days = calendar(service_hours={"weekly": {}}, holidays={"country": None})
    for unit in Unit:
        with pytest.raises(InputError, match="no"):
            due(days, clock(1, unit), at("2026-01-01T00:00:00Z"))


def test_years_whose_holidays_nobody_knows_are_no_plain_years() -> None:
    with pytest.raises(InputError, match="known from 1870 to 2100, not in 2101"):
        due(calendar(), clock(1), at("2101-01-03T10:00:00Z"))


def test_the_calendar_ends() -> None:
    days = calendar(holidays={"country": None})
    for unit in Unit:
        with pytest.raises(InputError, match=r"calendar ends|no 10000 working days"):
            due(days, clock(10_000, unit), at("9999-06-01T10:00:00Z"))


@pytest.mark.parametrize(
    ("when", "facts", "fit", "missing"),
    [
        (When(), TicketFacts(), True, ()),
        (When(severity=frozenset({1})), TicketFacts(severity=1), True, ()),
        (When(severity=frozenset({1})), TicketFacts(severity=2), False, ()),
        (When(severity=frozenset({1})), TicketFacts(), False, ("severity",)),
        (When(card=True), TicketFacts(card=False), False, ()),
        (When(card=True), TicketFacts(), False, ("card",)),
        (
            When(severity=frozenset({1}), category=frozenset({"base"})),
            TicketFacts(severity=2),
            False,
            (),
        ),
        (
            When(origin=frozenset({"Mail"}), category=frozenset({"base"})),
            TicketFacts(),
            False,
            ("category", "origin"),
        ),
    ],
)
def test_a_value_not_given_never_fits(
    when: When, facts: TicketFacts, fit: bool, missing: tuple[str, ...]
) -> None:
    assert (fits(when, facts), unanswered(when, facts)) == (fit, missing)


def test_worked_time_leaves_out_nights_and_pauses() -> None:
    days = calendar()
    span = at("2026-11-20T17:00:00+01:00"), at("2026-11-23T11:00:00+01:00")
    pause = at("2026-11-20T17:30:00+01:00"), at("2026-11-23T09:30:00+01:00")
    assert worked(days, span) == 3 * HOUR
    assert worked(days, span, pauses=[pause]) == 2 * HOUR
    assert worked(days, (span[1], span[0])) == 0


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        ([], None),
        ([7], (1, 7, 7)),
        ([4, 1], (2, 2, 4)),
        (list(range(1, 101)), (100, 50, 95)),
        (list(range(1, 22)), (21, 11, 20)),
    ],
)
def test_median_and_percentile(
    durations: list[int], expected: tuple[int, int, int] | None
) -> None:
    found = summary(durations)
    told = None if found is None else (found.count, found.median_us, found.p95_us)
    assert told == expected


# A ticket of Monday 2026-11-23, received at 09:00; the clock has 4 working hours.
DAY = "2026-11-23T{}:00+01:00"
RECEIVED = at(DAY.format("09:00"))


def clocks(**keys: Any) -> Calendar:
    clock = {"name": "c", "within": 4, "unit": "working_hours", "until": "taken"}
    return calendar(clocks=[{**clock, **keys}])


def event(when: str, what: Happening, severity: int | None = None) -> Event:
    facts = None if severity is None else TicketFacts(severity=severity)
    return Event(at=at(DAY.format(when)), what=what, facts=facts)


def state(
    days: Calendar, *events: Event, now: str = "20:00", severity: int | None = 2
) -> ClockState | None:
    facts = TicketFacts(severity=severity)
    found = clock_states(days, RECEIVED, facts, events, at(DAY.format(now)))
    return found[0] if found else None


def told(found: ClockState | None) -> tuple[object, ...]:
    """Standing, elapsed minutes, due, and whether it was met."""
    assert found is not None
    when = None if found.due is None else clocks().text(found.due)[11:16]
    return found.standing.value, found.elapsed_us // MINUTE, when, found.met


def test_a_clock_runs_to_its_marks() -> None:
    found = state(clocks(), now="10:00")
    assert told(found) == ("running", 60, "13:00", None)
    assert found is not None
    assert found.remaining_us == 3 * HOUR
    marks = [(percent, clocks().text(when)[11:16]) for percent, when in found.marks]
    assert marks == [(50, "11:00"), (80, "12:12"), (100, "13:00")]


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ("12:59", ("stopped", 239, "13:00", True)),
        ("13:00", ("stopped", 240, "13:00", True)),
        ("13:01", ("stopped", 241, "13:00", False)),
    ],
)
def test_exactly_in_time_is_in_time(taken: str, expected: tuple[object, ...]) -> None:
    assert told(state(clocks(), event(taken, Happening.TAKEN))) == expected


def test_later_in_the_evening_is_late_though_no_service_time_passed() -> None:
    days = clocks(within=9)
    found = state(days, event("19:00", Happening.TAKEN))
    assert told(found) == ("stopped", 540, "18:00", False)


def test_only_the_first_taking_counts() -> None:
    events = [event("10:00", Happening.TAKEN), event("17:00", Happening.TAKEN)]
    assert told(state(clocks(), *events)) == ("stopped", 60, "13:00", True)


def test_it_stands_still_while_the_customer_is_waited_for() -> None:
    events = [event("10:00", Happening.PAUSED), event("12:00", Happening.RESUMED)]
    assert told(state(clocks(), *events, now="11:00")) == ("paused", 60, None, None)
    assert told(state(clocks(), *events, now="12:30")) == ("running", 90, "15:00", None)


def test_a_mark_that_was_reached_before_a_pause_stays_known() -> None:
    found = state(clocks(), event("11:30", Happening.PAUSED), now="12:00")
    assert found is not None
    assert [percent for percent, _ in found.marks] == [50]


def test_a_pause_after_the_breach_does_not_undo_it() -> None:
    found = state(clocks(), event("14:00", Happening.PAUSED), now="15:00")
    assert told(found) == ("paused", 300, "13:00", False)


def test_two_pauses_in_a_row_are_one() -> None:
    events = [
        event("10:00", Happening.PAUSED),
        event("10:30", Happening.PAUSED),
        event("11:00", Happening.RESUMED),
        event("11:30", Happening.RESUMED),
    ]
    assert told(state(clocks(), *events, now="12:00")) == (
        "running",
        120,
        "14:00",
        None,
    )


def test_taken_while_it_stood_still() -> None:
    events = [event("10:00", Happening.PAUSED), event("11:00", Happening.TAKEN)]
    found = state(clocks(), *events)
    assert told(found) == ("stopped", 60, "14:00", True)


def test_in_progress_or_later_ends_processed() -> None:
    days = clocks(until="processed")
    for what in (Happening.PROCESSED, Happening.RESOLVED):
        assert told(state(days, event("10:00", what)))[0] == "stopped"
    assert told(state(days, event("10:00", Happening.TAKEN)))[0] == "running"


def test_a_reopening_restarts_only_resolved_where_it_stood() -> None:
    events = [event("10:00", Happening.RESOLVED), event("12:00", Happening.REOPENED)]
    days = clocks(until="resolved")
    assert told(state(days, *events, now="11:00")) == ("stopped", 60, "13:00", True)
    assert told(state(days, *events, now="13:00")) == ("running", 120, "15:00", None)
    assert told(state(days, *events, now="16:00")) == ("running", 300, "15:00", False)
    again = [*events, event("14:00", Happening.RESOLVED)]
    assert told(state(days, *again)) == ("stopped", 180, "15:00", True)
    taken = event("09:30", Happening.TAKEN)
    assert told(state(clocks(), taken, *events)) == ("stopped", 30, "13:00", True)


def test_a_reopening_ends_the_waiting_for_the_customer() -> None:
    days = clocks(until="resolved")
    events = [
        event("10:00", Happening.PAUSED),
        event("11:00", Happening.RESOLVED),
        event("12:00", Happening.REOPENED),
    ]
    assert told(state(days, *events, now="13:00")) == ("running", 120, "15:00", None)


def test_a_clock_that_no_longer_applies_stops_unjudged() -> None:
    days = clocks(when={"severity": [1]})
    lower = event("10:00", Happening.CHANGED, 2)
    assert told(state(days, lower, severity=1)) == ("unjudged", 60, "13:00", None)
    # What it waited for happened before: that was judged.
    taken = event("09:30", Happening.TAKEN)
    found = state(days, taken, lower, severity=1)
    assert told(found) == ("stopped", 30, "13:00", True)
    # What happens after the change judges it no more.
    after = event("11:00", Happening.TAKEN)
    found = state(days, lower, after, severity=1)
    assert told(found) == ("unjudged", 60, "13:00", None)
    # A breach before the change stands.
    late = event("14:00", Happening.CHANGED, 2)
    assert told(state(days, late, severity=1)) == ("unjudged", 300, "13:00", False)


def test_a_new_clock_counts_from_the_receipt_less_pauses() -> None:
    days = clocks(when={"severity": [1]})
    events = [
        event("09:30", Happening.PAUSED),
        event("10:30", Happening.RESUMED),
        event("11:00", Happening.CHANGED, 1),
    ]
    assert told(state(days, *events, now="12:00")) == ("running", 120, "14:00", None)
    assert state(days, *events, now="10:45") is None


def test_a_fact_that_was_true_for_no_time_starts_no_clock() -> None:
    days = clocks(when={"severity": [1]})
    events = [
        event("11:00", Happening.CHANGED, 1),
        event("11:00", Happening.CHANGED, 3),
    ]
    assert state(days, *events) is None


def test_a_code_that_comes_and_goes_leaves_one_clock() -> None:
    days = clocks(when={"severity": [1]})
    events = [
        event("10:00", Happening.CHANGED, 2),
        event("11:00", Happening.CHANGED, 1),
    ]
    found = state(days, *events, severity=1, now="12:00")
    assert told(found) == ("running", 180, "13:00", None)


def test_what_is_later_is_not_known() -> None:
    later = event("12:00", Happening.TAKEN)
    assert told(state(clocks(), later, now="11:00"))[0] == "running"


def test_hours_are_those_of_what_was_true_then() -> None:
    saturday = {"when": {"severity": [1]}, "weekly": {"sat": ["09:00-18:00"]}}
    weekly = {"weekly": {"mon-fri": ["09:00-18:00"]}, "extra": [saturday]}
    rule = {"name": "c", "within": 4, "unit": "working_hours", "until": "taken"}
    days = calendar(clocks=[rule], service_hours=weekly)
    friday, noon = at("2026-11-27T17:00:00+01:00"), at("2026-11-28T12:00:00+01:00")
    raised = Event(at=noon, what=Happening.CHANGED, facts=TicketFacts(severity=1))
    now = at("2026-11-28T13:00:00+01:00")
    (found,) = clock_states(days, friday, TicketFacts(severity=2), [raised], now)
    # One hour on Friday; Saturday counts from noon, when it became blocking.
    assert found.elapsed_us == 2 * HOUR
    assert found.due == at("2026-11-28T15:00:00+01:00")


def test_no_clock_runs_for_requests_that_came_in_otherwise() -> None:
    rule = {"name": "c", "within": 4, "unit": "working_hours", "until": "taken"}
    days = calendar(clocks=[rule], requests={"clocks_for": ["Mail", "AltecMonitor"]})
    now = at(DAY.format("10:00"))
    counts = [
        len(clock_states(days, RECEIVED, TicketFacts(origin=origin), [], now))
        for origin in ("Mail", "Telefono", None)
    ]
    assert counts == [1, 0, 1]


def test_no_time_at_all_is_over_at_once() -> None:
    turns = [(RECEIVED, TicketFacts())]
    found = reach(calendar(), RECEIVED, turns, (), [0, HOUR])
    assert found == [RECEIVED, at(DAY.format("10:00"))]


def test_service_time_ends_with_the_calendar() -> None:
    days = calendar(holidays={"country": None})
    end = at("9999-12-31T12:00:00Z")
    assert worked(days, (at("9999-12-29T08:00:00Z"), end)) == 18 * HOUR


def test_days_have_the_working_time_that_was_promised() -> None:
    days = clocks(within=1, unit="working_days", until="resolved")
    pauses = [event("10:00", Happening.PAUSED), event("12:00", Happening.RESUMED)]
    found = state(days, *pauses)
    assert found is not None
    # Received Monday at 09:00: 18 working hours up to Tuesday evening, two of them
    # waited: Wednesday at 11:00.
    assert found.allowed_us == 18 * HOUR
    assert found.due == at("2026-11-25T11:00:00+01:00")


def test_a_clock_is_the_same_whatever_was_asked_before() -> None:
    days = clocks()
    events = [event("10:00", Happening.PAUSED), event("12:00", Happening.RESUMED)]
    fresh = state(clocks(), *events, now="14:00")
    for now in ("09:30", "11:00", "13:00"):
        state(days, *events, now=now)
    assert state(days, *reversed(events), now="14:00") == fresh
    assert fresh is not None
    assert fresh.standing is Standing.RUNNING
