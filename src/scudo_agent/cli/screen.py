"""The table of what is watched and the lines of what happens, as text."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from scudo_agent.cli.left_alone import LeftAlone
from scudo_agent.instant import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Instant,
    local_stamp,
    parse_instant,
    to_datetime,
)
from scudo_agent.locale import translator

SHAPES = {"up": "●", "degraded": "◐", "down": "✕", "unknown": "?"}
COLOURS = {"up": "green", "degraded": "yellow", "down": "red", "unknown": "dim"}
HEAD = ("SERVICE / CHECK", "STATE", "FOR", "LAST", "SEEN", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; `state` is the word that gives shape and colour."""

    name: str
    state: str
    for_: str
    last: str
    seen: str
    remark: str = ""
    service: bool = False


def span(us: int) -> str:
    """How long, short enough for a column: `0:06`, `12:41`, `3 h 05`, `2 d 4 h`."""
    if us < HOUR:
        return f"{us // MINUTE}:{us % MINUTE // SECOND:02d}"
    if us < DAY:
        return f"{us // HOUR} h {us % HOUR // MINUTE:02d}"
    return f"{us // DAY} d {us % DAY // HOUR} h"


class Screen:
    """Renders status documents of one site, in English and the site's zone."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._translator = translator("en")
        self._left = LeftAlone(zone)

    def clock(self, at: int) -> str:
        """`10:04:12` in the site's zone."""
        local = to_datetime(Instant(at)).astimezone(ZoneInfo(self._zone))
        return local.strftime("%H:%M:%S")

    def day(self, at: int) -> str:
        """`22 Nov 10:04:12` in the site's zone."""
        local = to_datetime(Instant(at)).astimezone(ZoneInfo(self._zone))
        return local.strftime("%d %b %H:%M:%S")

    def title(self, service: Mapping[str, Any]) -> str:
        """A service as people call it."""
        return self._translator.title(service["title"], service["service"])

    def say(self, text: Mapping[str, Any] | None) -> str:
        """A `Text` in its JSON form, as one line."""
        if not text:
            return ""
        said = self._translator.render(text, zone=self._zone)
        return " ".join(said.split())

    def head(self, document: Mapping[str, Any]) -> Iterator[str]:
        """What stands above the table: who, how old, and what is wrong."""
        # All times of the screen are those of this zone.
        name = f"{document['site']} · {document['customer']} · {self._zone}"
        at = parse_instant(document["at"])
        if not document["live"]:
            age = span(max(parse_instant(document["read_at"]) - at, 0))
            how = f"the agent is stopped ({document['stopped']})"
            if "silent_pid" in document:
                how = f"the agent runs (pid {document['silent_pid']}), but is silent"
            yield f"{name} · {how}: as it was at {self.clock(at)}, {age} ago"
            yield from self.left(document, parse_instant(document["read_at"]))
            return
        yield f"{name} · {self.clock(at)}"
        if document["isolated_since"]:
            since = self.clock(parse_instant(document["isolated_since"]))
            yield f"the agent is isolated since {since}: only local checks are judged"
        offset = document["clock"]["offset_us"]
        if abs(offset) > 2 * SECOND:
            yield f"the wall clock is {offset / SECOND:+.1f} s off what is recorded"
        if document["store_error"]:
            yield f"nothing is stored: {document['store_error']}"
        if document.get("store_reserve_used"):
            yield "the disk is full: the store lives on its reserve, make space"
        yield from document.get("store_losses", [])[-1:]
        yield from self._refused(document.get("site_file") or {})
        desk = document["desk"]
        told = desk.get("waiting_ledger", 0)
        if desk["error"] or desk["waiting"]:
            why = self.say(desk["error"]) or "on its way"
            rest = f", and {told} of the ledger" if told else ""
            yield f"desk: {desk['waiting']} events wait{rest} ({why})"
        key = desk.get("key") or {}
        if key.get("due") and not key["renews_itself"]:
            yield (
                f"the key in {key['in']} is {self._age(key['since'], at)} old, and the "
                "agent cannot renew it: 'scudo-agent desk agent SITE' at the desk "
                "makes another to put there"
            )
        if (mode := desk.get("mode", "normal")) not in ("normal", "recovery"):
            known = "this version does not know it, and takes it for normal"
            yield f"the desk is in a mode '{mode}': {known}"
        yield from self.left(document, at)

    def _age(self, since: str | None, now: Instant) -> str:
        return "a week" if since is None else span(now - parse_instant(since))

    def _refused(self, file: Mapping[str, Any]) -> Iterator[str]:
        """That the site file's newer version is not gone by, and why."""
        if file.get("refused"):
            at = self.clock(parse_instant(file["refused"]))
            why, more = file["why"], len(file["why"]) - 1 + file["left_out"]
            rest = f" (and {more} more, see the log)" if more > 0 else ""
            said = f"the site file was not taken at {at}, the old one holds"
            yield f"{said}: {why[0]}{rest}"

    def left(self, document: Mapping[str, Any], now: Instant) -> Iterator[str]:
        """What is left alone: mutes, pauses and windows, until when and why."""
        yield from self._left.lines(document, now)

    def rows(self, document: Mapping[str, Any]) -> list[Row]:
        """Services with their checks, then the checks of no service."""
        checks = {check["check"]: check for check in document["checks"]}
        now = parse_instant(document["at"])
        tickets = _tickets(document) | _left(document)
        rows: list[Row] = []
        shown: set[str] = set()
        for service in document["services"]:
            rows.append(self._service(service, now, tickets))
            for path in service["checks"]:
                rows.append(self._check(checks[path], now, tickets))
                shown.add(path)
        rest = [check for path, check in checks.items() if path not in shown]
        if rest and rows:
            rows.append(_heading("in no service"))
        rows.extend(self._check(check, now, tickets) for check in rest)
        return rows

    def _service(
        self, service: Mapping[str, Any], now: Instant, tickets: Mapping[str, str]
    ) -> Row:
        promise = self.say(service.get("promise"))
        count = len(service["checks"])
        need = f"need {service['need']} of {count}" if count > 1 else ""
        return Row(
            name=self.title(service),
            state=service["state"],
            for_=_since(service["since"], now),
            last="",
            seen=promise or need,
            remark=_remark(tickets, service["service"], "service"),
            service=True,
        )

    def _check(
        self, check: Mapping[str, Any], now: Instant, tickets: Mapping[str, str]
    ) -> Row:
        last = check["last"]
        ago = max(now - parse_instant(last), 0) if last else None
        seen = self.say(check["seen"])
        failing = check["failing"]
        if check.get("forecast"):
            likely = local_stamp(parse_instant(check["forecast"]["likely"]), self._zone)
            seen = f"{seen}; limit reached {likely[:10]}"
        if check["state"] != "down" and 0 < failing < check["confirm"]:
            seen = f"failing {failing} of {check['confirm']}: {seen}"
        return Row(
            name=f"  {check['check']}",
            state=check["state"],
            for_=_since(check["since"], now),
            last="" if ago is None else _ago(ago),
            seen=seen,
            remark=_remark(tickets, check["check"], "check", "warn", "forecast"),
        )

    def events(self, lines: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """The lines of what happened."""
        for line in lines:
            said = self.say(line["detail"])
            if line["since"] is not None:
                back = f"since {self.clock(line['since'])}"
                said = f"{back}; {said}" if said else back
            head = f"{self.clock(line['at'])}  {line['name']:<16} {line['word']:<16}"
            yield f"{head} {said}".rstrip()


def _heading(text: str) -> Row:
    return Row(name=text, state="", for_="", last="", seen="", service=True)


def _since(since: str | None, now: Instant) -> str:
    return span(max(now - parse_instant(since), 0)) if since else ""


def _ago(us: int) -> str:
    return f"{us // SECOND} s" if us < 2 * MINUTE else span(us)


def _tickets(document: Mapping[str, Any]) -> dict[str, str]:
    """What the table says of each open incident, by subject."""
    return {
        one["subject"]: f"severity {one['severity']} {one['ticket'] or ''}".rstrip()
        for one in document["incidents"]
        if one["severity"] is not None
    }


def _left(document: Mapping[str, Any]) -> dict[str, str]:
    """What the table says of what is left alone, by service and check."""
    found: dict[str, dict[str, None]] = {}
    services = document["services"]
    for one in (*document.get("mutes", ()), *document.get("pauses", ())):
        for subject, word in _touched(one, services):
            found.setdefault(f"left {subject}", {})[word] = None
    for one in document.get("windows", ()):
        for service in services:
            if not {"*", service["service"]}.isdisjoint(one["services"]):
                subject = f"left service:{service['service']}"
                found.setdefault(subject, {})[f"window {one['window']}"] = None
    return {subject: ", ".join(words) for subject, words in found.items()}


def _touched(
    one: Mapping[str, Any], services: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """What a mute or a pause touches, and how the table says it."""
    word = "muted" if one["kind"] == "mute" else "paused"
    whole = one["scope"] == "service"
    for service in services:
        if whole and one["name"] == service["service"]:
            yield f"service:{one['name']}", word
        elif not set(one["checks"]).isdisjoint(service["checks"]):
            yield f"service:{service['service']}", f"partly {word}"
    if not whole or one["kind"] == "pause":
        for check in one["checks"]:
            yield f"check:{check}", word


def _remark(tickets: Mapping[str, str], name: str, *kinds: str) -> str:
    """The first ticket of these kinds, and whether it is left alone."""
    said = (_ticket(tickets, f"{kind}:{name}") for kind in kinds)
    ticket = next((text for text in said if text), "")
    left = tickets.get(f"left {kinds[0]}:{name}", "")
    return f"{ticket}, {left}" if ticket and left else ticket or left


def _ticket(tickets: Mapping[str, str], subject: str) -> str:
    said = tickets.get(subject, "")
    for kind, word in (("warn:", "warning"), ("forecast:", "forecast")):
        if said and subject.startswith(kind):
            return f"{word}, {said}"
    return said


def plain(rows: Iterable[Row]) -> Iterator[str]:
    """The table as plain text, columns aligned."""
    cells = [HEAD] + [
        (row.name, _state(row.state), row.for_, row.last, row.seen, row.remark)
        for row in rows
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEAD))]
    for line in cells:
        yield "  ".join(
            text.ljust(width) for text, width in zip(line, widths, strict=True)
        ).rstrip()


def _state(state: str) -> str:
    return f"{SHAPES[state]} {state}" if state in SHAPES else state
