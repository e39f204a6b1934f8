"""What `scudo-agent uptime` prints: tables, JSON, CSV."""

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from scudo_agent.contract.exact import dumps
from scudo_agent.instant import SECOND, parse_instant
from scudo_agent.statement.words import STATE_WORDS, Words
from scudo_agent.text import T

if TYPE_CHECKING:
    from scudo_agent.cli.uptime import Found

_LEFT_OUT = ("title", "mutes", "pauses", "windows", "planned", "explanation")
"""What a line of CSV has no room for."""


def show(args: argparse.Namespace, found: "Found") -> None:
    """The accounts as tables, then what was measured where nothing was promised."""
    from scudo_agent.cli.contract_screen import AccountScreen

    if found.accounts:
        screen = AccountScreen(args.language)
        screen.show(
            found.accounts,
            explained=args.explain,
            month=args.month,
            hours=True,
        )
    if found.raw or not found.accounts:
        if found.accounts:
            print()
        words = Words(args.language, found.site.timezone)
        for line in _table(found.raw, words):
            print(line)


def print_json(documents: Sequence[Mapping[str, Any]]) -> None:
    """One object a service."""
    print(dumps(list(documents)))


def print_csv(documents: Sequence[Mapping[str, Any]]) -> None:
    """One line a service, one column a figure: `seconds_excluded_total`."""
    rows = [dict(_columns(one)) for one in documents]
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sys.stdout, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _columns(
    document: Mapping[str, Any], before: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if not before and key in _LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            yield from _columns(value, f"{before}{key}_")
        elif value is None:
            yield before + key, ""
        elif isinstance(value, bool):
            yield before + key, str(value).lower()
        else:
            yield before + key, value


def _table(accounts: Sequence[Mapping[str, Any]], words: Words) -> list[str]:
    """What was measured of services of which nothing was promised."""
    say = words.say
    if not accounts:
        return [say(T("the site has no services"))]
    since, until = (
        words.stamp(parse_instant(accounts[0][key])) for key in ("since", "until")
    )
    lines = [
        say(T("measured from {since} to {until}, nothing excluded", since=since,
              until=until))
    ]  # fmt: skip
    heads = (T("service"), T("elapsed"), *STATE_WORDS.values(), T("coverage"))
    rows = [[say(head) for head in heads]]
    for account in accounts:
        spent = account["seconds"]
        lengths = (spent["elapsed"], *(spent[state.value] for state in STATE_WORDS))
        rows.append(
            [
                account["service"],
                *(words.length(Fraction(one) * SECOND) for one in lengths),
                words.percent(Fraction(account["coverage"])),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [
            text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)
        ]
        lines.append("  ".join(cells))
    return lines
