"""What `scudo-agent uptime` prints: tables, JSON, CSV."""

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scudo_agent.contract.exact import dumps

if TYPE_CHECKING:
    from scudo_agent.cli.uptime import Found

_LEFT_OUT = ("title", "mutes", "pauses", "windows", "explanation")
"""What a line of CSV has no room for."""


def show(args: argparse.Namespace, found: "Found") -> None:
    """The accounts as tables, then raw seconds of what nothing was promised of."""
    from scudo_agent.cli.contract_screen import AccountScreen

    if found.accounts:
        screen = AccountScreen(args.language)
        screen.show(
            found.accounts,
            found.at,
            explained=args.explain,
            month=args.month,
            hours=True,
        )
    if found.raw or not found.accounts:
        if found.accounts:
            print()
        for line in _table(found.raw):
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


def _table(accounts: Sequence[Mapping[str, Any]]) -> list[str]:
    if not accounts:
        return ["the site has no services"]
    states = ("elapsed", "up", "degraded", "down", "unknown")
    head = ["SERVICE", *(f"{s.upper()} s" for s in states), "COVERAGE"]
    rows = [head]
    for account in accounts:
        spent = account["seconds"]
        # Truncated, not rounded: coverage is never overstated.
        share = int(account["coverage"] * 1_000_000) / 10_000
        rows.append(
            [account["service"], *(f"{spent[s]:.0f}" for s in states), f"{share:.4f} %"]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        f"since {accounts[0]['since']}, until {accounts[0]['until']}; raw seconds, "
        "nothing excluded"
    ]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [
            text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)
        ]
        lines.append("  ".join(cells))
    return lines
