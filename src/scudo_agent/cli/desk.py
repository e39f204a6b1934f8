"""`scudo-agent desk`: run the desk by itself, or enrol an agent with it."""

import argparse
import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from scudo_agent.agent.control import DESK_SOCKET, Control
from scudo_agent.cli import (
    desk_agents,
    desk_doctor,
    desk_mail_in,
    desk_moving,
    desk_outbox,
    desk_people,
    desk_programs,
)
from scudo_agent.cli.backup import add_force
from scudo_agent.cli.common import begin_loading, loaded, private, reopening
from scudo_agent.cli.desk_keeping import ACTIONS, keep
from scudo_agent.errors import InputError, ScudoError

if TYPE_CHECKING:
    from scudo_agent.desk.settings import DeskSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `desk`."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=[
            *desk_agents.ACTIONS,
            *desk_programs.ACTIONS,
            *desk_people.ACTIONS,
            "run",
            "agent",
            "login",
            "outbox",
            desk_doctor.ACTION,
            desk_mail_in.ACTION,
            *desk_moving.ACTIONS,
            *ACTIONS,
        ],
        default="run",
        help="run (default); agent SITE: enrol the site's agent; login [SITE]: a link; "
        "backup, restore [SITE]: its database; outbox [list|show|retry] [MAIL] [SITE]: "
        "mails that wait or failed; token add|list|revoke, webhook add|list|show|test|"
        "retry|remove: programs; user add|invite|list|role|disable|enable|password, "
        "customer add|list|show|change: people and customers; "
        "on-call [SITE]: who is called now; "
        "doctor [SITE]: has the desk what it needs; export, import DIR: its records; "
        "mail-in [SITE] < MAIL: for a mail server, exit 0 or 75 (later)",
    )
    parser.add_argument("site", nargs="?", type=Path, metavar="SITE")
    parser.add_argument("more", nargs="*", metavar="…", help="with outbox, token…")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="with invite: the agent that is there loses its key to the new one",
    )
    parser.add_argument(
        "--second",
        action="store_true",
        help="with invite or agent: the second agent of a site that two watch",
    )
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="desk.yaml; default: all defaults"
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="with agent: write the key there instead of printing it",
    )

    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="with backup: where to; default: 'backups' in the desk's state folder",
    )
    add_force(parser)
    desk_programs.add_arguments(parser)
    desk_moving.add_arguments(parser)
    desk_people.add_arguments(parser)
    parser.add_argument(
        "--from",
        dest="from_",
        type=Path,
        metavar="FILE",
        help="with restore: the backup that is put in place",
    )
    parser.add_argument(
        "--empty",
        action="store_true",
        help="with restore: begin without tickets, what was there is set aside",
    )


def run(args: argparse.Namespace) -> int:
    """Run until Ctrl-C, or do one thing and end."""
    private()
    if args.action == desk_mail_in.ACTION:
        return desk_mail_in.take(args)
    code = _worded(args)
    return _unworded(args) if code is None else code


def _worded(args: argparse.Namespace) -> int | None:
    """Do an action that has words of its own; None: it has none."""
    if args.action == "outbox":
        _, _, site = desk_outbox.words_of(args)
        settings = _settings(args, site)
        _has_run(settings, "desk outbox list SITE")
        return desk_outbox.run(args, settings, desk_agents.order)
    if args.action in desk_programs.ACTIONS:
        settings = _settings(args, None)
        _has_run(settings, f"desk {args.action} … --settings FILE")
        return desk_programs.run(args, settings, desk_agents.order)
    if args.action in desk_people.ACTIONS:
        settings = _settings(args, desk_people.site_of(args))
        return desk_people.run(args, settings, desk_agents.order)
    return None


def _unworded(args: argparse.Namespace) -> int:
    _fitting(args)
    own = args.action in ("login", desk_doctor.ACTION, "on-call", *ACTIONS)
    settings = _settings(args, args.site if own else None)
    if args.action in desk_moving.ACTIONS:
        return desk_moving.move(args, settings)
    if args.action == desk_doctor.ACTION:
        return desk_doctor.doctor(args, settings)
    if args.action in ACTIONS:
        return keep(args, settings)
    if args.action in desk_agents.ACTIONS:
        return desk_agents.run(args, settings)
    if args.action == "agent":
        return _enrol(settings, args)
    if args.action == "login":
        return _login(settings)
    begin_loading()
    return reopening(lambda: asyncio.run(_serve(settings)))


def _fitting(args: argparse.Namespace) -> None:
    """`InputError` for words and options that do not go with the action."""
    if args.more:
        raise InputError(f"'{args.more[0]}': 'desk {args.action}' takes no more words")
    if args.site is None and args.action == "agent":
        raise InputError("whose agent? Name its site file: desk agent SITE")
    if args.site is not None and args.action == "run":
        raise InputError("'desk run' serves many sites: it takes no site file")
    if args.second and args.action not in ("invite", "agent"):
        raise InputError("--second goes with 'desk invite' or 'desk agent'")


def _settings(args: argparse.Namespace, site: Path | None) -> "DeskSettings":
    """Those of the file that is named, else of the desk embedded in a site's agent."""
    from scudo_agent.desk.settings import DeskSettings, load_desk_settings

    if args.settings:
        return load_desk_settings(args.settings)
    return DeskSettings() if site is None else _embedded(site)


async def _serve(settings: "DeskSettings") -> int:
    from scudo_agent.clock import SystemClock
    from scudo_agent.desk.app import build
    from scudo_agent.desk.orders import Orders

    control: Control | None = None
    desk = build(settings, clock=SystemClock())
    # The port first: with it taken by another, nothing else is touched.
    desk.bind()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await desk.start()
        # An embedded one lives on its agent's disk, and on its agent's reserve.
        desk.store.database.keep_reserve()
        orders = Orders(desk).orders()
        control = Control(settings.folder, orders, name=DESK_SOCKET)
        await control.start()
        loaded()
        serving = asyncio.create_task(desk.serve(), name="desk")
        print(f"desk     {desk.url}   first login {desk.login_link()} (once)")
        print(f"listens  {desk.address}", flush=True)
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    finally:
        if control is not None:
            await control.close()
        await desk.close()
    await serving
    return 0


def _embedded(site_file: Path) -> "DeskSettings":
    """The settings of the desk that is embedded in a site's agent."""
    from scudo_agent.agent.desks import desk_settings

    folder = site_file.parent
    return desk_settings(folder / "desk.yaml", folder / "state")


def _login(settings: "DeskSettings") -> int:
    _has_run(settings, "desk login SITE")
    print(desk_agents.order(settings, {"do": "desk-login"})["link"])
    return 0


def _has_run(settings: "DeskSettings", by_site: str) -> None:
    if settings.database is None and not (settings.folder / "desk.db").exists():
        raise InputError(
            f"{settings.folder}: no desk has run here; name its settings with "
            f"--settings, or the site whose agent embeds it: {by_site}"
        )


def _enrol(settings: "DeskSettings", args: argparse.Namespace) -> int:
    from scudo_agent.desk.auth import fingerprint, new_key
    from scudo_agent.desk.orders import enrolment_json

    enrolment = desk_agents.enrolment_of(args.site, second=args.second)
    key, key_file = new_key(), args.key_file
    told = {
        "do": "desk-enrol",
        "enrolment": enrolment_json(enrolment),
        "key_sha256": fingerprint(key),
    }
    who = desk_agents.order(settings, told)["agent"]
    if key_file is None:
        print(key)
        return 0
    _keep(key, key_file)
    print(f"{key_file}: the key of agent {who}; its old one is void")
    return 0


def _keep(key: str, path: Path) -> None:
    """Write a key for its owner's eyes only."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"{key}\n")
    except OSError as exc:
        raise ScudoError(f"{path}: cannot be written: {exc.strerror}") from None
