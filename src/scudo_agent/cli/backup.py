"""`scudo-agent backup`: a verified copy of the agent's store, running or not."""

import argparse
from pathlib import Path

from scudo_agent.cli.common import add_site, private, state_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `backup`."""
    add_site(parser, positional=True)
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="where to; default: 'backups' in the state folder, by its time",
    )


def run(args: argparse.Namespace) -> int:
    """Copy, verify, say what is in it."""
    from scudo_agent.clock import SystemClock
    from scudo_agent.dbfile import backup
    from scudo_agent.store.backup import AGENT

    private()
    state, now = state_folder(args), SystemClock().wall()
    target = args.to or backup.default_place(state, AGENT, now)
    manifest = backup.take(state / AGENT.file, target, AGENT, at=now)
    print(said(target, manifest))
    return 0


def said(target: Path, manifest: "object") -> str:
    """One line: what was written where, and that it was verified."""
    from scudo_agent.dbfile.backup import Manifest

    assert isinstance(manifest, Manifest)
    rows = sum(manifest.counts.values())
    return (
        f"{target}: {manifest.bytes} bytes, {rows} rows in {len(manifest.counts)} "
        f"tables, as of {manifest.at}; verified"
    )
