"""`scudo-agent desk on-call [SITE] [--json]`: who is called now, and who next."""

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.verbs import add_embedding, add_json, verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings

    Ask = Callable[[DeskSettings, dict[str, Any]], dict[str, Any]]

ACTION = "on-call"


def add_verbs(verbs: "Verbs") -> None:
    """`desk on-call`."""
    parser = verb(verbs, ACTION, "print who is called now, and the turns to come")
    add_embedding(parser)
    add_json(parser)


def run(args: argparse.Namespace, settings: "DeskSettings", ask: "Ask") -> int:
    """Print who is on call and the turns to come."""
    answer = ask(settings, {"do": "desk-on-call"})
    if args.json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(answer)))
    return 0


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    line = [one["name"] for one in answer["line"]]
    if not line:
        yield "nobody is on call: write a rota down at /on-call"
    else:
        then = f", then {', '.join(line[1:])}" if line[1:] else ""
        yield f"called first: {line[0]}{then}"
    for one in answer["turns"]:
        span = f"{one['start']:.16}Z  {one['end']:.16}Z"
        yield f"{span}  {one['person']['name']}{', swapped' if one['swapped'] else ''}"
