"""`scudo-agent statement`: what the desk states of a month or a contract year."""

import argparse
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.common import add_site, load_for_desk

if TYPE_CHECKING:
    from scudo_agent.cli.desk_door import Door


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The site, the period, where to write it."""
    add_site(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--month", metavar="M", help="of a calendar month: 2026-11")
    which.add_argument(
        "--year", metavar="Y", help="of the contract year that starts in Y"
    )
    parser.add_argument("--revision", type=int, metavar="N", help="an earlier one")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="F.json",
        help="write it; 'contract uptime --verify' recomputes it",
    )
    parser.add_argument("--html", type=Path, metavar="F.html", help="write the page")
    parser.add_argument(
        "--language", choices=("it", "en"), help="of the page; default: the customer's"
    )
    parser.add_argument(
        "--correct",
        action="store_true",
        help="have a closed period stated anew from what is known now",
    )
    parser.add_argument("--reason", metavar="TEXT", help="why it is corrected")
    parser.add_argument("--by", metavar="NAME", help="who corrects it")


def run(args: argparse.Namespace) -> int:
    """List what was stated, or fetch one statement."""
    from scudo_agent.cli.desk_door import open_door
    from scudo_agent.errors import InputError

    site = load_for_desk(args)
    door = open_door(args, site)
    period = args.month or args.year
    if period is None:
        if args.json or args.html or args.correct or args.revision:
            raise InputError("say which one: --month 2026-11 or --year 2026")
        return _list(door)
    body, revision = _fetch(args, door, period)
    stated = _read(body, period)
    if args.json is not None:
        _write(args.json, body)
    if args.html is not None:
        from scudo_agent.statement.render import render_statement

        language = args.language or site.customer.language
        _write(args.html, render_statement(stated, language=language).encode())
    _say(period, revision, stated)
    return 0


def _list(door: "Door") -> int:
    found = door.get("/statements").json()
    if not found:
        print("nothing was stated yet: a period is stated when it is over")
    for one in found:
        why = f", {one['why']}" if one["why"] else ""
        print(
            f"{one['period']}  revision {one['revision']}  {one['made']}  "
            f"{one['by']}{why}  sha256 {one['sha256']}"
        )
    return 0


def _fetch(args: argparse.Namespace, door: "Door", period: str) -> tuple[bytes, int]:
    from scudo_agent.errors import InputError

    if args.correct:
        if not args.reason:
            raise InputError("--correct needs --reason TEXT: the customer reads it")
        body = {"by": args.by or getpass.getuser(), "reason": args.reason}
        reply = door.ask(f"/statements/{period}/corrections", body)
    else:
        query = f"?revision={args.revision}" if args.revision else ""
        reply = door.get(f"/statements/{period}{query}")
    return reply.content, int(reply.headers["X-Statement-Revision"])


def _read(body: bytes, period: str) -> dict[str, Any]:
    from scudo_agent.contract.exact import loads
    from scudo_agent.errors import ScudoError

    try:
        found = loads(body)
    except ValueError as exc:
        raise ScudoError(f"{period}: the desk sent no statement: {exc}") from None
    if not isinstance(found, dict):
        raise ScudoError(f"{period}: the desk sent no statement")
    return found


def _write(path: Path, content: bytes) -> None:
    from scudo_agent.errors import ScudoError

    try:
        path.write_bytes(content)
    except OSError as exc:
        raise ScudoError(f"{path}: cannot be written: {exc.strerror}") from None
    print(f"{path}: written")


def _say(period: str, revision: int, stated: dict[str, Any]) -> None:
    what = f"revision {revision}" if revision else "so far: it is not closed yet"
    print(f"{period}, {what}, as known at {stated['inputs']['at']}")
    for one in stated["figures"]:
        part = one.get("month") or one
        availability = part["availability"]
        shown = "-" if availability is None else f"{availability * 100:.4f} %"
        lost = part["seconds"]["down_counted"]
        print(f"  {one['service']}: {shown}, {lost} s counted as down")
    print(f"sha256 {stated['sha256']}")
