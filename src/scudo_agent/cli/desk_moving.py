"""`scudo-agent desk export` and `desk import`: a desk's records as files."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

from scudo_agent.cli.verbs import add_json, verb
from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings

ACTIONS = ("export", "import")


def add_verbs(verbs: "Verbs") -> None:
    """`desk export` and `desk import`."""
    writing = verb(
        verbs,
        "export",
        "write records as files into a new folder: one customer's, or all",
        example="scudo-agent desk export out/ --customer acme",
    )
    writing.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    writing.add_argument("--customer", metavar="ID", help="this customer's records")
    writing.add_argument(
        "--all",
        dest="everything",
        action="store_true",
        help="all customers' records, and the provider's",
    )
    reading = verb(verbs, "import", "read such a folder into a desk that is empty")
    reading.add_argument("folder", type=Path, metavar="DIR", help="made by 'export'")
    for one in (writing, reading):
        add_json(one)


def move(args: argparse.Namespace, settings: "DeskSettings") -> int:
    """Do the one that is asked for, and say how much it was."""
    folder = args.folder
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
