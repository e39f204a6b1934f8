"""`scudo-agent desk outbox`: mails that wait or failed, why, and what to do."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scudo_agent.desk.settings import DeskSettings

    Ask = Callable[[DeskSettings, dict[str, Any]], dict[str, Any]]

_VERBS = ("list", "show", "retry")


def words_of(args: argparse.Namespace) -> tuple[str, str | None, Path | None]:
    """Verb, mail and site file of `desk outbox [list|show|retry] [MAIL] [SITE]`."""
    words = [str(word) for word in (args.site, *args.more) if word is not None]
    verb = words.pop(0) if words and words[0] in _VERBS else "list"
    mail = None
    if verb != "list":
        if not words:
            raise InputError(f"which one? desk outbox {verb} MAIL, as 'list' says")
        mail = words.pop(0)
        if not mail.isascii() or not (mail.isdigit() or (verb, mail) == _ALL):
            raise InputError(f"'{mail}' is no mail's number; 'list' says which wait")
    if len(words) > 1:
        raise InputError(f"'{words[1]}': desk outbox takes no more than a site file")
    return verb, mail, Path(words[0]) if words else None


_ALL = ("retry", "all")


def run(args: argparse.Namespace, settings: "DeskSettings", ask: "Ask") -> int:
    """List, show, or send again what failed."""
    verb, mail, _ = words_of(args)
    if verb == "retry":
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
