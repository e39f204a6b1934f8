"""The contract year: anniversaries, leap days, offsets, what may be lost."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from scudo_agent.contract.model import NO_HOURS, Contract, ServiceHours
from scudo_agent.contract.year import allowed_us, contract_year
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, HOUR, MINUTE, format_instant, parse_instant


def terms(start: str) -> Contract:
    return Contract(
        id="c",
        title="C",
        year_start=date.fromisoformat(start),
        service_hours=ServiceHours(weekly=NO_HOURS),
    )


@pytest.mark.parametrize(
    ("start", "at", "begins", "ends"),
    [
        (
            "2026-01-01",
            "2026-11-21T12:00:00Z",
            "2025-12-31T23:00:00Z",
            "2026-12-31T23:00:00Z",
        ),
        (
            "2026-01-01",
            "2025-12-31T23:00:00Z",
            "2025-12-31T23:00:00Z",
            "2026-12-31T23:00:00Z",
        ),
        (
            "2024-06-15",
            "2026-06-14T21:59:59Z",
            "2025-06-14T22:00:00Z",
            "2026-06-14T22:00:00Z",
        ),
        (
            "2024-02-29",
            "2025-03-01T12:00:00Z",
            "2025-02-28T23:00:00Z",
            "2026-02-28T23:00:00Z",
        ),
        (
            "2024-02-29",
            "2025-02-28T12:00:00Z",
            "2024-02-28T23:00:00Z",
            "2025-02-28T23:00:00Z",
        ),
        (
            "2024-02-29",
            "2028-02-29T12:00:00Z",
            "2028-02-28T23:00:00Z",
            "2029-02-28T23:00:00Z",
        ),
    ],
)
def test_the_year_that_contains_an_instant(
    start: str, at: str, begins: str, ends: str
) -> None:
    year = contract_year(terms(start), parse_instant(at))
    assert [format_instant(t) for t in year] == [begins, ends]


def test_a_year_with_a_leap_day_is_a_day_longer() -> None:
    begin, end = contract_year(
        terms("2024-01-01"), parse_instant("2024-05-01T00:00:00Z")
    )
    assert end - begin == 366 * DAY


def test_a_year_between_two_offsets_has_an_hour_more_or_less() -> None:
    spring = terms("2025-03-29")  # winter time; a year on it is a Sunday, summer time
    begin, end = contract_year(spring, parse_instant("2025-06-01T00:00:00Z"))
    assert end - begin == 365 * DAY
    spring = terms("2025-03-30")  # midnight before the change: winter time
    begin, end = contract_year(spring, parse_instant("2025-06-01T00:00:00Z"))
    assert end - begin == 365 * DAY - HOUR


def test_before_the_contract_began_is_an_error() -> None:
    with pytest.raises(InputError, match="before the contract began"):
        contract_year(terms("2026-01-01"), parse_instant("2025-12-31T22:59:59Z"))


def test_ninety_nine_percent_of_a_year_leaves_87_hours_and_36_minutes() -> None:
    year = contract_year(terms("2026-01-01"), parse_instant("2026-05-01T00:00:00Z"))
    assert allowed_us(Decimal("99.0"), year) == 87 * HOUR + 36 * MINUTE
    assert allowed_us(Decimal("99.9"), year) == 31_536_000_000
    assert allowed_us(Decimal(100), year) == 0


def test_a_year_that_begins_at_a_midnight_which_is_left_out() -> None:
    # In Cairo the 24 April 2026 begins at 01:00, and the one before at midnight.
    contract = replace(terms("2026-04-24"), timezone="Africa/Cairo")
    begin, _ = contract_year(contract, parse_instant("2026-06-01T00:00:00Z"))
    assert format_instant(begin) == "2026-04-23T22:00:00Z"
