"""`scudo-agent resume WHAT`: probe it again."""

import argparse

from scudo_agent.cli import control


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `resume`."""
    control.add_subject(parser)


def run(args: argparse.Namespace) -> int:
    """End the pause."""
    answer = control.end(args, "resume")
    name = answer["orders"][0]["name"]
    return control.show(args, answer, iter([f"{name} is probed again"]))
