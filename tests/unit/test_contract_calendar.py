"""Days of a contract: kinds, names, festivi, permitted hours, wall times."""

from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scudo_agent.contract.calendar import Calendar, DayKind, days_of, easter
from scudo_agent.contract.hours import TicketFacts, join, local_day, span_text, wall
from scudo_agent.contract.model import DayRule, HolidayRules
from scudo_agent.errors import InputError
from scudo_agent.instant import format_instant, parse_instant
from support.contract_data import SHOP, calendar, contract
from support.slow_calendar import easter_sunday

NINE = (540, 1080)


def test_easter_is_that_of_a_maintained_library() -> None:
    for year in range(1900, 2101):
        assert easter(year) == easter_sunday(year)


@pytest.mark.parametrize(
    ("text", "year", "expected"),
    [
        (DayRule(text="02-29", month=2, day=29), 2028, [date(2028, 2, 29)]),
        (DayRule(text="02-29", month=2, day=29), 2027, []),
        (DayRule(text="x", year=2026, month=6, day=2), 2026, [date(2026, 6, 2)]),
        (DayRule(text="x", year=2026, month=6, day=2), 2027, []),
        (DayRule(text="easter", easter=0), 2026, [date(2026, 4, 5)]),
        (DayRule(text="easter-2", easter=-2), 2026, [date(2026, 4, 3)]),
        (DayRule(text="easter-180", easter=-180), 2025, [date(2025, 10, 7)]),
        (DayRule(text="easter-180", easter=-180), 9999, []),
        (DayRule(text="easter-180", easter=-180), 1, [date(1, 10, 16)]),
    ],
)
def test_a_day_rule_names_one_day_or_none(
    text: DayRule, year: int, expected: list[date]
) -> None:
    assert list(days_of(text, year)) == expected


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 10, 4), "Festa nazionale di San Francesco d'Assisi"),
        (date(2025, 10, 4), None),
        (date(2026, 4, 5), "Pasqua"),
        (date(2026, 12, 7), "Sant'Ambrogio"),
        (date(2026, 6, 29), None),
        (date(2026, 6, 7), None),
    ],
)
def test_holidays_are_those_in_force_in_their_year(day: date, name: str | None) -> None:
    found = calendar(holidays={"province": "MI"}).holiday(day)
    assert found is None if name is None else found is not None and name in found


def test_what_a_contract_adds_has_its_italian_name_or_its_own() -> None:
    days = calendar(holidays={"country": None, "add": ["01-01", "03-17"]})
    assert days.holiday(date(2026, 1, 1)) == "Capodanno"
    assert days.holiday(date(2026, 3, 17)) == "03-17"
    swiss = calendar(holidays={"country": "CH", "add": ["06-02"]})
    assert swiss.holiday(date(2026, 6, 2)) == "06-02"


def test_names_outside_the_librarys_years_are_the_files() -> None:
    days = calendar(holidays={"country": None, "add": ["01-01"]})
    assert days.holiday(date(2150, 1, 1)) == "01-01"


def test_remove_comes_last_and_a_removed_sunday_stays_festivo() -> None:
    days = calendar(holidays={"add": ["06-02"], "remove": ["06-02", "easter"]})
    assert days.holiday(date(2026, 6, 2)) is None
    assert not days.festivo(date(2026, 6, 2))
    assert days.holiday(date(2026, 4, 5)) is None
    assert days.festivo(date(2026, 4, 5))


def test_a_country_that_nobody_knows_is_no_traceback() -> None:
    rules = HolidayRules(country="ZZ")
    days = Calendar(replace(contract(), holidays=rules))
    with pytest.raises(InputError, match="holidays of 'ZZ'"):
        days.holiday(date(2026, 1, 1))


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 5, 1), DayKind.HALF),
        (date(2026, 4, 25), DayKind.WEEKEND),
        (date(2026, 4, 6), DayKind.HOLIDAY),
        (date(2026, 4, 5), DayKind.HOLIDAY),
        (date(2026, 8, 15), DayKind.HOLIDAY),
        (date(2026, 8, 10), DayKind.CARENZA),
        (date(2026, 8, 11), DayKind.WORKING),
        (date(2026, 8, 9), DayKind.WEEKEND),
    ],
)
def test_a_day_is_the_first_kind_that_fits(day: date, kind: DayKind) -> None:
    days = calendar(**SHOP, carenza={"percent": 5, "days": ["2026-08-10"]})
    assert days.day_kind(day) is kind


def test_a_half_day_without_cover_gives_no_hours() -> None:
    days = calendar(**SHOP, carenza={"percent": 5, "days": ["2026-06-02"]})
    blocking = TicketFacts(severity=1)
    assert days.day_kind(date(2026, 6, 2)) is DayKind.CARENZA
    assert days.spans(date(2026, 6, 2), blocking) == ()


def test_half_days_win_over_holidays_and_holidays_over_extra_hours() -> None:
    days = calendar(**SHOP)
    blocking = TicketFacts(severity=1)
    assert days.spans(date(2026, 6, 2)) == ((540, 780),)
    assert days.spans(date(2026, 4, 5), blocking) == ()
    assert days.spans(date(2026, 4, 12), blocking) == ((540, 780),)
    assert days.spans(date(2026, 4, 12)) == ()
    # 25 April 2026 is a Saturday: none without extra hours, half with them.
    assert days.spans(date(2026, 4, 25)) == ()
    assert days.spans(date(2026, 4, 25), blocking) == ((540, 780),)


def test_extra_hours_are_added_and_not_counted_twice() -> None:
    extra = {
        "when": {"severity": [1]},
        "weekly": {"mon-fri": ["08:00-10:00", "18:00-20:00"]},
    }
    hours = {"weekly": {"mon-fri": ["09:00-18:00"]}, "extra": [extra]}
    days = calendar(service_hours=hours)
    assert days.spans(date(2026, 6, 1), TicketFacts(severity=1)) == ((480, 1200),)
    assert days.spans(date(2026, 6, 1), TicketFacts(severity=2)) == (NINE,)
    assert days.spans(date(2026, 6, 1)) == (NINE,)


def test_spans_that_touch_are_one() -> None:
    assert join([(600, 700), (0, 60), (60, 90), (20, 30)]) == ((0, 90), (600, 700))
    assert span_text((0, 1440)) == "00:00-24:00"


def permitted(start: str, end: str, **occasional: Any) -> list[str]:
    days = calendar(uptime={"exclusions": {"occasional": occasional}})
    found = days.permitted_spans(parse_instant(start), parse_instant(end))
    return ["/".join(map(format_instant, span)) for span in found]


def test_permitted_hours_have_one_offset_all_summer() -> None:
    # Friday to Monday in June: 01:00-07:00 in Rome, and the whole festivo.
    assert permitted("2026-06-05T00:00:00+02:00", "2026-06-08T12:00:00+02:00") == [
        "2026-06-04T23:00:00Z/2026-06-05T05:00:00Z",
        "2026-06-05T23:00:00Z/2026-06-06T05:00:00Z",
        "2026-06-06T23:00:00Z/2026-06-08T05:00:00Z",
    ]


def test_a_saturday_may_be_festivo_and_a_festivo_only_a_night() -> None:
    start, end = "2026-06-06T00:00:00+01:00", "2026-06-08T00:00:00+01:00"
    assert permitted(start, end, saturday="holiday") == [
        "2026-06-05T23:00:00Z/2026-06-07T23:00:00Z"
    ]
    assert permitted(start, end, holidays=False) == [
        "2026-06-05T23:00:00Z/2026-06-06T05:00:00Z",
        "2026-06-06T23:00:00Z/2026-06-07T05:00:00Z",
    ]


def test_without_the_clause_nothing_is_permitted() -> None:
    days = calendar(uptime={"exclusions": {"ordinary": {}}})
    span = parse_instant("2026-06-05T00:00:00Z"), parse_instant("2026-06-09T00:00:00Z")
    assert days.permitted_spans(*span) == []
    assert days.permitted(date(2026, 6, 7)) == ()
    assert calendar().permitted_spans(span[1], span[0]) == []


@pytest.mark.parametrize(
    ("zone", "day", "minute", "expected"),
    [
        ("Europe/Rome", date(2026, 3, 29), 150, "2026-03-29T01:00:00Z"),
        ("Europe/Rome", date(2026, 3, 29), 119, "2026-03-29T00:59:00Z"),
        ("Europe/Rome", date(2026, 3, 29), 180, "2026-03-29T01:00:00Z"),
        ("Europe/Rome", date(2026, 10, 25), 150, "2026-10-25T00:30:00Z"),
        ("Europe/Rome", date(2026, 10, 25), 180, "2026-10-25T02:00:00Z"),
        ("Europe/Rome", date(2026, 12, 31), 1440, "2026-12-31T23:00:00Z"),
        # Midnight does not exist: clocks are put on as the day begins.
        ("Africa/Cairo", date(2026, 4, 24), 0, "2026-04-23T22:00:00Z"),
        ("Africa/Cairo", date(2026, 4, 23), 1440, "2026-04-23T22:00:00Z"),
        ("Australia/Lord_Howe", date(2026, 10, 4), 130, "2026-10-03T15:30:00Z"),
    ],
)
def test_a_wall_time_that_is_missing_or_doubled(
    zone: str, day: date, minute: int, expected: str
) -> None:
    assert format_instant(wall(ZoneInfo(zone), day, minute)) == expected


def test_beyond_the_calendar_is_its_nearest_day() -> None:
    ends = parse_instant("0001-01-01T00:00:00Z"), parse_instant("9999-12-31T23:59:59Z")
    west, east = ZoneInfo("America/Los_Angeles"), ZoneInfo("Pacific/Kiritimati")
    assert (local_day(west, ends[0]), local_day(east, ends[1])) == (date.min, date.max)


def test_the_last_day_of_the_calendar_has_no_end() -> None:
    with pytest.raises(OverflowError):
        wall(ZoneInfo("Europe/Rome"), date.max, 1440)


@pytest.mark.parametrize(
    ("start", "year", "expected"),
    [
        ("2024-02-29", 2024, (date(2024, 2, 29), date(2025, 3, 1))),
        ("2024-02-29", 2027, (date(2027, 3, 1), date(2028, 2, 29))),
        ("2026-03-01", 2026, (date(2026, 3, 1), date(2027, 3, 1))),
    ],
)
def test_a_contract_year_from_a_leap_day(
    start: str, year: int, expected: tuple[date, date]
) -> None:
    assert calendar(year_start=start).contract_days(year) == expected


def test_days_without_cover_are_counted_before_they_are_taken() -> None:
    days = {"percent": 5, "days": ["2026-08-10", "2026-08-11"]}
    found = calendar(carenza=days)
    assert found.carenza_allowed(2026) == 12
    assert found.working_days(2026) == 252
    half = calendar(carenza={**days, "percent": 50})
    assert half.carenza_allowed(2026) == 127  # of 254, not of the 252 that are left
    assert calendar().working_days(2025) == 251
    assert calendar().carenza_allowed(2025) == 12


def test_four_working_days_strictly_between() -> None:
    days = calendar()
    assert days.working_days_between(date(2026, 6, 1), date(2026, 6, 9)) == 4
    assert days.working_days_between(date(2026, 6, 1), date(2026, 6, 8)) == 3
    assert days.working_days_between(date(2026, 6, 8), date(2026, 6, 8)) == 0
    assert days.working_days_between(date(2026, 6, 9), date(2026, 6, 1)) == 0


def test_people_read_a_day_and_a_time() -> None:
    days = calendar()
    assert (
        days.day_time(parse_instant("2026-04-07T09:30:00Z")) == "Tue 2026-04-07 11:30"
    )
    found = days.day_time(parse_instant("2026-04-07T09:30:05Z"))
    assert found == "Tue 2026-04-07 11:30:05"
