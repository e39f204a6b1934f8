"""`scudo-agent desk outbox`: mails that wait or failed, why, and what to do."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.verbs import add_embedding, add_json, group, verb
from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings

    Ask = Callable[[DeskSettings, dict[str, Any]], dict[str, Any]]


def add_verbs(verbs: "Verbs") -> None:
    """`desk outbox`."""
    ways = group(
        verbs, "outbox", "mails that wait or failed, why, and what to do", usual="list"
    )
    listing = verb(ways, "list", "list mails that wait or failed")
    showing = verb(ways, "show", "show one mail with all that is known of it, as JSON")
    again = verb(ways, "retry", "send a mail again that failed, or all of them")
    showing.add_argument("mail", metavar="MAIL", help="its number, as 'list' says")
    again.add_argument("mail", metavar="MAIL", help="its number, or 'all'")
    for one in (listing, showing, again):
        add_embedding(one)
    add_json(listing)


def _mail(args: argparse.Namespace) -> str | None:
    """Which mail is meant; None: none in particular."""
    if args.verb == "list":
        return None
    mail = str(args.mail)
    if not mail.isascii() or not (mail.isdigit() or (args.verb, mail) == _ALL):
        raise InputError(f"'{mail}' is no mail's number; 'list' says which wait")
    return mail


_ALL = ("retry", "all")


def run(args: argparse.Namespace, settings: "DeskSettings", ask: "Ask") -> int:
    """List, show, or send again what failed."""
    mail = _mail(args)
    if args.verb == "retry":
        answer = ask(settings, {"do": "desk-outbox-retry", "mail": mail})
        sent = ", ".join(str(one) for one in answer["mails"])
        print(f"sent again: {sent}" if sent else "no mail failed")
        return 0
    answer = ask(settings, {"do": "desk-outbox", "mail": mail})
    if mail is not None:
        print(json.dumps(answer["mails"][0], indent=2, ensure_ascii=False))
    elif args.json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(answer)))
    return 0


def _lines(answer: dict[str, Any]) -> list[str]:
    lines = [_line(one) for one in answer["mails"]]
    left = answer["waiting"] + answer["failed"] - len(lines)
    if left:
        lines.append(f"and {left} more")
    return lines or ["nothing waits: every mail has left"]


def _line(one: dict[str, Any]) -> str:
    about = one["ticket"] or str(one["thread"] or "windows").partition("/")[0]
    return (
        f"{one['mail']}  {about}  {one['what']} to {one['to']}, since "
        f"{one['since']:.19}Z: {one['why']}; {one['what_to_do']}"
    )
