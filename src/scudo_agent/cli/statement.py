"""`scudo-agent statement`: what the desk states of a month or a contract year."""

import argparse
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.common import add_site, load_for_desk

if TYPE_CHECKING:
    from scudo_agent.cli.desk_door import Door
    from scudo_agent.statement.words import Words


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
        "--language",
        choices=("it", "en"),
        help="of the page (default: the customer's) and of what is printed "
        "(default: English)",
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
        return _list(door, _words(args, site.timezone))
    body, revision = _fetch(args, door, period)
    stated = _read(body, period)
    words = _words(args, _zone(stated, site.timezone))
    if args.json is not None:
        _write(args.json, body, words)
    if args.html is not None:
        from scudo_agent.cli.contract_statement import replaceable
        from scudo_agent.statement.render import render_statement

        language = args.language or site.customer.language
        page = render_statement(stated, language=language)
        if not replaceable(args.html):
            raise InputError(
                f"{args.html}: is there already and is no statement's page; "
                "name another file"
            )
        _write(args.html, page.encode(), words)
    _say(period, revision, stated, words)
    return 0


def _words(args: argparse.Namespace, zone: str) -> "Words":
    from scudo_agent.statement.words import Words

    return Words(args.language or "en", zone)


def _zone(stated: dict[str, Any], site_zone: str) -> str:
    """The contract's time zone: the statement's times are read in it."""
    return str(stated["inputs"]["contract"].get("timezone", site_zone))


def _list(door: "Door", words: "Words") -> int:
    from scudo_agent.instant import parse_instant
    from scudo_agent.text import T

    found = door.get("/statements").json()
    if not found:
        nothing = T("nothing was stated yet: a period is stated when it is over")
        print(words.say(nothing))
    for one in found:
        head = T(
            "{period}, revision {revision}, made {at} by {who}",
            period=one["period"],
            revision=one["revision"],
            at=words.stamp(parse_instant(one["made"])),
            who=one["by"],
        )
        why = f": {one['why']}" if one["why"] else ""
        print(f"{words.say(head)}{why}  sha256 {one['sha256']}")
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


def _write(path: Path, content: bytes, words: "Words") -> None:
    from scudo_agent.errors import ScudoError
    from scudo_agent.text import T

    try:
        path.write_bytes(content)
    except OSError as exc:
        raise ScudoError(f"{path}: cannot be written: {exc.strerror}") from None
    print(words.say(T("{path}: written", path=str(path))))


def _say(period: str, revision: int, stated: dict[str, Any], words: "Words") -> None:
    from fractions import Fraction

    from scudo_agent.instant import SECOND, parse_instant
    from scudo_agent.text import T

    at = words.stamp(parse_instant(stated["inputs"]["at"]))
    if revision:
        head = T("{period}, revision {revision}, as known at {at}", period=period,
                 revision=revision, at=at)  # fmt: skip
    else:
        head = T("{period} so far: it is not closed yet; as known at {at}",
                 period=period, at=at)  # fmt: skip
    print(words.say(head))
    for one in stated["figures"]:
        part = one.get("month") or one
        share = part["availability"]
        line = T(
            "{service}: available {share} of the time that counts, {down} of it down",
            service=one["service"],
            share=words.percent(None if share is None else Fraction(share)),
            down=words.length(Fraction(part["seconds"]["down_counted"]) * SECOND),
        )
        print(f"  {words.say(line)}")
    print(f"sha256 {stated['sha256']}")
