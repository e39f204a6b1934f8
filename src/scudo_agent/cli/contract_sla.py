"""`scudo-agent contract sla`: when the clocks of a request are due (`domain.md` 6)."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scudo_agent.cli.contract import add_file, add_language

if TYPE_CHECKING:
    from scudo_agent.contract.calendar import Calendar
    from scudo_agent.contract.hours import TicketFacts
    from scudo_agent.contract.model import ClockRule, Contract
    from scudo_agent.instant import Instant
    from scudo_agent.locale import Translator
    from scudo_agent.text import Text

_OPTIONS = {
    "severity": "--severity",
    "category": "--category",
    "origin": "--origin",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is known of the request; the rest is left out."""
    add_file(parser)
    parser.add_argument(
        "--opened",
        required=True,
        metavar="T",
        help="when it was received, with an offset: 2026-04-03T16:30:00+02:00",
    )
    parser.add_argument("--category", metavar="C", help="what it is about")
    parser.add_argument(
        "--severity", type=int, choices=(1, 2, 3), help="its severity code"
    )
    parser.add_argument("--origin", metavar="O", help="how it came in, such as Mail")
    parser.add_argument(
        "--card",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether a card with usable credits stands behind it; default: yes",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    """Print the clocks that apply, in file order; stderr names those left out."""
    from scudo_agent.config.contract_file import read_contract
    from scudo_agent.contract.calendar import Calendar
    from scudo_agent.contract.clocks import applies, due, starts
    from scudo_agent.contract.hours import TicketFacts
    from scudo_agent.locale import translator

    contract = read_contract(args.file)
    opened = _opened(args.opened)
    _known(contract, args)
    facts = TicketFacts(
        severity=args.severity,
        category=args.category,
        origin=args.origin,
        card=args.card,
    )
    calendar = Calendar(contract)
    clocks = [
        (clock, due(calendar, clock, opened, facts))
        for clock in contract.clocks
        if starts(contract, facts) and applies(clock, facts)
    ]
    for line in _left_out(contract, facts):
        print(line, file=sys.stderr)
    if args.json:
        entries = [{"name": c.name, "due": calendar.text(at)} for c, at in clocks]
        print(json.dumps({"clocks": entries}, indent=2, ensure_ascii=False))
    else:
        _print(calendar, opened, clocks, translator(args.language))
    return 0


def _opened(text: str) -> "Instant":
    from scudo_agent.config.contract_fields import YEARS
    from scudo_agent.errors import InputError
    from scudo_agent.instant import parse_instant, to_datetime

    try:
        opened = parse_instant(text)
    except InputError as exc:
        raise InputError(f"--opened: {exc}") from None
    if to_datetime(opened).year not in YEARS:
        raise InputError(f"--opened: {text} is not between {YEARS[0]} and {YEARS[-1]}")
    return opened


def _known(contract: "Contract", args: argparse.Namespace) -> None:
    """Refuse an origin that is none, a category where the contract lists its own."""
    from typing import get_args

    from scudo_agent.config.contract_shape import Origin

    one_of("--origin", args.origin, get_args(Origin), there="origins are")
    categories = [category.id for category in contract.requests.categories]
    if categories:
        there = f"{contract.id} has"
        one_of("--category", args.category, categories, there=there)


def one_of(
    option: str, word: str | None, known: "list[str] | tuple[str, ...]", *, there: str
) -> None:
    """Raise `InputError` for a word that is none of those known."""
    from scudo_agent.config.suggest import or_choices
    from scudo_agent.errors import InputError

    if word is not None and word not in known:
        hint = or_choices(word, known, there=there)
        raise InputError(f"{option}: '{word}' is not known{hint}")


def _left_out(contract: "Contract", facts: "TicketFacts") -> Iterator[str]:
    from scudo_agent.contract.clocks import starts
    from scudo_agent.contract.hours import unanswered

    if not starts(contract, facts):
        origins = ", ".join(sorted(contract.requests.clocks_for))
        yield f"no clock runs for {facts.origin}; they run for {origins}"
        return
    for clock in contract.clocks:
        if missing := unanswered(clock.when, facts):
            yield f"clock '{clock.name}' is left out: {_asks(missing)}"
    for extra in contract.service_hours.extra:
        if missing := unanswered(extra.when, facts):
            yield f"extra hours are left out: {_asks(missing, many=True)}"


def _asks(missing: tuple[str, ...], *, many: bool = False) -> str:
    options = " and ".join(_OPTIONS[name] for name in missing)
    return f"{'they ask' if many else 'it asks'} for {options}, not given"


def _print(
    calendar: "Calendar",
    opened: "Instant",
    clocks: "list[tuple[ClockRule, Instant]]",
    speaks: "Translator",
) -> None:
    from rich.console import Console
    from rich.table import Table

    from scudo_agent.text import T

    contract = calendar.contract
    console = Console(highlight=False, markup=False, emoji=False)
    received = T("received {when}", when=_when(opened, calendar, speaks))
    console.print(f"{contract.title} ({contract.id}), {speaks.render(received)}")
    if not clocks:
        console.print(speaks.render(T("no clock applies")))
        return
    heads = (T("CLOCK"), T("WITHIN"), T("UNTIL"), T("DUE"))
    table = Table(*map(speaks.render, heads), box=None, pad_edge=False)
    for clock, at in clocks:
        within, until = (speaks.render(text) for text in _promise(clock))
        table.add_row(clock.name, within, until, _when(at, calendar, speaks))
    console.print(table)


def _promise(clock: "ClockRule") -> "tuple[Text, Text]":
    """Within how much working time, until what."""
    from scudo_agent.contract.model import Unit, Until
    from scudo_agent.text import TN, T

    if clock.unit is Unit.HOURS:
        within = TN("{n} working hour", "{n} working hours", n=clock.within)
    else:
        within = TN("{n} working day", "{n} working days", n=clock.within)
    words = {
        Until.TAKEN: T("taken"),
        Until.ANSWERED: T("answered"),
        Until.PROCESSED: T("processed"),
        Until.RESOLVED: T("resolved"),
    }
    return within, words[clock.until]


def _when(at: "Instant", calendar: "Calendar", speaks: "Translator") -> str:
    """`Tue 2026-04-07 11:30`, with the day in the reader's language."""
    from babel.dates import format_date

    from scudo_agent.locale.formats import babel_locale, local

    there = local(at, calendar.contract.timezone)
    name = format_date(there, "EEE", locale=babel_locale(speaks.language))
    return f"{name} {calendar.day_time(at).partition(' ')[2]}"
