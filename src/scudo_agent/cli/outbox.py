"""`scudo-agent outbox`: what the desk has not taken, why, and what to do."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.common import (
    add_site,
    load_site,
    open_store,
    private,
    running,
    state_folder,
)
from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from scudo_agent.store.waiting import Waiting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `outbox`."""
    parser.add_argument(
        "action", choices=("list", "show", "retry", "export"), nargs="?", default="list"
    )
    parser.add_argument(
        "seq", nargs="?", metavar="SEQ", help="an event's number; with retry also 'all'"
    )
    add_site(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """List, show, export, or send again what was set aside."""
    from scudo_agent.store.waiting import waiting

    private()
    site, state = load_site(args), state_folder(args)
    if args.action in ("show", "retry") and args.seq is None:
        raise InputError(f"which one? outbox {args.action} SEQ, as 'outbox list' says")
    reader = open_store(site, state)
    try:
        rows = reader.read(waiting)
    finally:
        reader.close()
    if args.action == "retry":
        return _retry(rows, args.seq, site.id, state)
    if args.action == "show":
        (one,) = _chosen(rows, args.seq)
        print(json.dumps(_document(one) | {"event": one.stage}, indent=2))
    elif args.action == "export":
        for one in rows:
            print(json.dumps(_document(one) | {"event": one.stage}))
    elif args.json:
        print(json.dumps([_document(one) for one in rows], indent=2))
    else:
        lines = [_line(one, site.timezone) for one in rows]
        print("\n".join(lines) or "nothing waits: the desk has everything")
    return 0


def _chosen(rows: list["Waiting"], word: str) -> list["Waiting"]:
    if word == "all":
        return [one for one in rows if one.set_aside is not None]
    found = [one for one in rows if str(one.seq) == word]
    if not found:
        raise InputError(f"event '{word}' does not wait; 'outbox list' says which do")
    return found


def _document(one: "Waiting") -> dict[str, Any]:
    from scudo_agent.instant import format_instant

    return {
        "seq": one.seq,
        "ticket": one.ticket,
        "incident": one.incident,
        "rev": one.rev,
        "kind": one.kind,
        "subject": one.subject,
        "since": format_instant(one.since),
        "attempts": one.attempts,
        "why": _why(one),
        "set_aside": one.set_aside is not None,
        "what_to_do": _what_to_do(one),
    }


def _line(one: "Waiting", zone: str) -> str:
    from scudo_agent.instant import local_stamp

    ticket = one.ticket or "no ticket yet"
    since = local_stamp(one.since, zone)
    return (
        f"{one.seq}  {ticket}  {one.kind} of {one.subject}, since {since}: "
        f"{_why(one)}; {_what_to_do(one)}"
    )


def _why(one: "Waiting") -> str:
    if one.set_aside is not None:
        return f"the desk refused it: {one.error or 'it did not say why'}"
    if one.attempts:
        return f"{one.attempts} attempts failed, the last one: {one.error}"
    return "not sent yet"


def _what_to_do(one: "Waiting") -> str:
    if one.set_aside is not None:
        return f"mend the reason, then: scudo-agent outbox retry {one.seq}"
    return "nothing, it is sent again by itself; 'doctor' says whether the desk answers"


def _retry(rows: list["Waiting"], word: str, site: str, state: Path) -> int:
    chosen = [one.seq for one in _chosen(rows, word) if one.set_aside is not None]
    if not chosen:
        print("nothing was set aside; what waits is sent again by itself")
        return 0
    if running(state) is not None:
        from scudo_agent.cli.control import ask

        ask(state, {"do": "outbox-retry", "seqs": chosen})
    else:
        _release(chosen, site, state)
    print(f"sent again: {', '.join(map(str, chosen))}", file=sys.stdout)
    return 0


def _release(chosen: list[int], site: str, state: Path) -> None:
    from scudo_agent.clock import SystemClock
    from scudo_agent.store.agent_store import AgentStore

    store = AgentStore.open(state, site=site, clock=SystemClock(), inline=True)
    try:
        asyncio.run(store.release(chosen))
    finally:
        store.close()
