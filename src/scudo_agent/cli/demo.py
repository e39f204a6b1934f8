"""`scudo-agent demo`: the main job on this very machine, with its own servers."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from scudo_agent.cli.common import starting
from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from scudo_agent.config.site import Site
    from scudo_agent.demo.site import DemoSite

GATEWAY_ENV = "SCUDO_DEMO_GATEWAY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the demo and its small commands."""
    parser.description = (
        "Without a word: write a demo site, start its servers, watch it. "
        "'break web' closes the web server's listener, 'mend web' opens it again, "
        "'mail' shows the notices."
    )
    parser.add_argument(
        "action", nargs="?", choices=("break", "mend", "mail"), help="default: run it"
    )
    parser.add_argument("what", nargs="?", choices=("web",), help="what to break")
    parser.add_argument(
        "--with",
        dest="status",
        choices=("503",),
        help="with 'break web': keep listening, and answer 503 with a page",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("demo"), help="where it lives (demo)"
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="start over: write the files anew, forget tickets and mails",
    )
    parser.add_argument(
        "--gateway",
        default=os.environ.get(GATEWAY_ENV),
        metavar="ADDRESS",
        help="watch this gateway, or 'stand-in' for one on loopback; default: the "
        f"machine's own if it answers one echo (also: {GATEWAY_ENV})",
    )
    parser.add_argument(
        "--no-table", action="store_true", help="plain lines instead of a live table"
    )
    parser.add_argument(
        "--minutes", type=float, metavar="N", help="end by itself after N minutes"
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="write all events for 'replay'"
    )
    parser.add_argument(
        "--raw", action="store_true", help="with 'mail': as they were sent"
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo, or break, mend or show what a running one has."""
    if args.status is not None and args.action != "break":
        raise InputError("--with goes with 'break web'")
    if args.action in ("break", "mend"):
        return _change(args)
    if args.what is not None:
        raise InputError(f"'{args.what}' goes with 'break' or 'mend'")
    if args.action == "mail":
        from scudo_agent.demo import mails, site

        print(mails.read(site.existing(args.folder).maildir, raw=args.raw))
        return 0
    if args.minutes is not None and not 0 < args.minutes < 1_000_000:
        raise InputError("--minutes wants a number of minutes above 0")
    with starting():
        return _watch(args)


def _change(args: argparse.Namespace) -> int:
    from scudo_agent.demo import servers, site

    if args.what is None:
        raise InputError(f"what to {args.action}? There is: demo {args.action} web")
    demo = site.existing(args.folder)
    if args.action == "mend":
        print(servers.mend_web(demo))
    else:
        print(servers.break_web(demo, unavailable=args.status is not None))
    return 0


def _watch(args: argparse.Namespace) -> int:
    from scudo_agent import config
    from scudo_agent.clock import SystemClock
    from scudo_agent.demo import screen, servers, site
    from scudo_agent.probes.icmp import socket_kind
    from scudo_agent.probes.registry import SETTINGS

    demo = site.prepare(
        args.folder,
        clock=SystemClock(),
        wanted_gateway=args.gateway,
        fresh=args.fresh,
    )
    watched = config.load(demo.site_path, SETTINGS)  # with a fault nothing is started
    with servers.Servers(demo).start() as running:
        allowed = socket_kind() or "not allowed to this user ('doctor' says more)"
        lines = screen.head(demo, snmp_version=running.snmp_version, icmp=allowed)
        print(*lines, sep="\n", flush=True)
        return _run_agent(demo, watched, args)


def _run_agent(demo: "DemoSite", watched: "Site", args: argparse.Namespace) -> int:
    """Watch the written site until Ctrl-C; the agent's own exit code."""
    from scudo_agent.agent.app import Agent, Options
    from scudo_agent.cli.foreground import Manner, run_site, show_mode
    from scudo_agent.demo import screen

    def foot(agent: Agent) -> tuple[str, ...]:
        embedded = agent.desk.embedded
        return screen.foot(
            demo,
            desk=agent.desk.url,
            login=embedded.login_link() if embedded else None,
            metrics=agent.links["metrics"],
        )

    options = Options(
        state=demo.state,
        desk_file=demo.desk_path,
        metrics=("127.0.0.1", demo.ports.metrics),
        record=args.record,
    )
    manner = Manner(
        show=show_mode(no_table=args.no_table), minutes=args.minutes, foot=foot
    )
    return run_site(watched, options, manner)
