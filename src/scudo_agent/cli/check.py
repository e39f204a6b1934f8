"""`scudo-agent check SITE.yaml`: is the file usable? Touches nothing."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("site", type=Path, metavar="SITE.yaml", help="the site file")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, faults included"
    )
    parser.add_argument(
        "--no-secrets",
        action="store_true",
        help="do not read the secrets that the file refers to",
    )


def run(args: argparse.Namespace) -> int:
    """One line and 0 if the file is usable, all its faults and 2 if not."""
    from scudo_agent import config
    from scudo_agent.errors import ConfigError
    from scudo_agent.probes.registry import SETTINGS

    try:
        site = config.load(args.site, SETTINGS, secrets=not args.no_secrets)
    except ConfigError as exc:
        if args.json:
            faults = [asdict(fault) for fault in exc.faults]
            print(json.dumps({"ok": False, "faults": faults}, ensure_ascii=False))
        else:
            print(exc.report(), file=sys.stderr)
        return exc.exit_code
    contracted = sum(service.contracted for service in site.services.values())
    counts = {
        "checks": len(site.checks),
        "targets": len(site.targets),
        "services": len(site.services),
        "contracted": contracted,
    }
    if args.json:
        print(json.dumps({"ok": True, "site": site.id, **counts}))
        return 0
    checks = _count(counts["checks"], "check")
    targets = _count(counts["targets"], "target")
    services = _count(counts["services"], "service")
    print(
        f"{args.site}: ok, {checks} on {targets}, {services} ({contracted} contracted)"
    )
    return 0


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
