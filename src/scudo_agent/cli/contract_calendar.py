"""`scudo-agent contract calendar`: the days of a calendar year (`domain.md` 6, 9)."""

import argparse
import json
from calendar import month_abbr
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.contract import add_file

if TYPE_CHECKING:
    from scudo_agent.contract.calendar import Calendar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which year."""
    add_file(parser)
    parser.add_argument(
        "--year", required=True, metavar="YYYY", help="a calendar year, such as 2026"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, every day")


def run(args: argparse.Namespace) -> int:
    """Print each day as JSON, or each month and the days that are not plain."""
    from scudo_agent.config.contract_file import read_contract
    from scudo_agent.contract.calendar import Calendar

    calendar = Calendar(read_contract(args.file))
    year = _year(args.year)
    days = _days(calendar, year)
    if args.json:
        document = {"working_days": calendar.working_days(year), "days": days}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(calendar, year, days)
    return 0


def _year(text: str) -> int:
    from scudo_agent.config.contract_fields import YEARS
    from scudo_agent.errors import InputError

    known = text.isascii() and text.isdecimal() and len(text) == 4
    if not known or int(text) not in YEARS:
        raise InputError(
            f"--year: '{text[:40]}' is no year from {YEARS[0]} to {YEARS[-1]}"
        )
    return int(text)


def _days(calendar: "Calendar", year: int) -> list[dict[str, Any]]:
    from scudo_agent.contract.hours import span_text

    day = date(year, 1, 1)
    out = []
    while day.year == year:
        out.append(
            {
                "date": day.isoformat(),
                "kind": calendar.day_kind(day).value,
                "name": calendar.holiday(day),
                "hours": [span_text(span) for span in calendar.spans(day)],
                "maintenance": [span_text(span) for span in calendar.permitted(day)],
            }
        )
        day += timedelta(days=1)
    return out


def _print(calendar: "Calendar", year: int, days: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    contract = calendar.contract
    console = Console(highlight=False, markup=False, emoji=False)
    total = calendar.working_days(year)
    console.print(f"{contract.title} ({contract.id}): {total} working days in {year}")
    months = Table("MONTH", box=None, pad_edge=False)
    for kind in ("working", "half", "holiday", "weekend", "carenza"):
        months.add_column(kind.upper(), justify="right")
    for month in range(1, 13):
        kinds = [d["kind"] for d in days if int(d["date"][5:7]) == month]
        counts = (
            kinds.count(k) for k in ("working", "half", "holiday", "weekend", "carenza")
        )
        months.add_row(month_abbr[month], *(str(count or "") for count in counts))
    console.print(months)
    console.print()
    special = Table("DAY", "KIND", "HOURS", "MAINTENANCE", "NAME", box=None)
    special.pad_edge = False
    for day in days:
        if day["kind"] in ("half", "holiday", "carenza"):
            special.add_row(
                f"{date.fromisoformat(day['date']):%a %Y-%m-%d}",
                day["kind"],
                ", ".join(day["hours"]),
                ", ".join(day["maintenance"]),
                day["name"] or "",
            )
    console.print(special)
    console.print(
        f"hours in {contract.timezone}{_offset(calendar)}; --json has every day"
    )


def _offset(calendar: "Calendar") -> str:
    """In which time maintenance is written, if the contract has such a clause."""
    from scudo_agent.instant import MINUTE

    rule = calendar.contract.uptime.exclusions.occasional
    if rule is None:
        return ""
    hours, minutes = divmod(abs(rule.offset_us) // MINUTE, 60)
    sign = "-" if rule.offset_us < 0 else "+"
    return f", maintenance in UTC{sign}{hours:02d}:{minutes:02d}"
