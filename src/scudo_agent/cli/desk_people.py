"""`scudo-agent desk user | customer`: who may come in, and whose sites there are.

desk user add MAIL --name NAME --role ROLE [--customer ID] [--language it] [--phone N]
desk user invite MAIL [as add]        a mail with the way in; again, if he is known
desk user list [--customer ID]
desk user role MAIL --role ROLE | disable MAIL | enable MAIL | password MAIL
desk customer add ID --name NAME --mail MAIL --at SITE --timezone ZONE [--contract ID]
desk customer list | show ID
desk customer change ID [--name …] [--mail …] [--language …] [--at SITE …]
desk customer contract ID --at SITE --contract ID --from DATE [--until DATE]

A last word `….yaml` is the site whose agent embeds the desk.
"""

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from scudo_agent.desk.settings import DeskSettings

    Ask = Callable[[DeskSettings, dict[str, Any]], dict[str, Any]]

ACTIONS = ("user", "customer")
_USER = ("name", "role", "customer", "language", "phone")
_CUSTOMER = ("name", "mail", "language", "site", "timezone", "contract")
_TAKES: dict[tuple[str, str], tuple[str, ...]] = {
    ("user", "add"): _USER,
    ("user", "invite"): _USER,
    ("user", "list"): ("customer",),
    ("user", "role"): ("role",),
    ("user", "disable"): (),
    ("user", "enable"): (),
    ("user", "password"): (),
    ("customer", "add"): _CUSTOMER,
    ("customer", "list"): (),
    ("customer", "show"): (),
    ("customer", "change"): _CUSTOMER,
    ("customer", "contract"): ("site", "contract", "since", "until"),
}
_NEEDS = {
    ("user", "add"): ("name", "role"),
    ("user", "role"): ("role",),
    ("customer", "add"): ("name", "mail", "site", "timezone"),
    ("customer", "contract"): ("site", "contract", "since"),
}
_FLAGS = {"site": "--at", "since": "--from"}
_SAID = {
    "add": "is added; 'desk user invite' mails the way in",
    "invite": "is mailed the way in",
    "role": "has another role",
    "disable": "is locked out, and logged out everywhere",
    "enable": "may come in again",
    "password": "has another password, and is logged out everywhere",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `desk user` and `desk customer`."""
    group = parser.add_argument_group("with user and customer")
    group.add_argument("--name", metavar="NAME", help="how somebody is called")
    group.add_argument("--mail", metavar="MAIL", help="where a customer's notices go")
    group.add_argument(
        "--role",
        metavar="ROLE",
        help="customer, referent; technician, dispatcher, manager, admin",
    )
    group.add_argument(
        "--customer", metavar="ID", help="whose people; default: ours; of export: whose"
    )
    group.add_argument("--language", metavar="it|en", help="of pages and mails")
    group.add_argument("--phone", metavar="NUMBER", help="how to call somebody")
    group.add_argument("--at", dest="at_site", metavar="SITE", help="a customer's site")
    group.add_argument("--timezone", metavar="ZONE", help="its zone: Europe/Rome")
    group.add_argument("--contract", metavar="ID", help="the contract that it has")
    group.add_argument(
        "--until", metavar="DATE", help="with customer contract: its last day"
    )


def site_of(args: argparse.Namespace) -> Path | None:
    """The site file that the words end with, if any."""
    words = [args.site, *args.more]
    last = words[-1]
    if last is not None and str(last).endswith((".yaml", ".yml")):
        return Path(last)
    return None


def run(args: argparse.Namespace, settings: "DeskSettings", ask: "Ask") -> int:
    """Do what the words say."""
    words = [str(word) for word in (args.site, *args.more) if word is not None]
    if site_of(args) is not None:
        words.pop()
    verb, *rest = words or ["list"]
    what = (args.action, verb)
    if what not in _TAKES:
        known = ", ".join(verb for action, verb in _TAKES if action == args.action)
        raise InputError(f"'desk {args.action} {verb}': it is one of {known}")
    has_file = settings.database is not None or (settings.folder / "desk.db").exists()
    if not has_file and verb not in ("add", "invite"):
        raise InputError(
            f"{settings.folder}: no desk has run here; name its settings with "
            "--settings, or end with the site file whose agent embeds it"
        )
    asked = {"do": f"desk-{args.action}-{verb}", **_options(args, what)}
    if verb == "list":
        if rest:
            raise InputError(f"'{rest[0]}': 'desk {args.action} list' takes no words")
    else:
        key = "MAIL" if args.action == "user" else "ID"
        if len(rest) != 1:
            raise InputError(f"who? desk {args.action} {verb} {key}")
        asked["mail" if key == "MAIL" else "customer"] = rest[0]
    if what == ("user", "password"):
        asked["password"] = _typed(rest[0])
    return _told(args, verb, ask(settings, asked))


def _options(args: argparse.Namespace, what: tuple[str, str]) -> dict[str, Any]:
    """The options that go with the words; `InputError` for others, or for too few."""
    given = {name: getattr(args, name) for name in (*_USER, *_CUSTOMER)}
    since = None if args.from_ is None else str(args.from_)
    given |= {"site": args.at_site, "since": since, "until": args.until}
    action, verb = what
    for name, value in given.items():
        if value is not None and name not in _TAKES[what]:
            flag = _FLAGS.get(name, f"--{name}")
            raise InputError(f"{flag} does not go with 'desk {action} {verb}'")
    missing = [one for one in _NEEDS.get(what, ()) if given[one] is None]
    if missing:
        flags = ", ".join(_FLAGS.get(one, f"--{one}") for one in missing)
        raise InputError(f"'desk {action} {verb}' needs {flags}")
    return {name: value for name, value in given.items() if value is not None}


def _typed(mail: str) -> str:
    """A password from the terminal, twice, or the first line of a pipe; no echo."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"new password of {mail}: ")
    if getpass.getpass("the same again: ") != password:
        raise InputError("the two passwords are not the same")
    return password


def _told(args: argparse.Namespace, verb: str, answer: dict[str, Any]) -> int:
    if args.json:
        told = {name: value for name, value in answer.items() if name != "ok"}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    if "users" in answer:
        lines = [_user(one) for one in answer["users"]] or ["nobody may come in yet"]
        print("\n".join([*lines, *_more(answer, "users")]))
    elif "customers" in answer:
        lines = [_customer(one) for one in answer["customers"]] or ["no customer"]
        print("\n".join([*lines, *_more(answer, "customers")]))
    elif "customer" in answer:
        print("\n".join(_whole(answer["customer"])))
    else:
        print(f"{answer['user']['mail']} {_SAID[verb]}")
    return 0


def _more(answer: dict[str, Any], what: str) -> list[str]:
    left = answer["total"] - len(answer[what])
    return [f"and {left} more; the page of people has all"] if left else []


def _user(one: dict[str, Any]) -> str:
    whose = one["customer"] or "ours"
    until = f" until {one['invited_until']:.16}Z" if one["invited_until"] else ""
    return (
        f"{one['mail']}  {one['name']}  {one['role']}  {whose}  {one['state']}{until}"
    )


def _customer(one: dict[str, Any]) -> str:
    sites = ", ".join(site["site"] for site in one["sites"]) or "no site"
    return f"{one['customer']}  {one['name']}  {one['mail']}  {sites}"


def _whole(one: dict[str, Any]) -> Iterator[str]:
    yield f"{one['customer']}  {one['name']}"
    yield f"mail      {one['mail'] or '–'}"
    yield f"language  {one['language']}"
    yield f"people    {one['people']}"
    for site in one["sites"]:
        contract = site["contract"] or "no contract"
        yield f"site      {site['site']}, {site['timezone']}, {contract}"
    for held in one.get("contracts", ()):
        until = f"until {held['until']}" if held["until"] else "on"
        yield f"contract  {held['contract']}, from {held['from']} {until}"
