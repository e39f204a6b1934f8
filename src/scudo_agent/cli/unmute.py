"""`scudo-agent unmute WHAT`: tickets again, also for what is down already."""

import argparse

from scudo_agent.cli import control


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `unmute`."""
    control.add_subject(parser)


def run(args: argparse.Namespace) -> int:
    """End the mute."""
    answer = control.end(args, "unmute")
    name = answer["orders"][0]["name"]
    said = f"{name} is muted no longer: what is down gets its ticket now"
    return control.show(args, answer, iter([said]))
