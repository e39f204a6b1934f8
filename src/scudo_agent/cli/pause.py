"""`scudo-agent pause WHAT TIME --reason …`: not probed for a while, so unknown."""

import argparse
from collections.abc import Iterator
from typing import Any

from scudo_agent.cli import control


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `pause`."""
    control.add_beginning(parser)


def run(args: argparse.Namespace) -> int:
    """Pause it, and say what that means."""
    answer = control.begin(args, "pause")
    return control.show(args, answer, _lines(answer))


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    order = answer["orders"][0]
    yield f"{order['name']} is paused {control.until(answer)}"
    checks = ", ".join(order["checks"])
    yield f"not probed meanwhile, hence unknown: {checks}"
    if answer["services"]:
        yield f"services that this touches: {', '.join(answer['services'])}"
    yield from control.kept_tickets(answer)
