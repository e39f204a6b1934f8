"""`scudo-agent run`: watch a site until Ctrl-C or SIGTERM."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from scudo_agent.cli.common import (
    add_site,
    begin_loading,
    site_path,
    starting,
    state_folder,
)

if TYPE_CHECKING:
    from scudo_agent.agent.app import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `run`."""
    add_site(parser, positional=True)
    parser.add_argument(
        "--metrics",
        default="127.0.0.1:9464",
        metavar="HOST:PORT",
        help="where /metrics and /-/healthy are; default: 127.0.0.1:9464",
    )
    parser.add_argument(
        "--desk",
        type=Path,
        metavar="FILE",
        help="settings of an embedded desk; default: desk.yaml beside the site file",
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="write the events for `replay`"
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="log to a file; default: stderr"
    )
    parser.add_argument(
        "--log-level",
        default="info",
        choices=("debug", "info", "warning", "error"),
        help="default: info",
    )
    parser.add_argument(
        "--no-table",
        action="store_true",
        help="only the log, also on a terminal; with the live table the log goes to "
        "agent.log in the state folder",
    )


def run(args: argparse.Namespace) -> int:
    """Run the agent in the foreground."""
    begin_loading()
    from scudo_agent import config
    from scudo_agent.cli.foreground import Manner, run_site, show_mode, where
    from scudo_agent.probes.registry import SETTINGS

    path = site_path(args)
    options = _options(args, path)
    show = show_mode(no_table=args.no_table, service=True)
    with starting():
        site = config.load(path, SETTINGS)
        return run_site(
            site, options, Manner(show=show, level=args.log_level, foot=where)
        )


def _options(args: argparse.Namespace, path: Path) -> "Options":
    from scudo_agent.agent.app import Options

    return Options(
        state=state_folder(args),
        desk_file=args.desk or path.parent / "desk.yaml",
        metrics=_address(args.metrics),
        record=args.record,
        log_file=args.log,
    )


def _address(text: str) -> tuple[str, int]:
    from scudo_agent.errors import InputError

    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InputError(f"'{text}' is no HOST:PORT such as 127.0.0.1:9464")
    return host.strip("[]"), int(port)
