"""`scudo-agent desk export` and `desk import`: a desk's records as files."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from scudo_agent.desk.settings import DeskSettings

ACTIONS = ("export", "import")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose records are exported."""
    parser.add_argument(
        "--all",
        dest="everything",
        action="store_true",
        help="with export: all customers' records, and the provider's",
    )


def move(args: argparse.Namespace, settings: "DeskSettings") -> int:
    """Do the one that is asked for, and say how much it was."""
    if args.site is None:
        raise InputError(f"which folder? desk {args.action} … DIR")
    folder = Path(args.site)
    if args.action == "export":
        if (args.customer is None) != args.everything:
            raise InputError("whose records? desk export DIR --customer ID, or --all")
        counts = _export(settings, folder, args.customer)
    else:
        counts = asyncio.run(_import(settings, folder))
    if args.json:
        print(json.dumps({"folder": str(folder), "rows": counts}, indent=2))
        return 0
    kinds = ("tenant", "person", "ticket", "attachment", "window", "statement")
    names = ("customers", "people", "tickets", "files", "windows", "statements")
    told = ", ".join(
        f"{counts[kind]} {name}" for kind, name in zip(kinds, names, strict=True)
    )
    print(f"{folder}: {told}")
    if args.action == "import":
        print("passwords and keys are not moved: reset the ones, invite the agents")
    return 0


def _export(
    settings: "DeskSettings", folder: Path, customer: str | None
) -> dict[str, int]:
    from scudo_agent.desk.store.keeping import readable
    from scudo_agent.desk.store.moving import write_out

    database = readable(settings.folder, settings.server())
    try:
        with database.read() as db:
            return write_out(db, folder, customer=customer)
    finally:
        database.close()


async def _import(settings: "DeskSettings", folder: Path) -> dict[str, int]:
    from scudo_agent.clock import SystemClock
    from scudo_agent.desk.app import build
    from scudo_agent.desk.store.moving import read_in

    desk = build(settings, clock=SystemClock())
    await desk.start(mails=False)
    try:
        return read_in(desk.store.database, folder)
    finally:
        await desk.close()
