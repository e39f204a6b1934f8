"""`scudo-agent tickets`: the queue at the desk, or the history of one ticket."""

import argparse
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from scudo_agent.cli.common import (
    add_site,
    left_lines,
    load_for_desk,
    open_store,
    site_path,
    state_folder,
)
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.instant import parse_instant, to_datetime

if TYPE_CHECKING:
    from scudo_agent.config.site import DeskLink, Site

_TIMEOUT_S = 10.0
_GAP = "   "
_NARROWEST = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tickets`."""
    parser.add_argument("ref", nargs="?", metavar="REF", help="such as SC-7F3K-9QZ2")
    add_site(parser)
    add_desk(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def add_desk(parser: argparse.ArgumentParser) -> None:
    """Where an embedded desk is."""
    parser.add_argument(
        "--desk", type=Path, metavar="FILE", help="settings of an embedded desk"
    )


def ask(args: argparse.Namespace, site: "Site", ref: str | None) -> Any:
    """One ticket, or all, as the desk has them; `ScudoError` if it cannot be asked."""
    if site.desk.url is None:
        return _embedded(args, site, ref)
    return _remote(site.desk, ref)


def run(args: argparse.Namespace) -> int:
    """Print the tickets; from the desk's file when the desk is embedded."""
    ref = args.ref.strip().upper() if args.ref else None
    site = load_for_desk(args)
    document = ask(args, site, ref)
    if args.json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    elif isinstance(document, list):
        left = left_lines(site, state_folder(args))
        print("\n".join([*left, *_queue(document)]))
    else:
        width = max(_NARROWEST, shutil.get_terminal_size((100, 24)).columns)
        print("\n".join(_one(document, width)))
    return 0


def _embedded(args: argparse.Namespace, site: "Site", ref: str | None) -> Any:
    """From the desk's database, whether the desk runs or not."""
    from scudo_agent.agent.desks import desk_settings
    from scudo_agent.clock import SystemClock
    from scudo_agent.desk.clock_words import promised_json, promised_lines
    from scudo_agent.desk.store.clocking import Clocks, Promised
    from scudo_agent.desk.store.keeping import readable
    from scudo_agent.desk.store.scope import Scope
    from scudo_agent.desk.store.views import Views
    from scudo_agent.desk.ticket_json import view_json
    from scudo_agent.locale import translator

    if (state_folder(args) / "agent.db").exists():
        open_store(site, state_folder(args)).close()
    desk_file = args.desk or site_path(args).parent / "desk.yaml"
    settings = desk_settings(desk_file, state_folder(args))
    database = readable(settings.folder, settings.server())
    try:
        views, scope = Views(database), Scope.of_staff()
        clocks = Clocks(database, SystemClock().wall)
        if ref is None:
            return promised_lines(clocks, scope, views.tickets(scope))
        view = views.ticket(scope, ref)
        promised = clocks.of(scope, ref) or Promised()
    finally:
        database.close()
    if view is None:
        raise _unknown(ref)
    told = {"promised": promised_json(promised)}
    return view_json(view, translator("en")) | told


def _remote(link: "DeskLink", ref: str | None) -> Any:
    """From a remote desk, as the agent whose key the site file names."""
    import httpx

    from scudo_agent.ticketing.key import bearer

    assert link.url is not None
    assert link.key is not None
    path = f"{link.url.rstrip('/')}/v1/agents/self/tickets"
    try:
        reply = httpx.get(
            path if ref is None else f"{path}/{ref}",
            headers=bearer(link.key),
            verify=str(link.ca) if link.ca else True,
            timeout=_TIMEOUT_S,
            trust_env=False,
        )
        if reply.status_code == 404 and ref is not None:
            raise _unknown(ref)
        if reply.status_code != 200:
            raise ScudoError(f"{link.url}: {_refusal(reply.status_code)}")
        return reply.json()
    except (httpx.HTTPError, OSError, ValueError) as exc:
        raise ScudoError(f"{link.url}: the desk cannot be asked: {exc}") from None


def _refusal(status: int) -> str:
    if status in (401, 403):
        return f"the desk does not accept this agent's key ({status})"
    return f"the desk answered {status}"


def _unknown(ref: str) -> InputError:
    return InputError(f"{ref}: the desk has no such ticket")


def _queue(tickets: list[dict[str, Any]]) -> Iterator[str]:
    if not tickets:
        yield "no tickets"
        return
    # All of one site as a rule; of several sites each time is its own place's.
    zones = {one["zone"] for one in tickets}
    since = f"SINCE ({zones.pop() if len(zones) == 1 else 'local'})"
    yield f"{'TICKET':13}  SEV  {'CONDITION':12}  {since:19}  {'NEXT CLOCK':30}  WHAT"
    for one in tickets:
        severity = "-" if one["severity"] is None else str(one["severity"])
        condition = _condition(one)
        at = _local(one["since"], one["zone"], "%Y-%m-%d %H:%M:%S")
        at = at.ljust(len(since))
        clock = _next_clock(one)
        facts = f"{one['ref']:13}  {severity:3}  {condition:12}  {at}"
        yield f"{facts}  {clock:30}  {_title(one)}"


def _next_clock(ticket: dict[str, Any]) -> str:
    """The running clock that is due first: which, and when."""
    running = [one for one in _told_clocks(ticket) if one["due"] and _runs(one)]
    if not running or ticket["status"] == "closed":
        return "-"
    first = min(running, key=lambda one: parse_instant(one["due"]))
    due = _local(first["due"], ticket["zone"], "%m-%d %H:%M")
    return f"{first['until']} by {due}" + (" LATE" if first["left_s"] < 0 else "")


def _clocks(ticket: dict[str, Any]) -> Iterator[str]:
    """Every clock of one ticket: name, how it stands, when it is due, what is left."""
    from scudo_agent.cli.screen import span

    for one in _told_clocks(ticket):
        unit = one["unit"].replace("_", " ")
        facts = [f"clock {one['name']} ({one['until']} within {one['within']} {unit})"]
        facts.append(one["state"])
        if one["due"]:
            facts.append(f"due {_local(one['due'], ticket['zone'], '%Y-%m-%d %H:%M')}")
        left = one["left_s"]
        if _runs(one) or one["state"] == "paused":
            said = f"{span(abs(left) * 1_000_000)} of working time"
            facts.append(f"{said} left" if left >= 0 else f"{said} late")
        yield _GAP.join(facts)


def _told_clocks(ticket: dict[str, Any]) -> list[dict[str, Any]]:
    """A desk of an older version tells none."""
    return list((ticket.get("promised") or {}).get("clocks", ()))


def _runs(clock: dict[str, Any]) -> bool:
    return clock["ended"] is None and clock["state"] in ("running", "missed")


def _condition(ticket: dict[str, Any]) -> str:
    """How the thing is, and of a ticket that is closed that it is."""
    if ticket["status"] == "closed":
        return "closed"
    return str(ticket["condition"]).replace("_", " ")


def _one(ticket: dict[str, Any], width: int) -> Iterator[str]:
    """The facts, then what happened, as many happenings a line as there is room."""
    facts = [ticket["ref"], _title(ticket), _condition(ticket)]
    if ticket["severity"] is not None:
        rule = f" ({ticket['rule']})" if ticket["rule"] else ""
        facts.insert(1, f"severity {ticket['severity']}{rule}")
    facts += _life(ticket)
    yield _GAP.join(facts)
    yield from _clocks(ticket)
    day = ""
    days: dict[str, list[str]] = {}
    for happening in ticket["history"]:
        day = _local(happening["at"], ticket["zone"], "%Y-%m-%d")
        time = _local(happening["at"], ticket["zone"], "%H:%M:%S")
        days.setdefault(day, []).append(f"{time} {happening['text']}")
    for day, happenings in days.items():
        yield f"{day} ({ticket['zone']})"
        yield from _flow(happenings, width)
    for mail in ticket["mails_waiting"]:
        why = f": {mail['error']}" if mail["error"] else ""
        yield f"mail of '{mail['kind']}' is {mail['state']}{why}"


def _life(ticket: dict[str, Any]) -> Iterator[str]:
    """Where people have it: a desk of an older version says nothing of that."""
    from scudo_agent.locale.formats import clean

    if ticket["status"] not in ("new", "closed"):
        yield str(ticket["status"]).replace("_", " ")
    if assignee := ticket.get("assignee"):
        yield f"in hand: {clean(assignee['name'])}"


def _flow(pieces: Iterable[str], width: int) -> Iterator[str]:
    line = ""
    for piece in pieces:
        longer = f"{line}{_GAP}{piece}" if line else piece
        if line and len(longer) > width:
            yield line
            longer = piece
        line = longer
    if line:
        yield line


def _title(ticket: dict[str, Any]) -> str:
    titles = ticket["title"]
    name = titles.get("en") or next(iter(titles.values()), "") or ticket["subject"]
    return f"{name} at {ticket['site']}"


def _local(instant: str, zone: str, form: str) -> str:
    at = to_datetime(parse_instant(instant))
    return at.astimezone(ZoneInfo(zone)).strftime(form)
