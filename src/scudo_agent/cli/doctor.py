"""`scudo-agent doctor`: is everything in place, and if not, what to do."""

import argparse
import json

from scudo_agent.cli.common import add_site, site_path, state_folder

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
    from scudo_agent.config import load
    from scudo_agent.probes.registry import SETTINGS

    path = site_path(args)
    site = load(path, SETTINGS)
    desk = Path(args.desk) if args.desk else path.parent / "desk.yaml"
    findings = asyncio.run(health.examine(site, state_folder(args), desk))
    if args.json:
        print(json.dumps([f.as_json() for f in findings], indent=2))
    else:
        for finding in findings:
            print(f"{_MARKS[finding.level]}  {finding.about:<8} {finding.seen}")
            if finding.remedy:
                print(f"{'':14}{finding.remedy}")
    return 1 if any(f.level == "fault" for f in findings) else 0
