"""`scudo-agent contract uptime`: the account of a contract year (`domain.md` 3, 9)."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.contract import add_language

if TYPE_CHECKING:
    from scudo_agent.config.contract_file import SoundContract
    from scudo_agent.config.history_file import History
    from scudo_agent.config.window_file import WindowFile
    from scudo_agent.contract.account import Account
    from scudo_agent.text import Text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files, the instant, what to show and what to write."""
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="the contract file; with --verify it may be left out",
    )
    parser.add_argument(
        "--history", type=Path, metavar="H.jsonl", help="one state change a line"
    )
    parser.add_argument(
        "--windows", type=Path, metavar="W.jsonl", help="one maintenance window a line"
    )
    parser.add_argument(
        "--at",
        metavar="T",
        help="as known at this instant, with an offset: 2026-07-01T00:00:00+02:00",
    )
    parser.add_argument(
        "--year",
        type=int,
        metavar="Y",
        help="the contract year that starts in Y; default: the one that contains T",
    )
    parser.add_argument(
        "--month",
        metavar="M",
        help="the figures of a month beside the year's: 2026-11",
    )
    parser.add_argument("--service", metavar="S", help="only this service")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument(
        "--explain",
        action="store_true",
        help="why each second is excluded or not, and what each outage costs",
    )
    parser.add_argument(
        "--statement",
        type=Path,
        metavar="OUT.json",
        help="write the account with all that it was computed from",
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="OUT.html",
        help="write the account, or the statement of --verify, as a page with charts",
    )
    parser.add_argument(
        "--corrects",
        type=Path,
        metavar="OLD.json",
        help="the statement that --statement corrects; needs --by and --reason",
    )
    parser.add_argument("--by", metavar="NAME", help="who corrects it")
    parser.add_argument("--reason", metavar="TEXT", help="why it is corrected")
    parser.add_argument(
        "--verify",
        type=Path,
        metavar="STATEMENT.json",
        help="recompute a statement from its own inputs; exit 1 if it was altered",
    )
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    """Print the accounts, or verify a statement."""
    from scudo_agent.cli.contract_statement import verify, write

    _together(args)
    if args.verify is not None:
        return verify(args)
    sound, history, windows = read_inputs(args.file, args.history, args.windows)
    services = _services(args.service, history, windows)
    if args.month is not None and args.year is None:
        args.year = _year_of_month(args, sound)
    accounts = _accounts(args, sound, history, windows, services)
    _warn(args, accounts, windows)
    if args.statement is not None or args.html is not None:
        write(args, sound, history, windows, accounts=accounts)
    if args.json:
        _print_json(args, accounts)
    else:
        from scudo_agent.cli.contract_screen import AccountScreen

        screen = AccountScreen(args.language)
        screen.show(accounts, explained=args.explain, month=args.month)
    return 0


def read_inputs(
    file: Path, history_file: Path | None, windows_file: Path | None
) -> "tuple[SoundContract, History, WindowFile]":
    """The three files, or `ConfigError` with the faults of all of them."""
    from scudo_agent.config.contract_file import sound
    from scudo_agent.config.history_file import History, read_history
    from scudo_agent.config.json_lines import shortened
    from scudo_agent.config.window_file import WindowFile, read_windows
    from scudo_agent.config.yaml_source import read
    from scudo_agent.errors import ConfigError, Fault

    contract: SoundContract | None = None
    faults: list[Fault] = []
    try:
        contract, faults = sound(read(file))
    except ConfigError as exc:
        faults = list(exc.faults)
    history, windows = History({}, []), WindowFile((), [])
    services = None
    if history_file is not None:
        history, wrong = read_history(history_file)
        faults = [*faults, *wrong]
        # Of lines that could not be read nobody knows which service they are about.
        services = None if wrong else history.services
    if windows_file is not None:
        windows, wrong = read_windows(windows_file, services=services)
        faults = [*faults, *wrong]
    if contract is None or faults:
        raise ConfigError(shortened(faults))
    return contract, history, windows


def _together(args: argparse.Namespace) -> None:
    """Refuse options that do not go together, and name those that are missing."""
    from scudo_agent.errors import InputError

    given = {name for name in _OTHERS if getattr(args, name) not in (None, False)}
    if args.verify is not None:
        if given:
            raise InputError(f"--verify has its own inputs: leave --{min(given)} out")
        return
    missing = [name for name in ("history", "at") if name not in given]
    if args.file is None or missing:
        first = "the contract file" if args.file is None else f"--{missing[0]}"
        raise InputError(f"{first} is missing: FILE --history H.jsonl --at T")
    correcting = {"corrects", "by", "reason"} & given
    if correcting and (len(correcting) < 3 or "statement" not in given):
        raise InputError(
            "a correction needs --statement OUT.json, --corrects OLD.json, --by NAME "
            "and --reason TEXT"
        )


_OTHERS = (
    "history", "windows", "at", "year", "month", "service", "explain", "statement",
    "corrects", "by", "reason",
)  # fmt: skip


def _services(
    asked: str | None, history: "History", windows: "WindowFile"
) -> list[str]:
    """Of the history and the windows, sorted, or the one asked for (`domain.md` 9)."""
    from scudo_agent.config.suggest import or_choices

    if asked is None:
        for stranger in windows.strangers:
            print(f"warning: {stranger}", file=sys.stderr)
        return sorted({*history.services, *windows.services})
    if asked not in history.services:
        near = or_choices(asked, history.services, there="it is about")
        print(
            f"the history has no line about '{asked}': all of its time is "
            f"unknown{near}",
            file=sys.stderr,
        )
    return [asked]


def _year_of_month(args: argparse.Namespace, sound: "SoundContract") -> int:
    """The contract year that a month is shown of."""
    from scudo_agent.config.json_lines import checked_instant
    from scudo_agent.contract.calendar import Calendar
    from scudo_agent.contract.part import year_of_month

    at = checked_instant(args.at)
    return year_of_month(Calendar(sound.contract), args.month, at)


def _accounts(
    args: argparse.Namespace,
    sound: "SoundContract",
    history: "History",
    windows: "WindowFile",
    services: list[str],
) -> "list[Account]":
    from scudo_agent.config.statement_file import accounts_of
    from scudo_agent.errors import InputError

    request = args.at, args.year
    try:
        return accounts_of(
            sound.contract, history, windows, request=request, services=services
        )
    except InputError as exc:
        raise InputError(f"--at {args.at}: {exc}") from None


def _warn(
    args: argparse.Namespace, accounts: "list[Account]", windows: "WindowFile"
) -> None:
    """What is amiss with the windows, on stderr."""
    from scudo_agent.contract.window_words import warnings
    from scudo_agent.contract.windows import WindowRules
    from scudo_agent.locale import translator

    if not accounts:
        return
    contract, at = accounts[0].contract, accounts[0].at
    covered = [
        one
        for one in windows.windows
        if any(one.covers(account.service) for account in accounts)
    ]
    for text in warnings(covered, WindowRules(contract), at=at):
        said = translator(args.language).render(text, zone=contract.timezone)
        print(said, file=sys.stderr)


def _print_json(args: argparse.Namespace, accounts: "list[Account]") -> None:
    from scudo_agent.contract.exact import dumps
    from scudo_agent.contract.explain import explain
    from scudo_agent.contract.figures import explanation, figures
    from scudo_agent.contract.windows import WindowRules
    from scudo_agent.locale import translator

    def say(text: "Text") -> str:
        zone = accounts[0].contract.timezone
        return translator(args.language).render(text, zone=zone)

    out: list[dict[str, Any]] = []
    for account in accounts:
        entry = figures(account, args.at, month=args.month)
        if args.explain:
            found = explain(account, WindowRules(account.contract))
            entry["explanation"] = explanation(found, account, say)
        out.append(entry)
    print(dumps(out))
