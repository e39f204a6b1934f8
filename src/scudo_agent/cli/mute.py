"""`scudo-agent mute WHAT TIME --reason …`: no tickets for a while, still counted."""

import argparse
from collections.abc import Iterator
from typing import Any

from scudo_agent.cli import control


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `mute`."""
    control.add_beginning(parser)


def run(args: argparse.Namespace) -> int:
    """Mute it, and say what that means."""
    answer = control.begin(args, "mute")
    return control.show(args, answer, _lines(answer))


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield f"{answer['orders'][0]['name']} is muted {control.until(answer)}"
    yield "no ticket opens for it meanwhile; it is measured and counted as ever"
    yield from control.kept_tickets(answer)
