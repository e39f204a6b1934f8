"""The account beside a slow second one that looks at each minute, or second."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from scudo_agent.contract.account import chosen_year
from scudo_agent.contract.calendar import Calendar
from scudo_agent.instant import DAY, HOUR, SECOND, parse_instant
from support.contract_data import contract
from support.slow_uptime import SlowUptime
from support.uptime_data import account_of, cases, found

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(case=cases())
@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
def test_every_figure_is_what_counting_each_minute_gives(case: dict[str, Any]) -> None:
    assert found(account_of(case)) == SlowUptime(case, unit=60).answer()


@given(case=cases(unit=1, hours=1, most=2))
@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
def test_every_figure_is_what_counting_each_second_gives(case: dict[str, Any]) -> None:
    assert found(account_of(case)) == SlowUptime(case, unit=1).answer()


@pytest.mark.parametrize(
    ("start", "at", "hours"),
    [
        ("2026-01-01", "2026-05-01T00:00:00Z", 8760),
        ("2024-01-01", "2024-05-01T00:00:00Z", 8784),
        ("2024-02-29", "2024-05-01T00:00:00Z", 8784),
        ("2024-02-29", "2025-03-01T12:00:00+01:00", 8760),
        ("2024-02-29", "2027-05-01T00:00:00Z", 8760),
        ("2025-10-26", "2026-01-01T00:00:00Z", 8761),
        ("2025-03-30", "2026-01-01T00:00:00Z", 8759),
    ],
)
def test_a_year_is_as_long_as_from_midnight_to_midnight(
    start: str, at: str, hours: int
) -> None:
    one = contract(year_start=start, service_hours={"weekly": {"mon": ["09:00-10:00"]}})
    # 2025-10-26 begins in summer time and its end, a Monday, in winter time; the year
    # from 2025-03-30 the other way round.
    begin, end = chosen_year(Calendar(one), parse_instant(at))
    assert begin <= parse_instant(at) < end
    assert (end - begin) / HOUR == hours


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_a_day_that_lasts_23_or_25_hours_counts_as_long_as_it_lasts(day: str) -> None:
    before = "+01:00" if day == "2026-03-29" else "+02:00"
    after = "+02:00" if day == "2026-03-29" else "+01:00"
    next_day = f"{day[:8]}{int(day[8:]) + 1}"
    case = {
        "contract": {
            "id": "c",
            "title": "C",
            "year_start": "2026-01-01",
            "service_hours": {"weekly": {"mon": ["09:00-10:00"]}},
        },
        "history": [
            {"t": f"{day}T00:00:00{before}", "service": "erp", "state": "down"},
            {"t": f"{next_day}T00:00:00{after}", "service": "erp", "state": "up"},
        ],
        "windows": [],
        "at": "2027-01-01T00:00:00+01:00",
        "year": 2026,
        "service": "erp",
    }
    hours = 23 if day == "2026-03-29" else 25
    assert account_of(case).down_counted == hours * 3600 * SECOND
    assert account_of(case).elapsed == 365 * DAY
