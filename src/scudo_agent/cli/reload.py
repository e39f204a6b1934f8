"""`scudo-agent reload`: have the running agent go by the site file as it is now."""

import argparse
import json
import sys
from typing import Any

from scudo_agent.cli import control
from scudo_agent.cli.common import add_site, state_folder

PATIENCE_S = 120.0
"""A large site file takes seconds to be read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `reload`."""
    add_site(parser)
    parser.add_argument(
        "--yes",
        action="store_true",
        help="also when that takes more than 20 %% of the checks away",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Reload, and say what is different now or why nothing is."""
    asked = {"do": "reload", "yes": args.yes}
    answer = control.ask(state_folder(args), asked, patience_s=PATIENCE_S)
    if args.json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        _say(answer)
    return int(answer["code"])


def _say(answer: dict[str, Any]) -> None:
    print("\n".join(answer["lines"] or ["nothing is different"] * answer["done"]))
    if answer["done"]:
        print("reloaded")
        return
    for line in answer["why"]:
        print(line, file=sys.stderr)
    if answer["left_out"]:
        print(f"and {answer['left_out']} more, see the agent's log", file=sys.stderr)
    print("nothing was changed: the agent goes on as before", file=sys.stderr)
