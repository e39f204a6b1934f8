"""Telling a running agent something: what `mute`, `pause` and their ends share."""

import argparse
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from scudo_agent.agent.control import LINE_LIMIT, PATIENCE_S, SOCKET, address
from scudo_agent.cli.common import add_site, running, state_folder
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.instant import local_stamp, parse_duration, parse_instant


def add_subject(parser: argparse.ArgumentParser) -> None:
    """What it is about, and the site."""
    parser.add_argument(
        "what", metavar="WHAT", help="a service, a check (target/check) or a target"
    )
    add_site(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def add_beginning(parser: argparse.ArgumentParser) -> None:
    """What it is about, for how long and why."""
    add_subject(parser)
    parser.add_argument(
        "time", metavar="TIME", help="such as 30m, 2h or 3d; at most 30d"
    )
    parser.add_argument(
        "--reason", required=True, metavar="TEXT", help="why; everybody will read it"
    )


def begin(args: argparse.Namespace, do: str) -> dict[str, Any]:
    """Have the agent begin a mute or a pause."""
    for_us = parse_duration(args.time)
    asked = {"do": do, "what": args.what, "for_us": for_us, "reason": args.reason}
    return ask(state_folder(args), asked)


def end(args: argparse.Namespace, do: str) -> dict[str, Any]:
    """Have the agent end one."""
    return ask(state_folder(args), {"do": do, "what": args.what})


def show(args: argparse.Namespace, answer: dict[str, Any], lines: Iterator[str]) -> int:
    """Print the answer, as JSON or as lines."""
    if args.json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines))
    return 0


def until(answer: dict[str, Any]) -> str:
    """`until 2026-11-22 17:04:10 +01:00, by anna: changing the UPS`."""
    order = answer["orders"][0]
    at = local_stamp(parse_instant(order["until"]), answer["zone"])
    return f"until {at}, by {order['actor']}: {order['reason']}"


def kept_tickets(answer: dict[str, Any]) -> Iterator[str]:
    """Which tickets are open already."""
    if answer["tickets"]:
        verb = (
            "keeps its ticket" if len(answer["tickets"]) == 1 else "keep their tickets"
        )
        yield f"what is open {verb}: {', '.join(answer['tickets'])}"


def ask(
    state: Path, request: dict[str, Any], *, patience_s: float = PATIENCE_S
) -> dict[str, Any]:
    """Say it to the running agent; what it answers, or the error that it names."""
    if running(state) is None:
        raise ScudoError(
            f"no agent runs on {state}: start it first (scudo-agent run), since only "
            "a running agent can do this"
        )
    try:
        return exchange(state, request, SOCKET, patience_s=patience_s)
    except Nobody as exc:
        raise ScudoError(f"the agent does not answer: {exc}") from None


class Nobody(ScudoError):
    """Nobody listens there."""


def exchange(
    folder: Path,
    request: dict[str, Any],
    name: str,
    *,
    patience_s: float = PATIENCE_S,
) -> dict[str, Any]:
    """Say it to whoever listens at a socket; `Nobody` when nobody does.

    What it answers, or the error that it names.
    """
    path = folder / name
    try:
        asked = json.dumps(request).encode() + b"\n"
        answer = json.loads(_exchange(folder, asked, patience_s, name))
    except (FileNotFoundError, ConnectionRefusedError):
        raise Nobody(f"{path}: nobody listens") from None
    except PermissionError:
        raise ScudoError(
            f"{path}: may not be used; ask as its owner or as root"
        ) from None
    except (OSError, ValueError) as exc:
        raise ScudoError(f"{path}: no answer: {exc}") from None
    if not answer["ok"]:
        kind = InputError if answer["code"] == InputError.exit_code else ScudoError
        raise kind(answer["error"])
    found: dict[str, Any] = answer
    return found


def news_at_the_desk(state: Path) -> None:
    """Have a running agent ask its desk now; without one, or mute, it asks later."""
    if running(state) is not None:
        with suppress(ScudoError):
            ask(state, {"do": "greet"})


def _exchange(
    state: Path, request: bytes, patience_s: float, socket_name: str
) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience_s)
        with address(state, socket_name) as name:
            connection.connect(name)
        connection.sendall(request)
        answer = bytearray()
        while not answer.endswith(b"\n") and len(answer) <= LINE_LIMIT:
            part = connection.recv(65_536)
            if not part:
                break
            answer += part
    return bytes(answer)
