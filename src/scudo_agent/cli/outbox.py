"""`scudo-agent outbox`: what the desk has not taken, why, and what to do."""

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
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
    from scudo_agent.store.read import StoreReader
    from scudo_agent.store.waiting import LedgerWaiting, Waiting

_LEDGER = "L"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `outbox`."""
    parser.add_argument(
        "action", choices=("list", "show", "retry", "export"), nargs="?", default="list"
    )
    parser.add_argument(
        "seq",
        nargs="?",
        metavar="SEQ",
        help="an event's number, L7 for the ledger's seventh; with retry also 'all'",
    )
    add_site(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """List, show, export, or send again what was set aside."""
    from scudo_agent.store.waiting import ledger_waiting, waiting

    private()
    site, state = load_site(args), state_folder(args)
    if args.action in ("show", "retry") and args.seq is None:
        raise InputError(f"which one? outbox {args.action} SEQ, as 'outbox list' says")
    reader = open_store(site, state)
    try:
        rows, told = reader.read(waiting), reader.read(ledger_waiting)
    finally:
        reader.close()
    if args.action == "retry":
        return _retry(_set_aside(rows, told, args.seq), site.id, state)
    if args.action == "show":
        print(json.dumps(_shown(rows, told, args.seq), indent=2))
    elif args.action == "export":
        for one in rows:
            print(json.dumps(_document(one) | {"event": one.stage}))
        for row in told:
            print(json.dumps(_ledger_document(row) | {"event": row.event}))
    elif args.json:
        found = [*map(_document, rows), *map(_ledger_document, told)]
        print(json.dumps(found, indent=2))
    else:
        lines = [_line(one, site.timezone) for one in rows]
        lines += _ledger_lines(told, site.timezone)
        print("\n".join(lines) or "nothing waits: the desk has everything")
    return 0


def documents(reader: "StoreReader") -> list[dict[str, Any]]:
    """What `outbox --json` lists, of both streams."""
    from scudo_agent.store.waiting import ledger_waiting, waiting

    rows, told = reader.read(waiting), reader.read(ledger_waiting)
    return [*map(_document, rows), *map(_ledger_document, told)]


def _shown(
    rows: list["Waiting"], told: list["LedgerWaiting"], word: str
) -> dict[str, Any]:
    if not word.startswith(_LEDGER):
        (one,) = _chosen(rows, word)
        return _document(one) | {"event": one.stage}
    for row in told:
        if f"{_LEDGER}{row.seq}" == word:
            return _ledger_document(row) | {"event": row.event}
    raise _unknown(word)


def _ledger_document(one: "LedgerWaiting") -> dict[str, Any]:
    from scudo_agent.instant import format_instant

    return {
        "stream": _LEDGER,
        "seq": one.seq,
        "service": one.service,
        "state": one.state,
        "since": format_instant(one.since),
        "attempts": one.attempts,
        "why": _why(one),
        "set_aside": one.set_aside is not None,
        "what_to_do": _ledger_what_to_do(one),
    }


def _ledger_lines(told: list["LedgerWaiting"], zone: str) -> list[str]:
    """A line for each that was set aside, and one for all that merely wait."""
    from scudo_agent.instant import local_stamp

    lines = [
        f"{_LEDGER}{one.seq}  ledger  {one.service} {one.state}, "
        f"since {local_stamp(one.since, zone)}: {_why(one)}; {_ledger_what_to_do(one)}"
        for one in told
        if one.set_aside is not None
    ]
    waits = [one for one in told if one.set_aside is None]
    if waits:
        first, last = waits[0], waits[-1]
        span = f"{_LEDGER}{first.seq}"
        if last is not first:
            span += f" to {_LEDGER}{last.seq}"
        what = "a service's state" if first is last else f"{len(waits)} states"
        lines.append(
            f"{span}  ledger  {what}, since {local_stamp(first.since, zone)}: "
            f"{_why(first)}; {_ledger_what_to_do(first)}"
        )
    return lines


def _ledger_what_to_do(one: "LedgerWaiting") -> str:
    if one.set_aside is None:
        return _BY_ITSELF
    return (
        "the desk counts that time as unknown: mend the reason, then: "
        f"scudo-agent outbox retry {_LEDGER}{one.seq}"
    )


def _chosen(rows: list["Waiting"], word: str) -> list["Waiting"]:
    if word == "all":
        return [one for one in rows if one.set_aside is not None]
    found = [one for one in rows if str(one.seq) == word]
    if not found:
        raise _unknown(word)
    return found


def _document(one: "Waiting") -> dict[str, Any]:
    from scudo_agent.instant import format_instant

    return {
        "stream": "I",
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


def _why(one: "Waiting | LedgerWaiting") -> str:
    if one.set_aside is not None:
        return f"the desk refused it: {one.error or 'it did not say why'}"
    if one.attempts:
        return f"{one.attempts} attempts failed, the last one: {one.error}"
    return "not sent yet"


def _what_to_do(one: "Waiting") -> str:
    if one.set_aside is not None:
        return f"mend the reason, then: scudo-agent outbox retry {one.seq}"
    return _BY_ITSELF


_BY_ITSELF = (
    "nothing, it is sent again by itself; 'doctor' says whether the desk answers"
)


@dataclass(frozen=True, slots=True)
class _Aside:
    """Numbers of events that were set aside, of incidents and of the ledger."""

    seqs: list[int]
    told: list[int]

    def __str__(self) -> str:
        return ", ".join([*map(str, self.seqs), *(f"{_LEDGER}{n}" for n in self.told)])


def _set_aside(rows: list["Waiting"], told: list["LedgerWaiting"], word: str) -> _Aside:
    of_ledger = [one for one in told if word in ("all", f"{_LEDGER}{one.seq}")]
    if word.startswith(_LEDGER):
        rows = []
        if not of_ledger:
            raise _unknown(word)
    else:
        rows = _chosen(rows, word)
    return _Aside(
        seqs=[one.seq for one in rows if one.set_aside is not None],
        told=[one.seq for one in of_ledger if one.set_aside is not None],
    )


def _unknown(word: str) -> InputError:
    return InputError(f"event '{word}' does not wait; 'outbox list' says which do")


def _retry(chosen: _Aside, site: str, state: Path) -> int:
    if not (chosen.seqs or chosen.told):
        print("nothing was set aside; what waits is sent again by itself")
        return 0
    if running(state) is not None:
        from scudo_agent.cli.control import ask

        order = {"do": "outbox-retry", "seqs": chosen.seqs, "told": chosen.told}
        ask(state, order)
    else:
        _release(chosen, site, state)
    print(f"sent again: {chosen}", file=sys.stdout)
    return 0


def _release(chosen: _Aside, site: str, state: Path) -> None:
    from scudo_agent.clock import SystemClock
    from scudo_agent.store.agent_store import AgentStore

    store = AgentStore.open(state, site=site, clock=SystemClock(), inline=True)
    try:
        asyncio.run(store.release(chosen.seqs, chosen.told))
    finally:
        store.close()
