"""`scudo-agent uptime`: raw seconds since the contract year began.

No percentage: what counts is the contract engine's to say, not a ratio of
seconds (`domain.md` 3).
"""

import argparse
import json
from typing import Any

from scudo_agent.cli.common import (
    add_site,
    left_lines,
    load_site,
    open_store,
    running,
    state_folder,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `uptime`."""
    add_site(parser)
    parser.add_argument("--service", metavar="S", help="only this service")
    parser.add_argument(
        "--at", metavar="T", help="as known at this instant (RFC 3339); default: now"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the account of each service."""
    accounts = _accounts(args)
    if args.json:
        print(json.dumps(accounts, indent=2, ensure_ascii=False))
        return 0
    for line in (*_table(accounts), *left_lines(load_site(args), state_folder(args))):
        print(line)
    return 0


def _accounts(args: argparse.Namespace) -> list[dict[str, Any]]:
    from scudo_agent.agent.contracts import with_kept
    from scudo_agent.agent.stored import raw_uptime
    from scudo_agent.clock import SystemClock
    from scudo_agent.errors import InputError
    from scudo_agent.instant import parse_instant

    site = load_site(args)
    if args.service is not None and args.service not in site.services:
        known = ", ".join(site.services) or "none"
        raise InputError(f"'{args.service}' is no service of {site.id}; it has {known}")
    asked = parse_instant(args.at) if args.at else None
    reader = open_store(site, state_folder(args))
    try:
        live = reader.liveness() if running(state_folder(args)) else None
        now = live.at if live is not None else SystemClock().wall()
        at = now if asked is None else asked
        since = _year_start(with_kept(site, reader), reader, at)
        accounts = raw_uptime(site, reader, since, at)
    finally:
        reader.close()
    return [a for a in accounts if args.service in (None, a["service"])]


def _year_start(site: Any, reader: Any, at: Any) -> Any:
    """The contract year's start; without a contract file, the first start."""
    from scudo_agent.contract.year import contract_year

    if site.contract is not None:
        return contract_year(site.contract, at)[0]
    runs = reader.runs()
    return min(runs[0].at, at) if runs else at


def _table(accounts: list[dict[str, Any]]) -> list[str]:
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
