"""The table of what is watched and the lines of what happens, as text."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from scudo_agent.instant import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Instant,
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

    def clock(self, at: int) -> str:
        """`10:04:12` in the site's zone."""
        local = to_datetime(Instant(at)).astimezone(ZoneInfo(self._zone))
        return local.strftime("%H:%M:%S")

    def say(self, text: Mapping[str, Any] | None) -> str:
        """A `Text` in its JSON form, as one line."""
        if not text:
            return ""
        said = self._translator.render(text, zone=self._zone)
        return " ".join(said.split())

    def head(self, document: Mapping[str, Any]) -> Iterator[str]:
        """What stands above the table: who, how old, and what is wrong."""
        name = f"{document['site']} · {document['customer']}"
        at = parse_instant(document["at"])
        if not document["live"]:
            age = span(max(parse_instant(document["read_at"]) - at, 0))
            how = f"the agent is stopped ({document['stopped']})"
            if "silent_pid" in document:
                how = f"the agent runs (pid {document['silent_pid']}), but is silent"
            yield f"{name} · {how}: as it was at {self.clock(at)}, {age} ago"
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
        desk = document["desk"]
        if desk["error"] or desk["waiting"]:
            why = self.say(desk["error"]) or "on its way"
            yield f"desk: {desk['waiting']} events wait ({why})"

    def rows(self, document: Mapping[str, Any]) -> list[Row]:
        """Services with their checks, then the checks of no service."""
        checks = {check["check"]: check for check in document["checks"]}
        tickets = _tickets(document)
        now = parse_instant(document["at"])
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
            name=self._translator.title(service["title"], service["service"]),
            state=service["state"],
            for_=_since(service["since"], now),
            last="",
            seen=promise or need,
            remark=_ticket(tickets, f"service:{service['service']}"),
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
            seen = f"{seen}; limit reached {check['forecast']['likely'][:10]}"
        if check["state"] != "down" and 0 < failing < check["confirm"]:
            seen = f"failing {failing} of {check['confirm']}: {seen}"
        return Row(
            name=f"  {check['check']}",
            state=check["state"],
            for_=_since(check["since"], now),
            last="" if ago is None else _ago(ago),
            seen=seen,
            remark=_ticket(tickets, f"check:{check['check']}")
            or _ticket(tickets, f"warn:{check['check']}")
            or _ticket(tickets, f"forecast:{check['check']}"),
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
