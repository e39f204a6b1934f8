"""`scudo-agent replay SITE.yaml EVENTS.jsonl`: judge recorded events again."""

import argparse
import json
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "site",
        type=Path,
        metavar="SITE.yaml",
        help="a site file, or one with only the keys that judging needs",
    )
    parser.add_argument(
        "events",
        type=Path,
        metavar="EVENTS.jsonl",
        help="one event a line, as `run --record` writes them",
    )
    parser.add_argument(
        "--until",
        metavar="T",
        help="let time run on to this instant (default: the last event)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print what the judge says of the events."""
    from scudo_agent.config.judging import load_judging
    from scudo_agent.errors import InputError
    from scudo_agent.instant import parse_instant
    from scudo_agent.replay import read_events, replay

    site = load_judging(args.site)
    until = None if args.until is None else parse_instant(args.until)
    try:
        with args.events.open(encoding="utf-8") as lines:
            events = read_events(lines, site.checks, str(args.events))
    except OSError as exc:
        raise InputError(f"{args.events}: cannot read it: {exc.strerror}") from None
    except UnicodeDecodeError as exc:
        raise InputError(f"{args.events}: it is not UTF-8: {exc.reason}") from None
    report = replay(site, events, until)
    if args.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        _show(report)
    return 0


def _show(report: dict[str, Any]) -> None:
    for service in report["services"]:
        for entry in service["timeline"]:
            print(f"{entry['since']}  {service['service']}  {entry['state']}")
    for turn in report["isolated"]:
        print(f"{turn['since']}  agent isolated until {turn['until'] or 'the end'}")
    for incident in report["incidents"]:
        severity = incident["severity"] or "none"
        members = ", ".join(incident["members"])
        print(f"{incident['since']}  {incident['subject']}  severity {severity}")
        print(f"  members: {members}")
        for event in incident["events"]:
            print(f"  {event['t']}  {event['kind']}")
        if incident["recovered"]:
            print(f"  recovered, dated {incident['recovered']}")
    if not report["incidents"]:
        print("no incidents")
