"""`scudo-agent contract check FILE`: a contract in plain words, or its faults."""

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.contract import add_file, add_language

if TYPE_CHECKING:
    from rich.console import Console

    from scudo_agent.contract.summary import Feast, Summary
    from scudo_agent.instant import Instant
    from scudo_agent.locale.translator import Translator

_WIDEST_LABEL = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which file, at what time, in which language."""
    add_file(parser)
    parser.add_argument(
        "--at",
        metavar="T",
        help="explain the contract year and the holidays from this instant on "
        "(RFC 3339); default: now",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, faults included")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    """Explain a sound contract and return 0, or tell all faults and return 2."""
    from scudo_agent.config.contract_file import read_contract
    from scudo_agent.contract.summary import summary
    from scudo_agent.errors import ConfigError
    from scudo_agent.locale import translator

    at = _at(args.at)
    try:
        contract = read_contract(args.file)
    except ConfigError as exc:
        if not args.json:
            print(_report(exc), file=sys.stderr)
        else:
            faults = [asdict(fault) for fault in exc.faults]
            print(json.dumps({"ok": False, "faults": faults}, ensure_ascii=False))
        return exc.exit_code
    explained = summary(contract, at)
    language = translator(args.language)
    if args.json:
        document = _document(explained, language)
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(explained, language)
    return 0


def _at(text: str | None) -> "Instant":
    from scudo_agent.clock import SystemClock
    from scudo_agent.errors import InputError
    from scudo_agent.instant import parse_instant

    if text is None:
        return SystemClock().wall()
    try:
        return parse_instant(text)
    except InputError as exc:
        raise InputError(f"--at: {exc}") from None


def _report(error: Any) -> str:
    count = len(error.faults)
    return f"{error}\n{'1 fault' if count == 1 else f'{count} faults'}"


def _document(explained: "Summary", language: "Translator") -> dict[str, Any]:
    """What programs read; the sentences are for people."""
    from scudo_agent.instant import seconds

    contract = explained.contract
    declared, allowed = explained.carenza
    return {
        "ok": True,
        "id": contract.id,
        "title": contract.title,
        "year": {
            "first": explained.first.isoformat(),
            "last": explained.last.isoformat(),
        },
        "working_days": explained.working_days,
        "target": str(contract.uptime.target),
        "budget": seconds(explained.budget_us),
        "carenza": {"allowed": allowed, "declared": declared},
        "holidays": [
            {
                "date": feast.day.isoformat(),
                "name": feast.name,
                "half_day": feast.half,
                "hours": feast.hours.split(", ") if feast.hours else [],
            }
            for feast in explained.feasts
        ],
        "clocks": [
            {
                "name": clock.name,
                "within": clock.within,
                "unit": clock.unit.value,
                "until": clock.until.value,
            }
            for clock in contract.clocks
        ],
        "sections": [
            {
                "title": language.render(section.title),
                "rows": [
                    [language.render(label) if label else "", language.render(text)]
                    for label, text in section.rows
                ],
            }
            for section in explained.sections
        ],
    }


def _print(explained: "Summary", language: "Translator") -> None:
    from rich.console import Console
    from rich.table import Table

    from scudo_agent.text import T

    console = Console(highlight=False, markup=False, emoji=False)
    contract = explained.contract
    console.print(f"{contract.title} ({contract.id})", style="bold")
    width = min(_WIDEST_LABEL, max(map(len, _labels(explained, language))))
    for section in explained.sections:
        console.print()
        console.print(language.render(section.title), style="bold")
        table = Table.grid(padding=(0, 2))
        table.add_column(width=width, overflow="fold")
        table.add_column(overflow="fold")
        for label, text in section.rows:
            table.add_row(
                language.render(label) if label else "", language.render(text)
            )
        console.print(table)
    console.print()
    title = T("Holidays and half-days of the coming twelve months")
    console.print(language.render(title), style="bold")
    _print_feasts(console, explained.feasts, language)


def _labels(explained: "Summary", language: "Translator") -> list[str]:
    rows = (row for section in explained.sections for row in section.rows)
    return [language.render(label) if label else "" for label, _ in rows]


def _print_feasts(
    console: "Console", feasts: "tuple[Feast, ...]", language: "Translator"
) -> None:
    from rich.table import Table

    from scudo_agent.contract.summary_words import DAYS
    from scudo_agent.text import T

    if not feasts:
        console.print(language.render(T("none")))
        return
    table = Table.grid(padding=(0, 2))
    for feast in feasts:
        day = language.render(T("{date}", date={"date": feast.day.isoformat()}))
        half = language.render(T("half-day")) if feast.half else ""
        table.add_row(
            language.render(DAYS[feast.day.weekday()]),
            day,
            feast.name or half,
            feast.hours or language.render(T("no service")),
        )
    console.print(table)
