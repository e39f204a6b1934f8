"""`scudo-agent restore`: put a backup in the place of the agent's store."""

import argparse
from pathlib import Path

from scudo_agent.cli.common import add_site, load_site, private, state_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `restore`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    add_site(parser)


def run(args: argparse.Namespace) -> int:
    """Verify it, set aside what is there, put it in place."""
    from scudo_agent.clock import SystemClock
    from scudo_agent.store.restoring import restore

    private()
    site = load_site(args)
    done = restore(args.file, state_folder(args), site=site.id, clock=SystemClock())
    print(f"restored the store of {site.id} as of {done.manifest.at}")
    if done.aside is not None:
        print(f"what was there is kept: {done.aside}")
    print("the desk is told everything again under a new epoch; nothing is doubled")
    return 0
