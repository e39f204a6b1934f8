"""`scudo-agent status`: what is watched and its state, live or from the store."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from scudo_agent.cli.common import (
    add_site,
    current_status,
    live_status,
    load_site,
    state_folder,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `status`."""
    add_site(parser)
    parser.add_argument("--json", action="store_true", help="the whole document")
    parser.add_argument(
        "--watch", action="store_true", help="then say what happens, until Ctrl-C"
    )
    parser.add_argument(
        "--seconds", type=float, metavar="N", help="with --watch: end after N seconds"
    )


def run(args: argparse.Namespace) -> int:
    """Print the status; from the store when no agent answers."""
    state, site = state_folder(args), load_site(args)
    document = current_status(site, state)
    if args.json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    _print(document)
    if args.watch:
        return _watch(document, state, args.seconds)
    return 0


def _print(document: dict[str, Any]) -> None:
    from scudo_agent.cli.screen import Screen, plain

    screen = Screen(document["zone"])
    for line in screen.head(document):
        print(line)
    for line in plain(screen.rows(document)):
        print(line)


def _watch(document: dict[str, Any], state: Path, seconds: float | None) -> int:
    """Ask the agent twice a second for new lines."""
    from scudo_agent.cli.screen import Screen

    screen = Screen(document["zone"])
    last = max((line["n"] for line in document["events"]), default=0)
    lost = not document["live"]
    turns = 0
    while seconds is None or turns < seconds * 2:
        time.sleep(0.5)
        turns += 1
        new = live_status(state)
        if (new is None) != lost:
            lost = new is None
            print("the agent does not answer" if lost else "the agent is back")
            last = 0 if new is not None else last
        if new is None:
            continue
        lines = [line for line in new["events"] if line["n"] > last]
        for text in screen.events(lines):
            print(text)
        last = max((line["n"] for line in lines), default=last)
        sys.stdout.flush()
    return 0
