"""`scudo-agent desk doctor`: has the desk what it needs, and if not, what to do."""

import argparse
from typing import TYPE_CHECKING

from scudo_agent.cli.doctor import show
from scudo_agent.cli.verbs import add_embedding, add_json, verb

if TYPE_CHECKING:
    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings

ACTION = "doctor"


def add_verbs(verbs: "Verbs") -> None:
    """`desk doctor`."""
    parser = verb(
        verbs, ACTION, "has the desk what it needs, and if not, what to do (exit 1)"
    )
    add_embedding(parser)
    add_json(parser)


def doctor(args: argparse.Namespace, settings: "DeskSettings") -> int:
    """Look at each thing once; exit 1 when one of them is bad."""
    from scudo_agent.agent.desk_health import examine
    from scudo_agent.clock import SystemClock

    return show(examine(settings, SystemClock()), as_json=args.json)
