"""`scudo-agent contract …`: what a contract file promises, in figures (`domain.md` 9).

One module a subcommand, `cli/contract_<name>.py`, with `add_arguments` and `run`;
it is imported only when it is used. Nothing here needs a desk or a database.
"""

import argparse
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

SUBCOMMANDS = {
    "check": "explain a contract file, or tell what contradicts itself in it",
    "calendar": "each day of a year: working, half, holiday, hours, maintenance",
    "sla": "when each clock of a request is due",
    "cost": "what an intervention costs: credits, lines, VAT",
    "uptime": "the account of a contract year from a history of states",
    "window": "what a planned maintenance window would exclude",
}


class _Lazy(argparse.ArgumentParser):
    """A subcommand's parser: its arguments are added when it is used."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.module = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Import the subcommand's module, then parse."""
        if self.module:
            module = import_module(self.module)
            self.module = ""
            module.add_arguments(self)
            self.set_defaults(run=module.run)
        return super().parse_known_args(args, namespace)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands."""
    commands = parser.add_subparsers(
        dest="subcommand", metavar="SUBCOMMAND", required=True, parser_class=_Lazy
    )
    for name, text in SUBCOMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text)
        sub.module = f"scudo_agent.cli.contract_{name}"


def run(args: argparse.Namespace) -> int:
    """Never reached: each subcommand brings its own `run`."""
    raise AssertionError(f"subcommand {args.subcommand} has no run")


def add_file(parser: argparse.ArgumentParser) -> None:
    """The contract file, first argument of every subcommand."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="the contract file, such as 360.yaml"
    )


def add_language(parser: argparse.ArgumentParser) -> None:
    """In which language people read the answer."""
    languages: Sequence[str] = ("it", "en")
    parser.add_argument(
        "--language", choices=languages, default="en", help="default: en"
    )
