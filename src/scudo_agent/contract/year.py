"""The contract year (`domain.md` 3): local midnight to local midnight."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from scudo_agent.contract.hours import local_day, wall
from scudo_agent.contract.model import Contract
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant


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
