"""`scudo-agent doctor`: is everything in place, and if not, what to do."""

import argparse
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from scudo_agent.cli.common import add_site, live_status, site_path, state_folder
from scudo_agent.locale.formats import clean

if TYPE_CHECKING:
    from scudo_agent.agent.finding import Finding

_MARKS = {"ok": "ok  ", "warning": "note", "fault": "BAD "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `doctor`."""
    add_site(parser)
    parser.add_argument(
        "--desk", type=str, metavar="FILE", help="desk settings of an embedded desk"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """Look at each thing once; exit 1 when one of them is bad."""
    import asyncio
    from pathlib import Path

    from scudo_agent.agent import health
    from scudo_agent.agent.key_health import key_finding
    from scudo_agent.clock import SystemClock
    from scudo_agent.config import load
    from scudo_agent.probes.registry import SETTINGS

    path = site_path(args)
    site = load(path, SETTINGS)
    desk = Path(args.desk) if args.desk else path.parent / "desk.yaml"
    state = state_folder(args)
    findings = asyncio.run(health.examine(site, state, desk))
    key = key_finding(site, live_status(state), SystemClock().wall())
    findings += [] if key is None else [key]
    return show(findings, as_json=args.json)


def show(findings: Iterable["Finding"], *, as_json: bool) -> int:
    """Print what was found; 1 when something is bad."""
    found = list(findings)
    if as_json:
        print(json.dumps([f.as_json() for f in found], indent=2))
    else:
        for finding in found:
            print(f"{_MARKS[finding.level]}  {finding.about:<8} {clean(finding.seen)}")
            if finding.remedy:
                print(f"{'':14}{finding.remedy}")
    return 1 if any(f.level == "fault" for f in found) else 0
