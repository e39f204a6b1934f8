"""`scudo-agent desk invite | agents | revoke | unfreeze | agent | login | tls`.

Each works while the desk runs (it is asked over its control socket) and while it
does not (then this process is the desk for a moment).
"""

import argparse
import asyncio
import getpass
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.agent.control import DESK_SOCKET, SOCKET
from scudo_agent.cli import desk_on_call
from scudo_agent.cli.control import Nobody, exchange
from scudo_agent.cli.verbs import add_json, verb

if TYPE_CHECKING:
    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings
    from scudo_agent.desk.store.agents import Enrolment

ACTIONS = ("invite", "agents", "revoke", "unfreeze", "tls", desk_on_call.ACTION)
_TOKEN_BYTES = 32


def add_verbs(verbs: "Verbs") -> None:
    """The verbs about agents, and who is on call."""
    invite = verb(
        verbs,
        "invite",
        "print the line that makes a machine the agent of a site, once, within an hour",
        example="scudo-agent desk invite site.yaml --settings desk.yaml",
    )
    add_site_file(invite)
    add_second(invite)
    invite.add_argument(
        "--replace",
        action="store_true",
        help="the agent that is there loses its key to the new one",
    )
    add_json(verb(verbs, "agents", "list all agents with their last hello"))
    for name, text in (
        ("revoke", "take an agent's key away, from its next request on"),
        ("unfreeze", "let one of two copied agents in again"),
    ):
        example = f"scudo-agent desk {name} acme/acme-milano/1"
        verb(verbs, name, text, example=example).add_argument(
            "agent", metavar="AGENT", help="as 'desk agents' names it"
        )
    tls = verb(verbs, "tls", "make a certificate authority, and a certificate of it")
    tls.add_argument(
        "host", nargs="?", metavar="HOST", help="its name; default: that of 'url'"
    )
    desk_on_call.add_verbs(verbs)


def add_site_file(parser: argparse.ArgumentParser) -> None:
    """The site that an agent is for."""
    parser.add_argument(
        "site", type=Path, metavar="SITE", help="the site file of the agent"
    )


def add_second(parser: argparse.ArgumentParser) -> None:
    """Which of a pair."""
    parser.add_argument(
        "--second",
        action="store_true",
        help="the second agent of a site that two watch",
    )


def run(args: argparse.Namespace, settings: "DeskSettings") -> int:
    """Do one of `ACTIONS`."""
    if args.action == "invite":
        return _invite(args, settings)
    if args.action == desk_on_call.ACTION:
        return desk_on_call.run(args, settings, order)
    if args.action == "tls":
        return _tls(args, settings)
    if args.action == "agents":
        answer = order(settings, {"do": "desk-agents"})
        if args.json:
            print(json.dumps({"agents": answer["agents"]}, indent=2))
        else:
            print("\n".join(_table(answer["agents"])))
        return 0
    order(settings, {"do": f"desk-{args.action}", "agent": args.agent})
    said = {
        "revoke": "its key is void: the desk refuses it from now on",
        "unfreeze": "whoever speaks next with this identity goes on, alone",
    }
    print(f"{args.agent}: {said[args.action]}")
    return 0


def order(settings: "DeskSettings", request: dict[str, Any]) -> dict[str, Any]:
    """Have the desk do it, running or not; `ScudoError` as it says."""
    for name in (DESK_SOCKET, SOCKET):
        try:
            return exchange(settings.folder, request, name)
        except Nobody:
            continue
    return asyncio.run(_alone(settings, request))


async def _alone(settings: "DeskSettings", request: dict[str, Any]) -> dict[str, Any]:
    from scudo_agent.clock import SystemClock
    from scudo_agent.desk.app import build
    from scudo_agent.desk.orders import Orders

    desk = build(settings, clock=SystemClock())
    await desk.start(mails=False)
    try:
        return await Orders(desk).orders()[request["do"]](request, getpass.getuser())
    finally:
        await desk.close()


def enrolment_of(site_file: Path, *, second: bool) -> "Enrolment":
    """What the desk is told of the site in a file, and which agent of it this is."""
    from scudo_agent import config
    from scudo_agent.desk.store.agents import Enrolment
    from scudo_agent.desk.store.scope import FIRST, SECOND
    from scudo_agent.probes.registry import SETTINGS

    site = config.load(site_file, SETTINGS, secrets=False)
    return Enrolment.of(site, number=SECOND if second else FIRST)


def _invite(args: argparse.Namespace, settings: "DeskSettings") -> int:
    from scudo_agent.desk.auth import fingerprint
    from scudo_agent.desk.orders import enrolment_json
    from scudo_agent.desk.tls import pin

    token = f"scj_{secrets.token_urlsafe(_TOKEN_BYTES)}"
    answer = order(
        settings,
        {
            "do": "desk-invite",
            "enrolment": enrolment_json(enrolment_of(args.site, second=args.second)),
            "token_sha256": fingerprint(token),
            "replaces": args.replace,
        },
    )
    shown = token if answer["ca"] is None else f"{token}.{pin(Path(answer['ca']))}"
    print(f"On the agent's machine, within an hour, once, for {answer['agent']}:")
    print(f"scudo-agent join {answer['url']} {shown}")
    return 0


def _tls(args: argparse.Namespace, settings: "DeskSettings") -> int:
    from urllib.parse import urlsplit

    from scudo_agent.clock import SystemClock
    from scudo_agent.desk.tls import make, pin

    named = urlsplit(settings.url).hostname if settings.url else None
    host = args.host or named
    hosts = [host] if host else []
    if settings.listen.host not in ("0.0.0.0", "::", *hosts):
        hosts.append(settings.listen.host)
    files = make(settings.folder / "tls", hosts, now=SystemClock().wall())
    print(f"{files.cert}: for {', '.join(hosts)}")
    print(f"authority  {pin(files.ca)}  (SHA-256)")
    if settings.tls is None:
        print("put 'tls: own' into the desk's settings and start it anew")
    else:
        print("start the desk anew to use it")
    return 0


def _table(agents: list[dict[str, Any]]) -> Iterator[str]:
    if not agents:
        yield "no agent is enrolled here"
        return
    width = max(len(one["agent"]) for one in agents)
    # A desk has sites of many zones.
    yield f"{'agent'.ljust(width)}  heard (UTC)          key since (UTC)      state"
    for one in agents:
        heard, key = _utc(one["heard"]) or "never", _utc(one["key_since"]) or "–"
        yield f"{one['agent'].ljust(width)}  {heard:19}  {key:19}  {_state(one)}"


def _utc(instant: str | None) -> str:
    """`2026-11-22 07:10:11` of an instant of JSON; nothing of none."""
    return "" if instant is None else instant[:19].replace("T", " ")


def _state(one: dict[str, Any]) -> str:
    if one["revoked"] is not None:
        return f"revoked {_utc(one['revoked'])} UTC"
    if one["frozen"] is not None:
        return "frozen: there are two of it (desk unfreeze AGENT)"
    return f"epoch {one['epoch']}, version {one['version'] or '–'}"
