"""`scudo-agent schema`: the JSON Schema of the site file, or of a contract file."""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `schema`."""
    parser.add_argument(
        "--contract", action="store_true", help="of a contract file instead"
    )


def run(args: argparse.Namespace) -> int:
    """Print the schema; it is committed in `configs/` as well."""
    from scudo_agent.config.contract_schema import contract_schema
    from scudo_agent.config.schema import site_schema
    from scudo_agent.probes.registry import SETTINGS

    schema = contract_schema() if args.contract else site_schema(SETTINGS)
    print(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0
