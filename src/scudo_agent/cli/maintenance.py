"""`scudo-agent maintenance`: windows at the desk: add, list, move, cancel, explain."""

import argparse
import getpass
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from scudo_agent.cli.common import add_site, load_for_desk
from scudo_agent.cli.verbs import AnyOrder
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.instant import Instant, parse_instant

if TYPE_CHECKING:
    from scudo_agent.cli.desk_door import Door
    from scudo_agent.config.site import Site
    from scudo_agent.contract.model import Contract

KINDS = ("ordinary", "extraordinary", "upgrade", "occasional")

_RULES = "'first saturday 22:00-02:00', 'every sunday 01:00-05:00', 'last day …'"


_ID = re.compile(r"M[WS]-", re.IGNORECASE)
"""How ids of windows and of series begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The site that is meant, its desk and its contract, as far as it is known."""

    site: "Site"
    door: "Door"
    contract: "Contract | None"

    @property
    def zone(self) -> str:
        """The zone of wall times: the contract's, else the site's."""
        return self.contract.timezone if self.contract else self.site.timezone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, parser_class=AnyOrder
    )
    _add_arguments(actions.add_parser("add", help="announce a window or a series"))
    listing = actions.add_parser("list", help="the windows and where they stand")
    listing.add_argument("--all", action="store_true", help="also what is over")
    add_site(listing, positional=True)
    _json(listing)
    moving = actions.add_parser("move", help="announce another span of a window")
    _named(moving)
    _span(moving, needed=True)
    moving.add_argument("--peak-notice", metavar="T", help="when the customer told")
    _asking(moving)
    cancelling = actions.add_parser("cancel", help="call off a window or a series")
    _named(cancelling)
    cancelling.add_argument("--reason", required=True, help="what the customer reads")
    _asking(cancelling)
    correcting = actions.add_parser(
        "correct", help="note what was otherwise; it is shown apart"
    )
    _named(correcting)
    correcting.add_argument("--change", required=True, help="what was otherwise")
    correcting.add_argument("--reason", required=True, help="why it is noted now")
    _asking(correcting)
    explaining = actions.add_parser(
        "explain", help="what a window excludes by the contract, and why"
    )
    _named(explaining)
    explaining.add_argument("--language", choices=("en", "it"), default="en")
    _json(explaining)
    exporting = actions.add_parser("export", help="the windows as an iCalendar file")
    exporting.add_argument(
        "--jsonl", action="store_true", help="as 'contract uptime --windows' reads it"
    )
    exporting.add_argument("--out", type=Path, metavar="FILE", help="default: stdout")
    add_site(exporting, positional=True)
    _json(exporting)


def run(args: argparse.Namespace) -> int:
    """Do one action."""
    from scudo_agent.cli.maintenance_actions import ACTIONS

    named = getattr(args, "id", None)
    if named and args.site and _ID.match(str(args.site)) and not _ID.match(named):
        # As it was written once, and as people go on writing it: ID SITE.
        args.id, args.site = str(args.site), Path(named)
    return ACTIONS[args.action](args, open_case(args))


def open_case(args: argparse.Namespace) -> Case:
    """The site, its desk and its contract; errors say what to do."""
    from scudo_agent.cli.desk_door import open_door
    from scudo_agent.config.contract_file import contract_of_data

    site = load_for_desk(args)
    door = open_door(args, site)
    contract = site.contract
    if contract is None and (found := door.find("/contract")) is not None:
        contract = contract_of_data(found["body"], name=str(found["contract_id"]))
    return Case(site=site, door=door, contract=contract)


def instant_of(text: str, option: str, zone: str) -> Instant:
    """An instant of the command line; one without offset is told with the right one."""
    try:
        return parse_instant(text)
    except InputError as exc:
        right = _with_offset(text, zone)
        if right is None:
            raise InputError(f"{option}: {exc}") from None
        raise InputError(
            f"{option}: '{text}' has no offset; in {zone} that is {right}"
        ) from None


def day_of(text: str, option: str) -> date:
    """A day of the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option}: '{text}' is no day such as 2027-06-30") from None


def by(args: argparse.Namespace) -> str:
    """Who asks: as said, else the user of this machine."""
    if args.by:
        return str(args.by)
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def confirmed(args: argparse.Namespace, question: str) -> bool:
    """Whether the person wants it; `InputError` when nobody can be asked."""
    if args.yes:
        return True
    if not sys.stdin.isatty():
        raise InputError("nobody can be asked here: say --yes to go on")
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def print_json(document: Any) -> None:
    """For programs."""
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _with_offset(text: str, zone: str) -> str | None:
    """What a wall time without offset would be with one; None if it is none."""
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        return None
    if wall.tzinfo is not None:
        return wall.isoformat()
    return wall.replace(tzinfo=ZoneInfo(zone)).isoformat()


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_site(parser, positional=True)
    parser.add_argument("--kind", required=True, choices=KINDS)
    parser.add_argument(
        "--services", required=True, metavar="A,B", help="ids, or '*' for all"
    )
    _span(parser, needed=False)
    parser.add_argument("--reason", required=True, help="what the customer reads")
    parser.add_argument(
        "--peak-notice", metavar="T", help="of an upgrade: when the customer told"
    )
    parser.add_argument("--every", metavar="RULE", help=f"a series: {_RULES}")
    parser.add_argument("--from", dest="first", metavar="DAY", help="default: today")
    parser.add_argument("--until", metavar="DAY", help="last day of the series")
    parser.add_argument(
        "--each", action="store_true", help="one mail for each occurrence"
    )
    _asking(parser)


def _span(parser: argparse.ArgumentParser, *, needed: bool) -> None:
    for word in ("--start", "--end"):
        parser.add_argument(
            word, required=needed, metavar="T", help="such as 2026-12-05T22:00:00+01:00"
        )


def _named(parser: argparse.ArgumentParser) -> None:
    """`[SITE] ID`, the site first as everywhere."""
    add_site(parser, positional=True)
    parser.add_argument("id", metavar="ID", help="such as MW-7F3K-9QZ2")


def _asking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="NAME", help="who asks; default: this user")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    _json(parser)


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def services_of(text: str) -> Sequence[str]:
    """`erp,crm` as ids."""
    names = [one.strip() for one in text.split(",") if one.strip()]
    if not names:
        raise InputError("--services: name at least one, or '*' for all")
    return names


def unknown(name: str) -> ScudoError:
    """There is no such window."""
    return InputError(f"{name}: the desk has no such window for this site")
