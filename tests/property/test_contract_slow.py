"""The calendar and the clocks against a second, slow implementation.

`support.slow_calendar` asks of each second or minute whether it is in service, and
shares no code with what is tested here.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.clocks import due, worked
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.contract.model import ClockRule, Unit, Until
from scudo_agent.instant import SECOND, Instant
from support.contract_data import calendar_of, data
from support.slow_calendar import SlowCalendar

WEEKS: list[dict[str, list[str]]] = [
    {"mon-fri": ["09:00-18:00"]},
    {"mon-fri": ["09:00-13:00", "14:30-18:30"]},
    {"mon-sun": ["00:00-24:00"]},
    {"mon,wed": ["08:00-12:00", "13:00-20:00"], "fri-sun": ["02:30-06:00"]},
    {"sat-sun": ["00:00-02:15", "02:45-24:00"]},
    {"tue-sun": ["01:30-02:30", "22:00-24:00"], "mon": ["00:00-01:00"]},
]
EXTRAS: list[list[dict[str, Any]]] = [
    [],
    [
        {
            "when": {"severity": [1]},
            "weekly": {"sat": ["09:00-13:00"], "sun": ["02:00-03:30"]},
        }
    ],
    [
        {"when": {"severity": [1, 2]}, "weekly": {"mon-fri": ["06:00-09:30"]}},
        {"when": {"severity": [1]}, "weekly": {"mon-sun": ["08:00-20:00"]}},
    ],
]
HALF_DAYS: list[dict[str, Any]] = [
    {"dates": [], "hours": []},
    {"dates": ["06-02", "12-24", "easter+1"], "hours": ["09:00-13:00"]},
    {"dates": ["02-29", "03-29", "10-25"], "hours": ["02:15-02:45", "10:00-11:00"]},
]
HOLIDAYS: list[dict[str, Any]] = [
    {"country": "IT"},
    {"country": "IT", "province": "MI", "remove": ["10-04"]},
    {"country": "IT", "province": "RM", "add": ["2026-06-03"], "remove": ["06-02"]},
    {"country": None},
    {"country": None, "add": ["easter", "easter+1", "02-29"], "remove": ["easter"]},
]
ZONES = [
    "Europe/Rome",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Cairo",
]
STARTS = [
    date(2026, 3, 27),
    date(2026, 10, 23),
    date(2028, 2, 27),
    date(2026, 12, 23),
    date(2026, 5, 29),
    date(2026, 4, 2),
    date(2027, 10, 1),
    date(2026, 3, 7),
    date(2026, 10, 31),
    date(2026, 4, 23),
    date(2026, 4, 4),
]
"""Near clocks put on and back in each of the zones, leap days, holidays, year ends."""
OCCASIONAL: list[dict[str, Any]] = [
    {},
    {"saturday": "holiday"},
    {"holidays": False},
    {"offset": "-03:30", "night": "01:00-05:30"},
    {"night": "00:00-24:00"},
]


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    body = data(
        timezone=draw(st.sampled_from(ZONES)),
        year_start="2024-02-29",
        holidays=draw(st.sampled_from(HOLIDAYS)),
        uptime={"exclusions": {"occasional": draw(st.sampled_from(OCCASIONAL))}},
        service_hours={
            "weekly": draw(st.sampled_from(WEEKS)),
            "half_days": draw(st.sampled_from(HALF_DAYS)),
            "extra": draw(st.sampled_from(EXTRAS)),
        },
    )
    near = draw(st.sampled_from(STARTS))
    days = [near + timedelta(days=n) for n in draw(st.sets(st.integers(0, 6)))]
    slow = SlowCalendar(body)
    body["carenza"] = {
        "percent": 5,
        "days": [day.isoformat() for day in sorted(days)[:2] if slow.minutes(day)],
    }
    return body


severities = st.sampled_from([None, 1, 2])
instants = st.builds(
    lambda day, minute: int(
        datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + minute * 60
    ),
    st.sampled_from(STARTS),
    st.integers(0, 3 * 1440),
)


def clock(within: int, unit: Unit) -> ClockRule:
    return ClockRule(name="c", within=within, unit=unit, until=Until.TAKEN)


def us(second: int) -> Instant:
    return Instant(second * SECOND)


@settings(max_examples=60, deadline=None)
@given(bodies(), instants, st.integers(0, 4 * 1440), severities)
def test_service_time_is_what_a_count_of_minutes_says(
    body: dict[str, Any], start: int, length: int, severity: int | None
) -> None:
    end = start + length * 60
    facts = TicketFacts(severity=severity)
    found = worked(calendar_of(body), (us(start), us(end)), facts)
    assert found == SlowCalendar(body).served(start, end, severity, 60) * SECOND


@settings(max_examples=60, deadline=None)
@given(bodies(), instants, st.integers(1, 16), severities)
def test_working_hours_end_when_a_count_of_minutes_does(
    body: dict[str, Any], start: int, hours: int, severity: int | None
) -> None:
    facts = TicketFacts(severity=severity)
    found = due(calendar_of(body), clock(hours, Unit.HOURS), us(start), facts)
    assert found == us(SlowCalendar(body).due_hours(start, hours, severity, 60))


@settings(max_examples=12, deadline=None)
@given(bodies(), instants, st.integers(0, 3599), severities)
def test_working_hours_end_when_a_count_of_seconds_does(
    body: dict[str, Any], start: int, second: int, severity: int | None
) -> None:
    begin, facts = start + second, TicketFacts(severity=severity)
    found = due(calendar_of(body), clock(1, Unit.HOURS), us(begin), facts)
    assert found == us(SlowCalendar(body).due_hours(begin, 1, severity, 1))


@settings(max_examples=80, deadline=None)
@given(bodies(), instants, st.integers(1, 12), severities)
def test_working_days_end_with_their_last_hour(
    body: dict[str, Any], start: int, days: int, severity: int | None
) -> None:
    facts = TicketFacts(severity=severity)
    found = due(calendar_of(body), clock(days, Unit.DAYS), us(start), facts)
    assert found == us(SlowCalendar(body).due_days(start, days, severity))


@settings(max_examples=60, deadline=None)
@given(bodies(), instants, st.integers(0, 3 * 1440))
def test_permitted_hours_are_those_of_a_count_of_minutes(
    body: dict[str, Any], start: int, length: int
) -> None:
    end = start + length * 60
    slow = SlowCalendar(body)
    found = calendar_of(body).permitted_spans(us(start), us(end))
    inside = {
        second
        for begin, stop in found
        for second in range(begin // SECOND, stop // SECOND, 60)
    }
    assert inside == {s for s in range(start, end, 60) if slow.permitted(s)}
    assert all(one[1] < other[0] for one, other in pairwise(found))


@settings(max_examples=25, deadline=None)
@given(bodies(), st.sampled_from(STARTS), st.integers(-2, 40))
def test_working_days_are_those_counted_one_by_one(
    body: dict[str, Any], first: date, length: int
) -> None:
    days, slow = calendar_of(body), SlowCalendar(body)
    last = first + timedelta(days=length)
    inner = first + timedelta(days=1), last - timedelta(days=1)
    assert days.working_days_between(first, last) == slow.working_days(*inner)
    year = first.year
    whole = date(year, 1, 1), date(year, 12, 31)
    assert days.working_days(year) == slow.working_days(*whole)


@settings(max_examples=15, deadline=None)
@given(bodies(), st.sampled_from([2024, 2025, 2026, 2027, 2028]))
@example(data(), 2025)
@example(data(), 2026)
def test_the_days_without_cover_are_a_share_of_the_years_working_days(
    body: dict[str, Any], year: int
) -> None:
    leap = body["year_start"] == "2024-02-29"
    starts = [
        date(y, *((2, 29) if y % 4 == 0 else (3, 1))) if leap else date(y, 1, 1)
        for y in (year, year + 1)
    ]
    last = starts[1] - timedelta(days=1)
    slow = SlowCalendar(body).working_days(starts[0], last, carenza=False)
    days = calendar_of(body)
    assert days.contract_days(year) == tuple(starts)
    assert days.carenza_allowed(year) == slow * 5 // 100


@settings(max_examples=40, deadline=None)
@given(bodies(), instants, st.data())
def test_one_hour_more_is_never_due_earlier(
    body: dict[str, Any], start: int, draws: st.DataObject
) -> None:
    days = calendar_of(body)
    hours = draws.draw(st.integers(1, 30))
    facts = TicketFacts(severity=draws.draw(severities))
    one = due(days, clock(hours, Unit.HOURS), us(start), facts)
    more = due(days, clock(hours + 1, Unit.HOURS), us(start), facts)
    assert worked(days, (us(start), one), facts) == hours * 3600 * SECOND
    assert worked(days, (one, more), facts) == 3600 * SECOND


def test_every_minute_of_a_day_that_a_zone_left_out_is_the_end_of_the_gap() -> None:
    # Samoa went from the 29th to the 31st of December 2011.
    body = data(
        timezone="Pacific/Apia",
        year_start="2011-01-01",
        holidays={"country": None},
        service_hours={"weekly": {"mon-sun": ["00:00-24:00"]}},
    )
    days, skipped = calendar_of(body), date(2011, 12, 30)
    assert days.service(skipped) == []
    before, after = (days.service(skipped + timedelta(days=n))[0] for n in (-1, 1))
    assert before[1] == after[0]
    assert Calendar(days.contract).is_working_day(skipped)


@settings(deadline=None)
@given(instants, st.integers(0, 2**40))
def test_an_instant_is_told_as_exactly_as_it_is(start: int, rest: int) -> None:
    at = Instant(start * SECOND + rest % SECOND)
    told = calendar_of(data()).text(at)
    back = datetime.fromisoformat(told) - datetime(1970, 1, 1, tzinfo=UTC)
    assert back // timedelta(microseconds=1) == at
    assert ("." in told) is (at % SECOND != 0)
