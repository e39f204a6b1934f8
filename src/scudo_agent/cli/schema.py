"""`scudo-agent schema`: of the site file, of a contract file, or of the desk's APIs."""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `schema`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--contract", action="store_true", help="of a contract file instead"
    )
    which.add_argument(
        "--api", action="store_true", help="the desk's APIs (OpenAPI 3.1) instead"
    )


def run(args: argparse.Namespace) -> int:
    """Print the schema; it is committed in `configs/`, the APIs' in `docs/`."""
    if args.api:
        from scudo_agent.desk.web import described

        print(json.dumps(described(), indent=2, ensure_ascii=False))
        return 0
    from scudo_agent.config.contract_schema import contract_schema
    from scudo_agent.config.schema import site_schema
    from scudo_agent.probes.registry import SETTINGS

    schema = contract_schema() if args.contract else site_schema(SETTINGS)
    print(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0
