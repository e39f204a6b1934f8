"""`scudo-agent desk token | webhook`: the programs that the desk speaks with.

desk token add MAIL NAME --scopes tickets:read,webhooks [--expires 90d]
desk token list [MAIL]
desk token revoke NUMBER
desk webhook add URL [CUSTOMER] [--events ticket.opened,ticket.closed]
desk webhook list | show NUMBER | test NUMBER | retry NUMBER | remove NUMBER
"""

import argparse
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from scudo_agent.errors import InputError, ScudoError

if TYPE_CHECKING:
    from scudo_agent.desk.settings import DeskSettings

    Ask = Callable[[DeskSettings, dict[str, Any]], dict[str, Any]]

ACTIONS = ("token", "webhook")
_VERBS = {
    "token": ("add", "list", "revoke"),
    "webhook": ("add", "list", "show", "test", "retry", "remove"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `desk token` and `desk webhook`."""
    parser.add_argument(
        "--scopes",
        metavar="SCOPE,…",
        help="with token add: what it is for, of its person's rights",
    )
    parser.add_argument(
        "--expires", metavar="TIME", help="with token add: for how long, such as 90d"
    )
    parser.add_argument(
        "--events",
        metavar="EVENT,…",
        help="with webhook add: what it is told of; default: everything",
    )


def run(args: argparse.Namespace, settings: "DeskSettings", ask: "Ask") -> int:
    """Do what the words say."""
    words = [str(word) for word in (args.site, *args.more) if word is not None]
    verb, *rest = words or ["list"]
    if verb not in _VERBS[args.action]:
        known = ", ".join(_VERBS[args.action])
        raise InputError(f"'desk {args.action} {verb}': it is one of {known}")
    if args.action == "token":
        return _token(args, verb, rest, lambda asked: ask(settings, asked))
    return _webhook(args, verb, rest, lambda asked: ask(settings, asked))


def _token(
    args: argparse.Namespace,
    verb: str,
    words: list[str],
    ask: Callable[[dict[str, Any]], dict[str, Any]],
) -> int:
    if verb == "add":
        return _add_token(args, words, ask)
    if verb == "revoke":
        ask({"do": "desk-token-revoke", "token": _one(words, "token revoke NUMBER")})
        print(f"token {words[0]} is void: the desk refuses it from now on")
        return 0
    mail = _one(words, "token list [MAIL]") if words else None
    answer = ask({"do": "desk-token-list", "mail": mail})
    return _told(args, answer, _tokens(answer["tokens"]))


def _add_token(
    args: argparse.Namespace,
    words: list[str],
    ask: Callable[[dict[str, Any]], dict[str, Any]],
) -> int:
    from scudo_agent.desk.auth import fingerprint, new_token
    from scudo_agent.instant import parse_duration

    if len(words) != 2:
        raise InputError("whose, and what for? desk token add MAIL NAME --scopes …")
    token = new_token()
    answer = ask(
        {
            "do": "desk-token-add",
            "mail": words[0],
            "name": words[1],
            "scopes": _list(args.scopes),
            "life_us": None if args.expires is None else parse_duration(args.expires),
            "token_sha256": fingerprint(token),
        }
    )
    if args.json:
        print(json.dumps(answer["token"] | {"secret": token}, indent=2))
    else:
        print(
            f"{token}\nis shown this once; its number is {answer['token']['token_id']}"
        )
    return 0


def _webhook(
    args: argparse.Namespace,
    verb: str,
    words: list[str],
    ask: Callable[[dict[str, Any]], dict[str, Any]],
) -> int:
    if verb == "list":
        answer = ask({"do": "desk-webhook-list"})
        return _told(args, answer, _webhooks(answer["webhooks"]))
    if verb == "add":
        return _add_webhook(args, words, ask)
    number = _one(words, f"webhook {verb} NUMBER")
    answer = ask({"do": f"desk-webhook-{verb}", "webhook": number})
    if verb == "show":
        return _told(args, answer, _deliveries(answer))
    if verb == "test" and answer["error"]:
        raise ScudoError(f"webhook {number}: {answer['url']}: {answer['error']}")
    said = {
        "test": f"{answer.get('url')} took it",
        "retry": f"{answer.get('again')} messages are sent again",
        "remove": "nothing more is told there",
    }
    print(f"webhook {number}: {said[verb]}")
    return 0


def _add_webhook(
    args: argparse.Namespace,
    words: list[str],
    ask: Callable[[dict[str, Any]], dict[str, Any]],
) -> int:
    from scudo_agent.desk.webhook_sending import new_secret

    if not 1 <= len(words) <= 2:
        raise InputError("where to? desk webhook add URL [CUSTOMER] [--events …]")
    secret = new_secret()
    answer = ask(
        {
            "do": "desk-webhook-add",
            "url": words[0],
            "customer": words[1] if len(words) == 2 else None,
            "events": _list(args.events),
            "secret": secret,
        }
    )
    if args.json:
        print(json.dumps(answer["webhook"] | {"secret": secret}, indent=2))
    else:
        number = answer["webhook"]["webhook_id"]
        print(f"{secret}\nis shown this once; webhook {number} signs with it")
    return 0


def _told(
    args: argparse.Namespace, answer: dict[str, Any], lines: Iterator[str]
) -> int:
    if args.json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines))
    return 0


def _tokens(tokens: list[dict[str, Any]]) -> Iterator[str]:
    if not tokens:
        yield "no program has a token"
    for one in tokens:
        used = _utc(one["used"]) or "never used"
        end = f"expires {_utc(one['expires'])}" if one["expires"] else "without an end"
        if one["revoked"]:
            end = f"revoked {_utc(one['revoked'])}"
        yield (
            f"{one['token_id']}  {one['mail']}  {one['name']}  "
            f"{' '.join(one['scopes'])}; {end}; last used: {used}"
        )


def _webhooks(hooks: list[dict[str, Any]]) -> Iterator[str]:
    if not hooks:
        yield "there is no webhook"
    for one in hooks:
        state = f"{one['waiting']} wait, {one['failed']} failed"
        if one["disabled"]:
            state = f"stopped {_utc(one['disabled'])}: {one['why']}; {state}"
        whose, what = one["customer"] or "of all", " ".join(one["events"]) or "all"
        yield f"{one['webhook_id']}  {one['url']}  {whose}  {what}; {state}"


def _deliveries(answer: dict[str, Any]) -> Iterator[str]:
    yield from _webhooks([answer["webhook"]])
    for one in answer["deliveries"]:
        why = f", {one['attempts']} attempts: {one['error']}" if one["error"] else ""
        yield f"  {_utc(one['created'])}  {one['event']}  {one['state']}{why}"


def _one(words: list[str], usage: str) -> str:
    if len(words) != 1:
        raise InputError(f"which one? desk {usage}")
    return words[0]


def _list(text: str | None) -> list[str]:
    return [one.strip() for one in (text or "").split(",") if one.strip()]


def _utc(instant: str | None) -> str:
    return "" if instant is None else f"{instant[:16].replace('T', ' ')} UTC"
