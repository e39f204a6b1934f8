"""`scudo-agent contract cost`: what an intervention costs (`domain.md` 7, 9)."""

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.contract import add_file, add_language

if TYPE_CHECKING:
    from scudo_agent.contract.billing import Bill
    from scudo_agent.contract.model import Contract
    from scudo_agent.locale import Translator

_MOST = 525_600
"""Minutes of a year: no intervention lasts longer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The intervention, and the customer's cards."""
    add_file(parser)
    parser.add_argument(
        "--minutes",
        required=True,
        metavar="N",
        help="minutes of work, started ones whole",
    )
    parser.add_argument(
        "--on", required=True, metavar="DATE", help="local date on which it starts"
    )
    parser.add_argument("--category", metavar="C", help="what it is about")
    parser.add_argument(
        "--cards", type=Path, metavar="CARDS.json", help="the customer's cards"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    """Print credits and lines with what they add up to."""
    from scudo_agent.config.cards_file import read_cards
    from scudo_agent.config.contract_file import read_contract
    from scudo_agent.contract.billing import cost
    from scudo_agent.locale import translator

    contract = read_contract(args.file)
    cards = read_cards(args.cards) if args.cards else ()
    minutes, on = _minutes(args.minutes), _date(args.on)
    _category(contract, args.category)
    bill = cost(contract, minutes, on=on, category=args.category, cards=cards)
    if args.json:
        document = _document(bill, translator(args.language))
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(contract, bill, translator(args.language))
    return 0


def _minutes(text: str) -> int:
    from scudo_agent.errors import InputError

    # isdecimal() alone would take the digits of other scripts too.
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InputError(
            f"--minutes: '{text[:40]}' is not a whole number of minutes, 0 or more"
        )
    if int(text) > _MOST:
        raise InputError(f"--minutes: {text} are more than a year, which has {_MOST}")
    return int(text)


def _date(text: str) -> date:
    from scudo_agent.config.contract_fields import YEARS
    from scudo_agent.errors import InputError

    try:
        if len(text) != len("2026-01-01"):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"--on: '{text[:40]}' is not a date such as 2026-01-01"
        ) from None
    if day.year not in YEARS:
        raise InputError(f"--on: {day} is not between {YEARS[0]} and {YEARS[-1]}")
    return day


def _category(contract: "Contract", category: str | None) -> None:
    from scudo_agent.cli.contract_sla import one_of
    from scudo_agent.contract.model import HourlyBilling

    listed = [one.id for one in contract.requests.categories]
    if listed:
        one_of("--category", category, listed, there=f"{contract.id} has")
    if category is None and isinstance(contract.billing, HourlyBilling):
        print("no --category is given: nothing counts as included", file=sys.stderr)


def _document(bill: "Bill", words: "Translator") -> dict[str, Any]:
    return {
        "minutes": bill.minutes,
        "credits": [
            {"card": use.card, "used": use.used, "left": use.left}
            for use in bill.credits
        ],
        "net": str(bill.net),
        "vat": str(bill.vat),
        "gross": str(bill.gross),
        "lines": [
            {"text": words.render(line.text), "net": str(line.net)}
            for line in bill.lines
        ],
    }


def _print(contract: "Contract", bill: "Bill", words: "Translator") -> None:
    from rich.console import Console
    from rich.table import Table

    from scudo_agent.contract.billing import VAT_PERCENT
    from scudo_agent.text import TN, T

    console = Console(highlight=False, markup=False, emoji=False)
    length = TN("{n} minute of work", "{n} minutes of work", n=bill.minutes)
    console.print(f"{contract.title} ({contract.id}): {words.render(length)}")
    if bill.credits:
        heads = (T("Card"), T("Credits used"), T("Credits left"))
        table = Table(box=None, pad_edge=False)
        for place, head in enumerate(heads):
            table.add_column(words.render(head), justify="right" if place else "left")
        for use in bill.credits:
            table.add_row(use.card, str(use.used), str(use.left))
        console.print(table)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    for line in bill.lines:
        table.add_row(words.render(line.text), words.euro(float(line.net)))
    vat = T("VAT {percent} %", percent=VAT_PERCENT)
    for head, amount in (
        (T("Net"), bill.net),
        (vat, bill.vat),
        (T("Total"), bill.gross),
    ):
        table.add_row(words.render(head), words.euro(float(amount)))
    console.print(table)
