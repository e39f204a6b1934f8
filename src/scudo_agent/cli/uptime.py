"""`scudo-agent uptime`: the account of the contract year, from the agent's store.

Contracted services have the account of `contract uptime`, to the digit; of the others
there are raw seconds, without a percentage: nothing was promised of them.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.common import (
    add_site,
    left_lines,
    load_site,
    open_store,
    running,
    state_folder,
)
from scudo_agent.cli.contract import add_language

if TYPE_CHECKING:
    from scudo_agent.agent.document import Document
    from scudo_agent.agent.uptime import Evidence
    from scudo_agent.config.site import Service, Site
    from scudo_agent.contract.account import Account
    from scudo_agent.instant import Instant
    from scudo_agent.store.read import StoreReader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `uptime`."""
    add_site(parser)
    parser.add_argument("--service", metavar="S", help="only this service")
    parser.add_argument(
        "--at", metavar="T", help="as known at this instant (RFC 3339); default: now"
    )
    parser.add_argument(
        "--year",
        type=int,
        metavar="YYYY",
        help="the contract year that starts in YYYY; default: the one that contains T",
    )
    parser.add_argument(
        "--month", metavar="M", help="the figures of a month beside the year's: 2026-11"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="why each second is excluded or not, and what each outage costs",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="as JSON")
    shown.add_argument("--csv", action="store_true", help="as CSV, one line a service")
    files = (
        ("--statement", "OUT.json", "write the account with all it was computed from"),
        ("--html", "OUT.html", "write it as a page with its charts"),
        ("--history-jsonl", "OUT", "write what 'contract uptime --history' reads"),
        ("--windows-jsonl", "OUT", "write what 'contract uptime --windows' reads"),
    )
    for option, name, text in files:
        parser.add_argument(option, type=Path, metavar=name, help=text)
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    """Print the account of each service, and write the files asked for."""
    from scudo_agent.cli import uptime_screen as screen

    found = _found(args)
    _write(args, found)
    if args.json:
        screen.print_json(found.documents)
    elif args.csv:
        screen.print_csv(found.documents)
    else:
        screen.show(args, found)
        for line in left_lines(found.site, state_folder(args), args.language):
            print(line)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What there is to show; `evidence` is None without a contract."""

    site: "Site"
    at: str
    year: int | None
    evidence: "Evidence | None"
    accounts: "list[Account]"
    raw: "list[Document]"
    documents: "list[Document]"


def _found(args: argparse.Namespace) -> Found:
    from scudo_agent.agent.contracts import with_kept
    from scudo_agent.clock import SystemClock
    from scudo_agent.config.json_lines import checked_instant

    site = load_site(args)
    services = _services(args.service, site)
    asked = checked_instant(args.at) if args.at else None
    reader = open_store(site, state_folder(args))
    try:
        live = reader.liveness() if running(state_folder(args)) else None
        now = live.at if live is not None else SystemClock().wall()
        at = now if asked is None else asked
        return _account(args, with_kept(site, reader), reader, services, at=at)
    finally:
        reader.close()


def _services(asked: str | None, site: "Site") -> "list[Service]":
    from scudo_agent.errors import InputError

    if asked is not None and asked not in site.services:
        known = ", ".join(site.services) or "none"
        raise InputError(f"'{asked}' is no service of {site.id}; it has {known}")
    return [one for one in site.services.values() if asked in (None, one.id)]


def _account(
    args: argparse.Namespace,
    site: "Site",
    reader: "StoreReader",
    services: "list[Service]",
    *,
    at: "Instant",
) -> Found:
    from scudo_agent.agent.stored import raw_uptime, with_left
    from scudo_agent.agent.uptime import account_document, accounts, evidence
    from scudo_agent.contract.calendar import Calendar
    from scudo_agent.instant import format_instant

    contracted = [one for one in services if one.contracted]
    given = evidence(site, reader, contracted, at=at)
    said, year = args.at or format_instant(at), args.year
    found: list[Account] = []
    documents: dict[str, Document] = {}
    if given is not None:
        calendar = Calendar(given.contract.contract)
        year = _year(args, calendar, at)
        found = accounts(given, contracted, at=said, year=year)
        documents = {
            account.service: account_document(
                account, service, calendar, at=said, month=args.month
            )
            for account, service in zip(found, contracted, strict=True)
        }
    elif args.year is not None or args.month is not None:
        raise _no_contract(site)
    since = found[0].period[0] if found else _year_start(site, reader, at)
    until = found[0].period[1] if found else at
    raw = [
        one
        for one in raw_uptime(site, reader, since, until)
        if one["service"] not in documents
        and one["service"] in {s.id for s in services}
    ]
    documents |= {one["service"]: one for one in raw}
    ordered = [documents[one.id] for one in services]
    return Found(
        site=site,
        at=said,
        year=year,
        evidence=given,
        accounts=found,
        raw=raw,
        documents=with_left(ordered, site, reader, at),
    )


def _year(args: argparse.Namespace, calendar: Any, at: "Instant") -> int | None:
    from scudo_agent.contract.part import year_of_month

    if args.month is None or args.year is not None:
        year: int | None = args.year
        return year
    return year_of_month(calendar, args.month, at)


def _year_start(site: "Site", reader: "StoreReader", at: "Instant") -> "Instant":
    """The contract year's start; without a contract file, the first start."""
    from scudo_agent.contract.year import contract_year

    if site.contract is not None:
        return contract_year(site.contract, at)[0]
    runs = reader.runs()
    return min(runs[0].at, at) if runs else at


def _no_contract(site: "Site") -> Exception:
    from scudo_agent.errors import InputError

    return InputError(
        f"{site.id} has no contract here: there is no account, page or statement, "
        "only raw seconds; name it under 'contract' in the site file"
    )


def _write(args: argparse.Namespace, found: Found) -> None:
    """The files: what is exported, and the statement in its two forms."""
    import json

    from scudo_agent.agent.uptime import statement_of
    from scudo_agent.cli.contract_statement import write_page, write_statement
    from scudo_agent.config.window_file import about

    wanted = (args.statement, args.html, args.history_jsonl, args.windows_jsonl)
    if wanted == (None,) * 4:
        return
    given = found.evidence
    if given is None:
        raise _no_contract(found.site)
    history = given.history
    for path, body in (
        (args.history_jsonl, history.body),
        (args.windows_jsonl, about(given.windows.body, history.services)),
    ):
        if path is not None:
            lines = (json.dumps(one, ensure_ascii=False) for one in body)
            write_text(path, "".join(f"{line}\n" for line in lines))
    if args.statement is None and args.html is None:
        return
    made = statement_of(
        given, found.accounts, at=found.at, year=found.year, month=args.month
    )
    if args.statement is not None:
        write_statement(made, args.statement)
    if args.html is not None:
        write_page(made, args.html, language=args.language)


def write_text(path: Path, text: str) -> None:
    """Write a file that may be there already; `InputError` if it cannot be."""
    from scudo_agent.errors import InputError

    try:
        path.write_text(text, "utf-8")
    except OSError as exc:
        raise InputError(f"{path}: cannot be written: {exc.strerror}") from None
