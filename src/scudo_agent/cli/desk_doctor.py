"""`scudo-agent desk doctor`: has the desk what it needs, and if not, what to do."""

import argparse
from typing import TYPE_CHECKING

from scudo_agent.cli.doctor import show

if TYPE_CHECKING:
    from scudo_agent.desk.settings import DeskSettings

ACTION = "doctor"


def doctor(args: argparse.Namespace, settings: "DeskSettings") -> int:
    """Look at each thing once; exit 1 when one of them is bad."""
    from scudo_agent.agent.desk_health import examine
    from scudo_agent.clock import SystemClock

    return show(examine(settings, SystemClock()), as_json=args.json)
