"""`scudo-agent contract calendar`: the days of a calendar year (`domain.md` 6, 9)."""

import argparse
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.contract import add_file, add_language

if TYPE_CHECKING:
    from rich.table import Table

    from scudo_agent.contract.calendar import Calendar
    from scudo_agent.locale import Translator


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which year."""
    add_file(parser)
    parser.add_argument(
        "--year", required=True, metavar="YYYY", help="a calendar year, such as 2026"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, every day")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    """Print each day as JSON, or each month and the days that are not plain."""
    from scudo_agent.config.contract_file import read_contract
    from scudo_agent.contract.calendar import Calendar
    from scudo_agent.locale import translator

    calendar = Calendar(read_contract(args.file))
    year = _year(args.year)
    days = _days(calendar, year)
    if args.json:
        document = {"working_days": calendar.working_days(year), "days": days}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(calendar, year, days, translator(args.language))
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


def _print(
    calendar: "Calendar", year: int, days: list[dict[str, Any]], speaks: "Translator"
) -> None:
    from rich.console import Console

    from scudo_agent.text import TN, T

    contract = calendar.contract
    console = Console(highlight=False, markup=False, emoji=False)
    total = TN(
        "{n} working day in {year}",
        "{n} working days in {year}",
        n=calendar.working_days(year),
        year=str(year),
    )
    console.print(f"{contract.title} ({contract.id}): {speaks.render(total)}")
    console.print(_months(days, speaks))
    console.print()
    console.print(_special(days, speaks))
    zone, offset = contract.timezone, _offset(calendar)
    if offset is None:
        text = T("hours in {zone}; --json has every day", zone=zone)
    else:
        text = T(
            "hours in {zone}, maintenance in {offset}; --json has every day",
            zone=zone,
            offset=offset,
        )
    console.print(speaks.render(text))


def _months(days: list[dict[str, Any]], speaks: "Translator") -> "Table":
    from babel.dates import format_date
    from rich.table import Table

    from scudo_agent.locale.formats import babel_locale
    from scudo_agent.text import T

    table = Table(speaks.render(T("MONTH")), box=None, pad_edge=False)
    kinds = {
        "working": T("WORKING"),
        "half": T("HALF"),
        "holiday": T("HOLIDAY"),
        "weekend": T("WEEKEND"),
        "carenza": T("CARENZA"),
    }
    for text in kinds.values():
        table.add_column(speaks.render(text), justify="right")
    locale = babel_locale(speaks.language)
    for month in range(1, 13):
        found = [d["kind"] for d in days if int(d["date"][5:7]) == month]
        counts = (found.count(kind) for kind in kinds)
        name = str(format_date(date(2026, month, 1), "LLL", locale=locale))
        table.add_row(name, *(str(count or "") for count in counts))
    return table


def _special(days: list[dict[str, Any]], speaks: "Translator") -> "Table":
    from babel.dates import format_date
    from rich.table import Table

    from scudo_agent.locale.formats import babel_locale
    from scudo_agent.text import T

    heads = (T("DAY"), T("KIND"), T("HOURS"), T("MAINTENANCE"), T("NAME"))
    table = Table(*(speaks.render(head) for head in heads), box=None)
    table.pad_edge = False
    kinds = {"half": T("half"), "holiday": T("holiday"), "carenza": T("carenza")}
    locale = babel_locale(speaks.language)
    for day in days:
        if day["kind"] in kinds:
            name = format_date(date.fromisoformat(day["date"]), "EEE", locale=locale)
            table.add_row(
                f"{name} {day['date']}",
                speaks.render(kinds[day["kind"]]),
                ", ".join(day["hours"]),
                ", ".join(day["maintenance"]),
                day["name"] or "",
            )
    return table


def _offset(calendar: "Calendar") -> str | None:
    """In which time maintenance is written, if the contract has such a clause."""
    from scudo_agent.instant import MINUTE

    rule = calendar.contract.uptime.exclusions.occasional
    if rule is None:
        return None
    hours, minutes = divmod(abs(rule.offset_us) // MINUTE, 60)
    sign = "-" if rule.offset_us < 0 else "+"
    return f"UTC{sign}{hours:02d}:{minutes:02d}"
