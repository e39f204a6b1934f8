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

from scudo_agent.cli.verbs import add_json, group, verb
from scudo_agent.errors import ScudoError

if TYPE_CHECKING:
    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings

    Asking = Callable[[dict[str, Any]], dict[str, Any]]
    Ask = Callable[[DeskSettings, dict[str, Any]], dict[str, Any]]

ACTIONS = ("token", "webhook")


def add_verbs(verbs: "Verbs") -> None:
    """`desk token` and `desk webhook`."""
    _add_token_verbs(group(verbs, "token", "what programs come in with", usual="list"))
    _add_webhook_verbs(
        group(verbs, "webhook", "programs that are told what happens", usual="list")
    )


def _add_token_verbs(tokens: "Verbs") -> None:
    adding = verb(
        tokens,
        "add",
        "make a token for a program of somebody's; it is shown this once",
        example="scudo-agent desk token add me@provider.example nightly "
        "--scopes tickets:read --expires 90d",
    )
    adding.add_argument("mail", metavar="MAIL", help="whose program it is")
    adding.add_argument("name", metavar="NAME", help="what the program is called")
    adding.add_argument(
        "--scopes", metavar="SCOPE,…", help="what it is for, of its person's rights"
    )
    adding.add_argument(
        "--expires", metavar="TIME", help="for how long, such as 90d; default: no end"
    )
    listing = verb(tokens, "list", "list tokens, with when each was last used")
    listing.add_argument("mail", nargs="?", metavar="MAIL", help="this person's only")
    revoking = verb(tokens, "revoke", "make a token void, from its next request on")
    revoking.add_argument("number", metavar="NUMBER", help="as 'list' says")
    for one in (adding, listing):
        add_json(one)


def _add_webhook_verbs(hooks: "Verbs") -> None:
    adding = verb(
        hooks,
        "add",
        "have an address told of what happens; its secret is shown this once",
        example="scudo-agent desk webhook add https://hooks.example/desk acme",
    )
    adding.add_argument("url", metavar="URL", help="https://HOST/…")
    adding.add_argument(
        "customer", nargs="?", metavar="CUSTOMER", help="only of this one; default: all"
    )
    adding.add_argument(
        "--events", metavar="EVENT,…", help="what it is told of; default: everything"
    )
    listing = verb(hooks, "list", "list webhooks, with what waits and what failed")
    verbs_of_one = {
        "show": "show a webhook with its last deliveries",
        "test": "send a webhook a message of no meaning, and say what it answers",
        "retry": "send again what failed, and start it again when it is stopped",
        "remove": "tell that address nothing more",
    }
    made = {}
    for name, text in verbs_of_one.items():
        made[name] = verb(hooks, name, text)
        made[name].add_argument("number", metavar="NUMBER", help="as 'list' says")
    for one in (adding, listing, made["show"]):
        add_json(one)


def run(args: argparse.Namespace, settings: "DeskSettings", ask: "Ask") -> int:
    """Do what the words say."""
    do = _token if args.action == "token" else _webhook
    return do(args, lambda asked: ask(settings, asked))


def _token(args: argparse.Namespace, ask: "Asking") -> int:
    if args.verb == "add":
        return _add_token(args, ask)
    if args.verb == "revoke":
        ask({"do": "desk-token-revoke", "token": args.number})
        print(f"token {args.number} is void: the desk refuses it from now on")
        return 0
    answer = ask({"do": "desk-token-list", "mail": args.mail})
    return _told(args, answer, _tokens(answer["tokens"]))


def _add_token(args: argparse.Namespace, ask: "Asking") -> int:
    from scudo_agent.desk.auth import fingerprint, new_token
    from scudo_agent.instant import parse_duration

    token = new_token()
    answer = ask(
        {
            "do": "desk-token-add",
            "mail": args.mail,
            "name": args.name,
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


def _webhook(args: argparse.Namespace, ask: "Asking") -> int:
    verb = args.verb
    if verb == "list":
        answer = ask({"do": "desk-webhook-list"})
        return _told(args, answer, _webhooks(answer["webhooks"]))
    if verb == "add":
        return _add_webhook(args, ask)
    number = args.number
    answer = ask({"do": f"desk-webhook-{verb}", "webhook": number})
    if verb == "show":
        return _told(args, answer, _deliveries(answer))
    if verb == "test" and answer["error"]:
        raise ScudoError(f"webhook {number}: {answer['url']}: {answer['error']}")
    said = {
        "test": f"{answer.get('url')} took it",
        "retry": f"{answer.get('again')} messages are sent again"
        + _missed(answer.get("missed")),
        "remove": "nothing more is told there",
    }
    print(f"webhook {number}: {said[verb]}")
    return 0


def _add_webhook(args: argparse.Namespace, ask: "Asking") -> int:
    from scudo_agent.desk.webhook_sending import new_secret

    secret = new_secret()
    answer = ask(
        {
            "do": "desk-webhook-add",
            "url": args.url,
            "customer": args.customer,
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


def _list(text: str | None) -> list[str]:
    return [one.strip() for one in (text or "").split(",") if one.strip()]


def _utc(instant: str | None) -> str:
    return "" if instant is None else f"{instant[:16].replace('T', ' ')} UTC"


def _missed(missed: dict[str, str] | None) -> str:
    """From when to when a webhook heard nothing, and where that can be read."""
    if not missed:
        return ""
    span = f"from {missed['since']} to {missed['until']}"
    return f"; it heard nothing {span}: GET {missed['fetch']} has that"
