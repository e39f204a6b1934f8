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
    desk_keeping,
    desk_mail_in,
    desk_moving,
    desk_outbox,
    desk_people,
    desk_programs,
)
from scudo_agent.cli.common import begin_loading, loaded, private, reopening
from scudo_agent.cli.desk_keeping import ACTIONS, keep
from scudo_agent.cli.verbs import Verb, add_embedding, add_settings, leaves, verb
from scudo_agent.errors import InputError, ScudoError

if TYPE_CHECKING:
    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs of `desk`, each with its own words and options."""
    parser.epilog = "Without a verb: run. 'desk VERB --help' has its options."
    add_settings(parser)
    verbs = parser.add_subparsers(dest="action", metavar="VERB", parser_class=Verb)
    verb(verbs, "run", "serve until Ctrl-C, for many sites")
    _add_login(verbs)
    desk_people.add_verbs(verbs)
    desk_agents.add_verbs(verbs)
    desk_programs.add_verbs(verbs)
    desk_outbox.add_verbs(verbs)
    desk_doctor.add_verbs(verbs)
    desk_mail_in.add_verbs(verbs)
    desk_keeping.add_verbs(verbs)
    desk_moving.add_verbs(verbs)
    for one in leaves(verbs):
        add_settings(one, default=argparse.SUPPRESS)


def _add_login(verbs: "Verbs") -> None:
    login = verb(
        verbs,
        "login",
        "print a link that logs the provider's administrator in, once, within an hour",
        example="scudo-agent desk login --settings desk.yaml",
    )
    add_embedding(login)
    agent = verb(
        verbs,
        "agent",
        "enrol a site's agent by hand and print its key ('invite' needs no key moved)",
        example="scudo-agent desk agent site.yaml --key-file desk.key",
    )
    desk_agents.add_site_file(agent)
    desk_agents.add_second(agent)
    agent.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="write the key there instead of printing it",
    )


def run(args: argparse.Namespace) -> int:
    """Run until Ctrl-C, or do one thing and end."""
    private()
    args.action = args.action or "run"
    if args.action == desk_mail_in.ACTION:
        return desk_mail_in.take(args)
    code = _worded(args)
    return _unworded(args) if code is None else code


def _worded(args: argparse.Namespace) -> int | None:
    """Do an action that has words of its own; None: it has none."""
    if args.action == "outbox":
        settings = _settings(args, args.site)
        _has_run(settings, "desk outbox list SITE")
        return desk_outbox.run(args, settings, desk_agents.order)
    if args.action in desk_programs.ACTIONS:
        settings = _settings(args, None)
        _has_run(settings, f"desk {args.action} … --settings FILE")
        return desk_programs.run(args, settings, desk_agents.order)
    if args.action in desk_people.ACTIONS:
        settings = _settings(args, args.site)
        return desk_people.run(args, settings, desk_agents.order)
    return None


def _unworded(args: argparse.Namespace) -> int:
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
