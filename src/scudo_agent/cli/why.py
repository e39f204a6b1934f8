"""`scudo-agent why SERVICE`: why it is in its state, and who was told when."""

import argparse
import json
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from scudo_agent.cli import tickets
from scudo_agent.cli.common import (
    add_site,
    current_status,
    load_for_desk,
    open_store,
    state_folder,
)
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.incident import Rule, split_subject
from scudo_agent.instant import DAY, Instant, parse_instant

if TYPE_CHECKING:
    from scudo_agent.config.site import Site

_WIDTH = 80
_MAIL = "mail"
_TOLD = ("at", "kind", "text", "detail", "actor")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `why`."""
    parser.add_argument("service", metavar="SERVICE", help="a service of the site")
    add_site(parser)
    tickets.add_desk(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print what is known."""
    from scudo_agent.agent.why import why_document

    site, state = load_for_desk(args), state_folder(args)
    if args.service not in site.services:
        known = ", ".join(site.services) or "none"
        raise InputError(f"'{args.service}' is no service of {site.id}; it has {known}")
    status = current_status(site, state)
    reader = open_store(site, state)
    try:
        document = why_document(site, args.service, status, reader)
    finally:
        reader.close()
    for incident in document["incidents"]:
        incident |= _desk(args, site, incident["ticket"])
    if args.json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_Teller(document).lines()))
    return 0


def _desk(args: argparse.Namespace, site: "Site", ref: str | None) -> dict[str, Any]:
    """What the desk says of a ticket; why not, when it cannot be asked."""
    if ref is None:
        return {"mails": None, "desk": "the desk has not confirmed a ticket yet"}
    try:
        ticket = tickets.ask(args, site, ref)
    except ScudoError as exc:
        return {"mails": None, "desk": str(exc)}
    mails = [
        {key: one[key] for key in _TOLD}  # a later desk may say more
        for one in ticket["history"]
        if one["kind"].startswith(_MAIL)
    ]
    return {"mails": mails, "desk": f"{ticket['status']}, {ticket['condition']}"}


class _Teller:
    """Tells the document in plain words, 80 columns wide."""

    def __init__(self, document: dict[str, Any]) -> None:
        from scudo_agent.cli.screen import Screen

        self._document = document
        self._screen = Screen(document["zone"])
        self._now = parse_instant(document["at"])

    def lines(self) -> Iterator[str]:
        """All of it."""
        for line in self._told():
            indent = " " * (len(line) - len(line.lstrip()) + 4)
            yield from textwrap.wrap(
                line, _WIDTH, subsequent_indent=indent, break_on_hyphens=False
            ) or [""]

    def _told(self) -> Iterator[str]:
        yield from self._state()
        yield from self._left()
        yield ""
        for check in self._document["checks"]:
            yield from self._check(check)
        for incident in self._document["incidents"]:
            yield ""
            yield from self._incident(incident)
        if not self._document["incidents"]:
            yield ""
            yield "no incident was ever opened for it"

    def _state(self) -> Iterator[str]:
        service = self._document["service"]
        name = self._screen.title(service)
        since = service["since"]
        when = f" since {self._when(since)}" if since else ""
        asked = "" if self._document["live"] else ", as it was when the agent stopped"
        yield f"{name} ({service['service']}) is {service['state']}{when}{asked}"
        yield f"times: {self._document['zone']}"
        checks = {c["check"]: c["state"] for c in self._document["checks"]}
        members = ", ".join(f"{path} {checks[path]}" for path in service["checks"])
        yield f"it needs {service['need']} of: {members}"
        if (isolated := self._document["isolated_since"]) is not None:
            since = self._when(isolated)
            yield (
                f"the agent is isolated since {since}: nothing outside its host "
                "answers, and no service is blamed for that"
            )

    def _left(self) -> Iterator[str]:
        left = self._document["left"]
        document = {
            "mutes": [one for one in left["orders"] if one["kind"] == "mute"],
            "pauses": [one for one in left["orders"] if one["kind"] == "pause"],
            "windows": left["windows"],
            "planned": left["planned"],
        }
        yield from self._screen.left(document, self._now)

    def _check(self, check: dict[str, Any]) -> Iterator[str]:
        above = "" if check["member"] else " (the service depends on it)"
        since = f" since {self._when(check['since'])}" if check["since"] else ""
        yield f"{check['check']}{above}: {check['state']}{since}"
        if check["first_bad"] is not None:
            first, sure = self._when(check["first_bad"]), self._when(check["confirmed"])
            many = check["confirm"]
            yield f"    first failure {first}, confirmed {sure} ({many} in a row)"
        elif check["failing"]:
            yield f"    failing {check['failing']} of {check['confirm']}"
        if check.get("held"):
            # Such as `window:w1`; a mute stands above with who and why.
            ends = ("the mute" if h.startswith("mute:") else h for h in check["held"])
            held = ", ".join(dict.fromkeys(ends)).replace("window:", "window ")
            yield f"    its ticket waits for the end of {held}"
        if check["seen"] is not None:
            yield f"    last seen {self._when(check['last'])}: {self._say(check)}"
        if check["state"] != "up" and check["last_good"] is not None:
            yield f"    last good {self._when(check['last_good'])}"

    def _say(self, check: dict[str, Any]) -> str:
        return self._screen.say(check["seen"])

    def _incident(self, incident: dict[str, Any]) -> Iterator[str]:
        kind, name = split_subject(incident["subject"])
        cause = f"service {name}" if kind == "service" else name or kind
        state = "open" if incident["open"] else "over"
        yield f"incident of {cause}, {state}, since {self._when(incident['since'])}"
        if incident["severity"] is not None and incident["rule"] is not None:
            rule = Rule(incident["rule"])
            reason = self._screen.say(rule.reason.to_json())
            yield f"    severity {incident['severity']} ({rule}): {reason}"
        stages = incident["stages"]
        if stages:
            members = dict.fromkeys(m for s in stages for m in s["members"])
            affected = dict.fromkeys(a for s in stages for a in s["affected"])
            took = f"; it takes along {', '.join(affected)}" if affected else ""
            yield f"    checks in it: {', '.join(members)}{took}"
        if incident["recovered"] is not None:
            yield f"    recovered {self._when(incident['recovered'])}"
        ticket = incident["ticket"] or "no ticket"
        yield f"    {ticket} at the desk: {incident['desk']}"
        told = [*self._stages(stages), *self._mails(incident["mails"] or ())]
        for _, lines in sorted(told, key=lambda one: one[0]):
            yield from lines

    def _stages(
        self, stages: list[dict[str, Any]]
    ) -> Iterator[tuple[Instant, list[str]]]:
        for stage in stages:
            told = stage["told_desk"]
            desk = f"the desk knew it {self._when(told)}" if told else "not told yet"
            lines = [f"    {self._when(stage['at'])} {stage['kind']} ({desk})"]
            if stage["note"] is not None:
                lines.append(f"        {self._screen.say(stage['note'])}")
            yield parse_instant(stage["at"]), lines

    def _mails(
        self, mails: Iterable[dict[str, Any]]
    ) -> Iterator[tuple[Instant, list[str]]]:
        for mail in mails:
            detail = f": {mail['detail']}" if mail["detail"] else ""
            line = f"    {self._when(mail['at'])} {mail['text']}{detail}"
            yield parse_instant(mail["at"]), [line]

    def _when(self, instant: str) -> str:
        """`10:04:12`, with the day when it is not within the last one."""
        at = parse_instant(instant)
        if 0 <= self._now - at < DAY:
            return self._screen.clock(at)
        return self._screen.day(Instant(at))
