"""What the main job needs of a contract (`domain.md` 9); the rest comes later."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from scudo_agent.instant import HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTerms:
    """Id, title, time zone, year, promised uptime and the ticket rules.

    `target` is a percentage, read from its text; `close_after_us` is None when
    only people close tickets.
    """

    id: str
    title: str
    timezone: str = "Europe/Rome"
    year_start: date
    target: Decimal
    reopen_us: int = 4 * HOUR
    close_after_us: int | None = None
