"""`scudo-agent probe`: one run of one check now, with or without a site file."""

import argparse
import asyncio
import json
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.common import add_site, site_path

if TYPE_CHECKING:
    from scudo_agent.config.probe import ProbeSettings
    from scudo_agent.model import Outcome
    from scudo_agent.probes.port import Job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `probe`."""
    parser.add_argument(
        "what",
        metavar="CHECK | KIND",
        help="a check of the site file (target/check), or a kind of probe",
    )
    parser.add_argument(
        "where",
        nargs="?",
        metavar="TARGET",
        help="with a kind: a URL, an address, or the kind's settings as YAML",
    )
    parser.add_argument("--address", metavar="A", help="with a kind: the address")
    parser.add_argument("--timeout", default="5s", metavar="D", help="default: 5s")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_site(parser)


def run(args: argparse.Namespace) -> int:
    """Say what was seen and how it would be judged; exit 1 when it failed."""
    if "/" in args.what and args.where is None:
        job, kind, limits = _from_site(args)
    else:
        job, kind, limits = _from_words(args)
    outcome = asyncio.run(_once(kind, job))
    return _say(args, job, outcome, limits)


def _from_site(args: argparse.Namespace) -> tuple["Job", str, str]:
    from difflib import get_close_matches

    from scudo_agent import config
    from scudo_agent.agent.probing import job_of
    from scudo_agent.errors import InputError
    from scudo_agent.probes.registry import SETTINGS

    path = site_path(args)
    site = config.load(path, SETTINGS)
    check = site.checks.get(args.what)
    if check is None:
        close = get_close_matches(args.what, site.checks, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise InputError(f"'{args.what}' is no check of {path}{hint}")
    recover = f"up after {check.recover} good"
    limits = f"down after {check.confirm} failed in a row, {recover}"
    return job_of(check, site), check.kind, limits


def _from_words(args: argparse.Namespace) -> tuple["Job", str, str]:
    from scudo_agent.errors import InputError
    from scudo_agent.instant import SECOND, parse_duration
    from scudo_agent.probes.port import Job
    from scudo_agent.probes.registry import SETTINGS

    if args.what not in SETTINGS:
        kinds = ", ".join(sorted(SETTINGS))
        raise InputError(
            f"'{args.what}' is neither a check (target/check) nor a kind of probe "
            f"({kinds})"
        )
    settings, address = _settings(SETTINGS[args.what], args.where, args.address)
    job = Job(
        check=args.what,
        settings=settings,
        address=address,
        timeout_s=parse_duration(args.timeout) / SECOND,
    )
    return job, args.what, ""


def _settings(
    kind: "type[ProbeSettings]", where: str | None, address: str | None
) -> tuple["ProbeSettings", str | None]:
    """`where` is the settings as YAML, the short form's value, or the address."""
    from pydantic import ValidationError

    from scudo_agent.config.yaml_source import parse
    from scudo_agent.errors import InputError

    data: dict[str, Any] = {}
    if where is not None and where.lstrip().startswith("{"):
        data = parse(where, "settings").data
    elif where is not None and kind.SHORT is not None and not kind.NEEDS_ADDRESS:
        data = {kind.SHORT: where}
    elif where is not None:
        address, data = _endpoint(kind, where, address)
    try:
        settings = kind.model_validate(data)
    except ValidationError as exc:
        said = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or kind.KIND}: {e['msg']}"
            for e in exc.errors(include_url=False, include_input=False)
        )
        raise InputError(f"{kind.KIND}: {said}") from None
    if kind.NEEDS_ADDRESS and address is None:
        raise InputError(f"{kind.KIND} needs an address: --address 192.0.2.1")
    return settings, address


def _endpoint(
    kind: "type[ProbeSettings]", where: str, address: str | None
) -> tuple[str | None, dict[str, Any]]:
    """`HOST`, or `HOST:PORT` for a kind whose short form is a port.

    For a kind with another short form (`dns` has the name that is asked for)
    `where` is that, and the address comes with `--address`; a bare port too.
    """
    if kind.SHORT == "port" and where.isdigit():
        return address, {"port": int(where)}
    host, _, port = where.rpartition(":")
    if kind.SHORT == "port" and host and port.isdigit():
        return address or host.strip("[]"), {"port": int(port)}
    if kind.SHORT not in (None, "port") and address is not None:
        return address, {str(kind.SHORT): where}
    return address or where.strip("[]"), {}


async def _once(kind: str, job: "Job") -> "Outcome":
    from scudo_agent.probes.registry import engine

    done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    one = engine(kind)
    await one.start(lambda _check, outcome: done.set_result(outcome))
    try:
        one.submit([job])
        return await done
    finally:
        await one.close()


def _say(args: argparse.Namespace, job: "Job", outcome: "Outcome", limits: str) -> int:
    from scudo_agent.grading import graded
    from scudo_agent.locale import translator

    result, warned = graded(job.settings, outcome)
    english = translator("en")
    seen = english.render(outcome.seen)
    if args.json:
        print(
            json.dumps(
                {
                    "check": job.check,
                    "result": str(result),
                    "warned": warned,
                    "seen": seen,
                    "values": dict(outcome.values),
                    "duration_s": outcome.duration_s,
                    "endpoint": job.settings.endpoint(job.address),
                },
                indent=2,
                ensure_ascii=False,
            )
        )
    else:
        print(f"{job.check}  {job.settings.endpoint(job.address)}")
        print(f"  seen    {seen}")
        if outcome.expected is not None:
            print(f"  asked   {english.render(outcome.expected)}")
        judged = f"{result}{', a warning (severity 3)' if warned else ''}"
        print(f"  judged  {judged}{f'; {limits}' if limits else ''}")
        for name, value in outcome.values.items():
            print(f"  {name} = {value:g}")
    return 0 if result.answer else 1
