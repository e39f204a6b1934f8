"""Statements of account: written by `contract uptime --statement`, and verified."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scudo_agent.config.contract_file import SoundContract
    from scudo_agent.config.history_file import History
    from scudo_agent.config.window_file import WindowFile
    from scudo_agent.contract.account import Account


def write(
    args: argparse.Namespace,
    sound: "SoundContract",
    history: "History",
    windows: "WindowFile",
    *,
    accounts: "list[Account]",
) -> None:
    """Write a statement, and its page; a correction is the next revision."""
    from scudo_agent.config.statement_file import made
    from scudo_agent.contract.statement import Inputs

    inputs = Inputs(
        contract=sound.body,
        history=history.body,
        windows=windows.body,
        at=args.at,
        year=args.year,
        services=[account.service for account in accounts],
        month=args.month,
    )
    revision, corrects = _corrected(args, inputs, accounts)
    found = made(inputs, accounts, revision=revision, corrects=corrects)
    if args.statement is not None:
        write_statement(found, args.statement)
    if args.html is not None:
        write_page(found, args.html, language=args.language)


def write_statement(statement: "Mapping[str, Any]", path: Path) -> None:
    """Write a statement to a new file, whole or not at all, and say its digest."""
    import sys

    from scudo_agent.contract.exact import dumps
    from scudo_agent.errors import InputError

    try:
        file = path.open("x", encoding="utf-8")
        try:
            with file:
                file.write(dumps(statement) + "\n")
        except OSError:
            path.unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise InputError(
            f"{path}: is there already; a statement is never overwritten, "
            "name another file (a correction: --corrects)"
        ) from None
    except OSError as exc:
        raise InputError(f"{path}: cannot be written: {exc.strerror}") from None
    revision, digest = statement["revision"], statement["sha256"]
    print(f"{path}: revision {revision}, sha256 {digest}", file=sys.stderr)


def replaceable(path: Path) -> bool:
    """Whether no file is there, or a page that was written here before."""
    from scudo_agent.statement.render import MARK

    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        return True
    return not head or MARK.encode() in head


def write_page(statement: "Mapping[str, Any]", path: Path, *, language: str) -> None:
    """Write a statement's page; one that is there is drawn anew.

    `InputError` where another file stands there: who mistypes a name loses nothing.
    """
    from scudo_agent.errors import InputError
    from scudo_agent.statement.render import render_statement

    text = render_statement(statement, language=language)
    try:
        if not replaceable(path):
            raise InputError(
                f"{path}: is there already and is no statement's page; "
                "name another file"
            )
        path.write_text(text, "utf-8")
    except OSError as exc:
        raise InputError(f"{path}: cannot be written: {exc.strerror}") from None


def _corrected(
    args: argparse.Namespace, inputs: Any, accounts: "list[Account]"
) -> tuple[int, dict[str, Any] | None]:
    from scudo_agent.clock import SystemClock
    from scudo_agent.config.statement_file import read_statement
    from scudo_agent.contract.figures import figures
    from scudo_agent.contract.statement import correction
    from scudo_agent.instant import SECOND, Instant, format_instant

    if args.corrects is None:
        return 1, None
    before = read_statement(args.corrects)
    _sound(before, args.corrects)
    now = SystemClock().wall() // SECOND * SECOND
    corrects = correction(
        before,
        [figures(one, inputs.at, month=inputs.month) for one in accounts],
        by=args.by,
        reason=args.reason,
        at=format_instant(Instant(now)),
    )
    return before["revision"] + 1, corrects


def verify(args: argparse.Namespace) -> int:
    """Recompute a statement; exit 1 and the first difference if it was altered."""
    from scudo_agent.config.statement_file import read_statement
    from scudo_agent.contract.exact import dumps
    from scudo_agent.errors import ScudoError

    stated = read_statement(args.verify)
    found = _differences(stated, args.verify)
    if args.html is not None and not found:
        write_page(stated, args.html, language=args.language)
    others = [] if args.file is None else _other_contract(stated, args.file)
    if args.json:
        shown = [{"place": one.place, "said": str(one)} for one in found + others]
        print(dumps({"verified": not shown, "differences": shown}))
        return 1 if shown else 0
    _refuse(found, args.verify)
    if others:
        raise ScudoError(
            f"{args.verify}: every figure follows from its inputs, but its contract is "
            f"not that of {args.file}: {_first(others)}"
        )
    print(f"{_sound_words(args, stated)}\nsha256 {stated['sha256']}")
    return 0


def _sound_words(args: argparse.Namespace, stated: dict[str, Any]) -> str:
    from scudo_agent.locale import translator
    from scudo_agent.text import T

    speaks = translator(args.language)
    services = ", ".join(stated["inputs"]["services"])
    return speaks.render(
        T(
            "{path}: revision {revision} of {services}: every figure follows from its "
            "inputs",
            path=str(args.verify),
            revision=stated["revision"],
            services=services or speaks.render(T("no service")),
        )
    )


def _sound(stated: dict[str, Any], path: Path) -> None:
    """Only a statement that verifies is corrected."""
    _refuse(_differences(stated, path), path)


def _refuse(found: list[Any], path: Path) -> None:
    from scudo_agent.errors import ScudoError

    if found:
        raise ScudoError(f"{path}: was altered: {_first(found)}")


def _first(differences: list[Any]) -> str:
    """The first difference, and how many more there are."""
    more = len(differences) - 1
    if not more:
        return str(differences[0])
    noun = "difference" if more == 1 else "differences"
    return f"{differences[0]} (and {more} more {noun})"


def _differences(stated: dict[str, Any], path: Path) -> list[Any]:
    from scudo_agent.config.statement_file import recomputed
    from scudo_agent.contract.statement import altered

    return altered(stated, recomputed(stated, name=str(path)))


def _other_contract(stated: dict[str, Any], file: Path) -> list[Any]:
    """Where the contract in a file is not the one in the statement."""
    from scudo_agent.config.contract_file import sound
    from scudo_agent.config.yaml_source import read
    from scudo_agent.contract.statement import differences
    from scudo_agent.errors import ConfigError

    found, faults = sound(read(file))
    if found is None:
        raise ConfigError(faults)
    return list(differences(stated["inputs"]["contract"], found.body, "contract"))
