"""The contract year (`domain.md` 3): local midnight to local midnight."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from scudo_agent.contract.hours import local_day, wall
from scudo_agent.contract.model import Contract
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, Instant


def contract_year(contract: Contract, at: Instant) -> tuple[Instant, Instant]:
    """The contract year `[A, B)` that contains `at`.

    A 29 February is 1 March in other years; its length is the time between two
    local midnights. Raises `InputError` for an `at` before the contract began.
    """
    zone = ZoneInfo(contract.timezone)
    day = local_day(zone, at)
    if day < contract.year_start:
        raise InputError(
            f"{day} is before the contract began ({contract.id} starts on "
            f"{contract.year_start})"
        )
    first = _anniversary(contract.year_start, day.year)
    year = day.year if day >= first else day.year - 1
    starts = [_anniversary(contract.year_start, y) for y in (year, year + 1)]
    return wall(zone, starts[0], 0), wall(zone, starts[1], 0)


KEPT_YEARS = 11
"""So many contract years before the running one are kept of ledger and incidents."""


def kept_since(contract: Contract | None, now: Instant) -> Instant:
    """The start of the oldest contract year that is kept: eleven before this one.

    Without a contract, or before it began, twelve years of 366 days.
    """
    far = Instant(now - (KEPT_YEARS + 1) * 366 * DAY)
    if contract is None:
        return far
    zone = ZoneInfo(contract.timezone)
    day = local_day(zone, now)
    if day < contract.year_start:
        return far
    year = day.year - (day < _anniversary(contract.year_start, day.year))
    return wall(zone, _anniversary(contract.year_start, year - KEPT_YEARS), 0)


def _anniversary(start: date, year: int) -> date:
    try:
        return start.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def allowed_us(target: Decimal, year: tuple[Instant, Instant]) -> int:
    """Microseconds of the year that may be lost at `target` percent, rounded down.

    365 days at 99 % leave 87 h 36 min.
    """
    lost = (1 - Fraction(target) / 100) * (year[1] - year[0])
    return lost.numerator // lost.denominator
