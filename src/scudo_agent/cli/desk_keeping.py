"""`scudo-agent desk backup` and `desk restore`: the desk's database, kept safe."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from scudo_agent.cli.backup import add_force
from scudo_agent.cli.verbs import add_embedding, verb
from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings

ACTIONS = ("backup", "restore")


def add_verbs(verbs: "Verbs") -> None:
    """`desk backup` and `desk restore`."""
    backing = verb(verbs, "backup", "copy the desk's database while it runs or not")
    add_embedding(backing)
    backing.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="where to; default: 'backups' in the desk's state folder",
    )
    add_force(backing)
    restoring = verb(
        verbs,
        "restore",
        "put a backup in the place of the desk's database, which is kept aside",
        example="scudo-agent desk restore --from desk-2026-11-22.db",
    )
    add_embedding(restoring)
    restoring.add_argument(
        "--from",
        dest="from_",
        type=Path,
        metavar="FILE",
        help="the backup that is put in place",
    )
    restoring.add_argument(
        "--empty",
        action="store_true",
        help="begin without tickets; what was there is set aside",
    )


def keep(args: argparse.Namespace, settings: "DeskSettings") -> int:
    """Do the one that is asked for; a server's database is its own tools' business."""
    if settings.database is not None:
        tools = "pg_dump" if args.action == "backup" else "pg_restore"
        raise InputError(
            f"this desk's database is on a PostgreSQL server: use {tools}, as a "
            "superuser (row-level security shows its owner no rows); docs/desk.md, "
            "'Running on PostgreSQL', has the commands"
        )
    return (
        backup(args, settings) if args.action == "backup" else restore(args, settings)
    )


def backup(args: argparse.Namespace, settings: "DeskSettings") -> int:
    """Copy the database, running or not; verify the copy, and say what is in it."""
    from scudo_agent.cli.backup import chosen, said
    from scudo_agent.clock import SystemClock
    from scudo_agent.dbfile import backup
    from scudo_agent.desk.store.backup import DESK

    now = SystemClock().wall()
    target = chosen(args) or backup.default_place(settings.folder, DESK, now)
    source = settings.folder / DESK.file
    print(said(target, backup.take(source, target, DESK, at=now)))
    return 0


def restore(args: argparse.Namespace, settings: "DeskSettings") -> int:
    """Put a backup in place, or begin without tickets; what was there is kept."""
    from scudo_agent.clock import SystemClock
    from scudo_agent.desk.store.keeping import begin_empty
    from scudo_agent.desk.store.keeping import restore as put_back

    if (args.from_ is None) != args.empty:
        raise InputError("from where? desk restore --from FILE, or --empty for none")
    now = SystemClock().wall()
    if args.empty:
        aside = begin_empty(settings.folder, at=now)
        print("the desk begins without tickets; agents tell it what they kept")
    else:
        manifest, aside = put_back(args.from_, settings.folder, at=now)
        print(f"restored the desk as of {manifest.at}; agents tell it the rest")
    if aside is not None:
        print(f"what was there is kept: {aside}")
    return 0
