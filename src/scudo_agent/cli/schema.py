"""`scudo-agent schema`: the JSON Schema of the site file."""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the schema; it is the committed `configs/site.schema.json`."""
    from scudo_agent.config.schema import site_schema
    from scudo_agent.probes.registry import SETTINGS

    print(json.dumps(site_schema(SETTINGS), indent=2, ensure_ascii=False))
    return 0
