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
from typing import TYPE_CHECKING, Any

from scudo_agent.cli.verbs import add_embedding, add_json, group, verb
from scudo_agent.errors import InputError

if TYPE_CHECKING:
    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings

    Ask = Callable[[DeskSettings, dict[str, Any]], dict[str, Any]]

ACTIONS = ("user", "customer")
_ROLES = "customer, referent; technician, dispatcher, manager, admin"
_FIELDS = (
    *("name", "role", "customer", "language", "phone", "mail"),
    *("site", "timezone", "contract", "since", "until"),
)
_SAID = {
    "add": "is added; 'desk user invite' mails the way in",
    "invite": "is mailed the way in",
    "role": "has another role",
    "disable": "is locked out, and logged out everywhere",
    "enable": "may come in again",
    "password": "has another password, and is logged out everywhere",
}


def add_verbs(verbs: "Verbs") -> None:
    """`desk user` and `desk customer`."""
    _add_user_verbs(group(verbs, "user", "who may come in", usual="list"))
    customers = group(verbs, "customer", "customers and their sites", usual="list")
    _add_customer_verbs(customers)


def _add_user_verbs(users: "Verbs") -> None:
    adding = verb(
        users,
        "add",
        "add somebody, who cannot come in yet ('invite' adds and mails the way in)",
        example="scudo-agent desk user add me@provider.example --name 'Me' "
        "--role technician",
    )
    inviting = verb(
        users,
        "invite",
        "mail somebody the way in; who is known already needs no options",
        example="scudo-agent desk user invite it@acme.example --name 'IT' "
        "--role referent --customer acme",
    )
    listing = verb(users, "list", "list all who are known, the provider's first")
    listing.add_argument("--customer", metavar="ID", help="this customer's people only")
    _add_limit(listing)
    changing = verb(users, "role", "give somebody another role")
    off = verb(users, "disable", "lock somebody out, and log them out everywhere")
    on = verb(users, "enable", "let somebody in again")
    secret = verb(users, "password", "set a password: typed twice, or from a pipe")
    for one in (adding, inviting, changing, off, on, secret):
        one.add_argument("who", metavar="MAIL", help="the person's mail address")
    for one in (adding, inviting):
        needed = one is adding
        one.add_argument("--name", metavar="NAME", required=needed, help="full name")
        one.add_argument("--role", metavar="ROLE", required=needed, help=_ROLES)
        one.add_argument("--customer", metavar="ID", help="whose; default: ours")
        one.add_argument("--language", metavar="it|en", help="of pages and mails")
        one.add_argument("--phone", metavar="NUMBER", help="how to call somebody")
    changing.add_argument("--role", metavar="ROLE", required=True, help=_ROLES)
    for one in (adding, inviting, listing, changing, off, on, secret):
        add_embedding(one)
        add_json(one)


def _add_customer_verbs(customers: "Verbs") -> None:
    adding = verb(
        customers,
        "add",
        "add a customer with a first site",
        example="scudo-agent desk customer add acme --name 'ACME' "
        "--mail it@acme.example --at acme-milano --timezone Europe/Rome",
    )
    listing = verb(customers, "list", "list all customers with their sites")
    _add_limit(listing)
    showing = verb(customers, "show", "show a customer with sites and contracts")
    changing = verb(
        customers, "change", "change what is named, or add a site with --at"
    )
    covering = verb(
        customers,
        "contract",
        "write down from which day to which a contract holds for a site",
        example="scudo-agent desk customer contract acme --at acme-milano "
        "--contract acme-2027 --from 2027-01-01",
    )
    for one in (adding, showing, changing, covering):
        one.add_argument("who", metavar="ID", help="the customer's short name")
    for one in (adding, changing):
        needed = one is adding
        one.add_argument("--name", metavar="NAME", required=needed, help="as it is")
        one.add_argument(
            "--mail", metavar="MAIL", required=needed, help="where its notices go"
        )
        one.add_argument("--language", metavar="it|en", help="of its mails")
        _add_site(one, needed=needed)
        one.add_argument(
            "--timezone", metavar="ZONE", required=needed, help="such as Europe/Rome"
        )
        one.add_argument("--contract", metavar="ID", help="the contract that it has")
    _add_site(covering, needed=True)
    covering.add_argument(
        "--contract", metavar="ID", required=True, help="one that the desk knows"
    )
    covering.add_argument(
        "--from", dest="since", metavar="DATE", required=True, help="its first day"
    )
    covering.add_argument("--until", metavar="DATE", help="its last day")
    for one in (adding, listing, showing, changing, covering):
        add_embedding(one)
        add_json(one)


def _add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit",
        type=_at_least_one,
        metavar="N",
        help="no more lines than so many; default: all",
    )


def _at_least_one(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise argparse.ArgumentTypeError("is a number of lines from 1 on")
    return int(text[:9])


def _add_site(parser: argparse.ArgumentParser, *, needed: bool) -> None:
    """`--at`: `SITE` is the file of the desk's own site."""
    parser.add_argument(
        "--at",
        dest="at_site",
        metavar="CUSTOMERS-SITE",
        required=needed,
        help="the short name of a site of the customer",
    )


def run(args: argparse.Namespace, settings: "DeskSettings", ask: "Ask") -> int:
    """Do what the words say."""
    verb, what = args.verb, (args.action, args.verb)
    has_file = settings.database is not None or (settings.folder / "desk.db").exists()
    if not has_file and verb not in ("add", "invite"):
        raise InputError(
            f"{settings.folder}: no desk has run here; name its settings with "
            "--settings, or end with the site file whose agent embeds it"
        )
    asked = {"do": f"desk-{args.action}-{verb}", **_options(args)}
    if verb != "list":
        asked["mail" if args.action == "user" else "customer"] = args.who
    if what == ("user", "password"):
        asked["password"] = _typed(args.who)
    if verb == "list":
        return _told(args, verb, _listed(settings, asked, ask, args.limit))
    code = _told(args, verb, ask(settings, asked))
    if verb == "invite" and settings.mail.smtp is None and not args.json:
        place = settings.maildir
        print(f"no SMTP server is configured: a running desk puts it into {place}")
    return code


def _listed(
    settings: "DeskSettings", asked: dict[str, Any], ask: "Ask", limit: int | None
) -> dict[str, Any]:
    """All lines, or the first so many: an answer of the desk has a part of them."""
    whole = ask(settings, asked)
    name = "users" if "users" in whole else "customers"
    lines, size = whole[name], len(whole[name])
    wanted = whole["total"] if limit is None else min(limit, whole["total"])
    while size and len(lines) < wanted:
        part = ask(settings, asked | {"after": len(lines)})[name]
        lines, size = lines + part, len(part)
    return whole | {name: lines[:wanted]}


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """What the options of the verb said."""
    given = vars(args) | {"site": getattr(args, "at_site", None)}
    return {name: given[name] for name in _FIELDS if given.get(name) is not None}


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
    return [f"and {left} more"] if left else []


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
