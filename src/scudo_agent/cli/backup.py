"""`scudo-agent backup`: a verified copy of the agent's store, running or not."""

import argparse
import os
from pathlib import Path

from scudo_agent.cli.common import add_site, private, state_folder
from scudo_agent.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `backup`."""
    add_site(parser, positional=True)
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="where to; default: 'backups' in the state folder, by its time",
    )
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Copy, verify, say what is in it."""
    from scudo_agent.clock import SystemClock
    from scudo_agent.dbfile import backup
    from scudo_agent.store.backup import AGENT

    private()
    state, now = state_folder(args), SystemClock().wall()
    target = chosen(args) or backup.default_place(state, AGENT, now)
    manifest = backup.take(state / AGENT.file, target, AGENT, at=now)
    print(said(target, manifest))
    return 0


def add_force(parser: argparse.ArgumentParser) -> None:
    """The option that lets `--to` replace what is there."""
    parser.add_argument(
        "--force", action="store_true", help="with --to: replace a file that is there"
    )


def chosen(args: argparse.Namespace) -> Path | None:
    """`--to`, unless it would overwrite something unasked: `InputError`."""
    from scudo_agent.dbfile.backup import manifest_of

    if args.to is None:
        if args.force:
            raise InputError("--force goes with --to FILE")
        return None
    target = Path(args.to)
    if target.is_dir():
        raise InputError(f"--to {target}: is a folder; name a file in it")
    if not args.force:
        for there in (target, manifest_of(target)):
            if os.path.lexists(there):
                raise InputError(
                    f"--to {target}: {there} exists already and was left as it is; "
                    "name another file, or say --force to replace it"
                )
    return target


def said(target: Path, manifest: "object") -> str:
    """One line: what was written where, and that it was verified."""
    from scudo_agent.dbfile.backup import Manifest

    assert isinstance(manifest, Manifest)
    rows = sum(manifest.counts.values())
    return (
        f"{target}: {manifest.bytes} bytes, {rows} rows in {len(manifest.counts)} "
        f"tables, as of {manifest.at}; verified"
    )
