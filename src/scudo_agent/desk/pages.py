"""What the desk's pages show, from the read model, in the reader's language."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.dates import format_skeleton
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scudo_agent.desk.history import Happening, timeline
from scudo_agent.desk.life_words import STATES
from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.notice import headline, severity_label
from scudo_agent.desk.notice_words import RULES, warning
from scudo_agent.desk.page_parts import Badge as Badge
from scudo_agent.desk.page_parts import Proof, Row, Shot
from scudo_agent.desk.page_parts import When as When
from scudo_agent.desk.store.attachments import SCREENSHOT
from scudo_agent.desk.store.storm_views import StormPage
from scudo_agent.desk.store.views import TicketLine, TicketView
from scudo_agent.instant import (
    HOUR,
    MINUTE,
    SECOND,
    Instant,
    format_instant,
    parse_instant,
)
from scudo_agent.locale import Translator, formats
from scudo_agent.model import State
from scudo_agent.text import TN, T, Text
from scudo_agent.wire import Evidence, Stage

_TEMPLATES = Path(__file__).parent / "templates"
_MEMBERS = 8


class Page:
    """Renders pages for one reader at one instant.

    In the reader's `zone` all times are told; without one, in that of each site.
    """

    def __init__(
        self, translator: Translator, now: Instant, *, zone: str | None = None
    ) -> None:
        self._translator = translator
        self._now = now
        self._zone = zone

    def render(self, name: str, zone: str, /, **content: Any) -> str:
        """One template with the reader's words."""
        template = _environment().get_template(name)
        functions = self._translator.functions(zone)
        return template.render(
            functions | {"language": self._translator.language} | content
        )

    def queue(self, lines: tuple[TicketLine, ...]) -> dict[str, Any]:
        """Contents of the list: what is going on, what is over, what is closed."""
        closed = [line for line in lines if line.status is Status.CLOSED]
        rest = [line for line in lines if line.status is not Status.CLOSED]
        bad = [line for line in rest if _going_on(line)]
        over = [line for line in rest if not _going_on(line)]
        return {
            "title": self._say(T("Tickets")),
            "sentence": self._sentence(bad),
            "calm": not any(line.severity == 1 for line in bad),
            "going_on": [self._row(line) for line in bad],
            "over": [self._row(line) for line in over],
            "closed": [self._row(line) for line in closed],
        }

    def ticket(self, view: TicketView) -> dict[str, Any]:
        """Contents of one ticket's page."""
        line = view.line
        stage = line.stage
        evidence = _evidence(view)
        what = self._what(line)
        return {
            "title": f"{line.ref} · {what}",
            "what": what,
            "line": line,
            "opened": self.when(line.received, line.zone),
            "since": self.when(line.since, line.zone),
            "estimate": None
            if line.estimate is None
            else self.when(line.estimate, line.zone),
            "redundant": None
            if line.redundant is None
            else self.when(line.redundant, line.zone),
            "estimate_past": line.estimate is not None and line.estimate < self._now,
            "asked": self._asked(line),
            "recovered": None
            if line.recovered is None
            else self.when(line.recovered, line.zone),
            "length": self._length(line),
            "severity": self._severity(line.severity),
            "condition": self._condition(line),
            "rule": self._say(RULES[line.rule]) if line.rule in RULES else "",
            "warning": stage is not None and warning(stage),
            "affected": [
                self._translator.title(one.title, one.id)
                for one in (stage.affected if stage else ())
            ],
            "proofs": [self._proof(one, line.zone) for one in evidence[:_MEMBERS]],
            "shots": [
                Shot(
                    href=f"/t/{line.ref}/files/{one.mark}",
                    source=one.source or "",
                    taken=self.when(one.taken, line.zone),
                    width=one.width or 0,
                    height=one.height or 0,
                )
                for one in view.attachments
                if one.kind == SCREENSHOT
            ],
            "more": max(len(evidence) - _MEMBERS, 0),
            "previous": view.previous,
            "linked": view.linked,
            "timeline": [
                (self.when(one.at, line.zone), one, self._actor(one))
                for one in sorted(
                    timeline(view, self._translator), key=lambda one: one.at
                )
            ],
            "mails": view.mails,
            "left_out": view.left_out,
            "storm": None if view.storm is None else self._storm(view.storm, line),
        }

    def _asked(self, line: TicketLine) -> dict[str, Any] | None:
        """What a person told of it, who asked; None for an agent's ticket."""
        if line.request is None and line.requester is None:
            return None
        told, who = line.request or {}, line.requester or {}
        detected = told.get("detected_us")
        return {
            "description": str(told.get("description") or ""),
            "url": str(told.get("url") or ""),
            "more": [self._say(one) for one in _more_told(told)],
            "detected": None if detected is None else self.when(detected, line.zone),
            "who": " · ".join(
                str(who[name]) for name in ("name", "phone", "mail") if who.get(name)
            ),
        }

    def counts(self, many: Mapping[Status, int]) -> list[tuple[str, int]]:
        """How many tickets stand where, of those that are not closed."""
        return [(self._say(STATES[one]), many[one]) for one in Status if one in many]

    def _storm(self, page: StormPage, line: TicketLine) -> dict[str, Any]:
        """A page of the incidents that a storm ticket names."""
        return {
            "page": page,
            "lines": [
                {
                    "name": self._translator.title(one.title, one.name),
                    "site": one.site_id,
                    "severity": self._severity(one.severity),
                    "condition": self._condition_of(one.condition, one.severity),
                    "since": self.when(one.since, line.zone),
                    "until": None
                    if one.ended is None
                    else self.when(one.ended, line.zone),
                }
                for one in page.lines
            ],
        }

    def _row(self, line: TicketLine) -> Row:
        return Row(
            ref=line.ref,
            what=self._what(line),
            customer=line.customer,
            site=line.site_id,
            severity=self._severity(line.severity),
            condition=self._condition(line),
            since=self.when(line.since, line.zone),
            length=self._length(line),
            provider_only=line.audience == "provider",
            urgency=line.urgency if line.urgency != line.severity else None,
            stands=self._say(STATES[line.status]),
            who=line.assignee or "",
            due=None if line.due is None else self.when(line.due, line.zone),
            overdue=line.due is not None and line.due <= self._now,
        )

    def _sentence(self, bad: list[TicketLine]) -> str:
        blocking = sum(line.severity == 1 for line in bad)
        if blocking:
            return self._say(
                TN(
                    "One ticket is about something that is blocked now.",
                    "{n} tickets are about something that is blocked now.",
                    n=blocking,
                )
            )
        if bad:
            return self._say(
                TN(
                    "Nothing is blocked. One ticket is going on.",
                    "Nothing is blocked. {n} tickets are going on.",
                    n=len(bad),
                )
            )
        return self._say(T("Nothing is going on now."))

    def _what(self, line: TicketLine) -> str:
        if line.storm:
            return self._say(T("Many faults at once"))
        if line.stage is None:
            return self._translator.title(line.title, line.subject)
        return headline(line.stage, self._translator, site=line.site_id)

    def _severity(self, severity: int | None) -> Badge:
        if severity is None:
            return Badge(shape="–", word=self._say(T("no code")), tone="quiet")
        word = severity_label(severity, self._translator)
        return Badge(
            shape=_SEVERITY_SHAPES[severity], word=word, tone=f"severity-{severity}"
        )

    def _condition(self, line: TicketLine) -> Badge:
        if line.status is Status.CLOSED:
            return Badge(shape="■", word=self._say(T("closed")), tone="quiet")
        return self._condition_of(line.condition, line.severity)

    def _condition_of(self, condition: Condition, severity: int | None) -> Badge:
        if condition is Condition.RECOVERED:
            return Badge(shape="●", word=self._say(T("recovered")), tone="good")
        if condition is Condition.NOT_MEASURED:
            return Badge(shape="?", word=self._say(T("not measured")), tone="quiet")
        if condition is Condition.REPORTED:
            return Badge(shape="▷", word=self._say(T("reported")), tone="quiet")
        tone = "bad" if severity == 1 else "limited"
        shape = "✕" if severity == 1 else "◐"
        return Badge(shape=shape, word=self._say(T("going on")), tone=tone)

    def _state(self, member: Evidence) -> Badge:
        shape, word, tone = HEALTH[member.state]
        return Badge(shape=shape, word=self._say(word), tone=tone)

    def _proof(self, member: Evidence, zone: str) -> Proof:
        render = self._translator.render
        # Of a check that is up nothing else was expected than what was seen.
        amiss = member.state is not State.UP
        return Proof(
            check=member.check,
            endpoint=member.endpoint,
            seen=render(member.seen, zone=zone) if member.seen else "",
            expected=render(member.expected, zone=zone)
            if member.expected and amiss
            else "",
            since=self.when(parse_instant(member.since), zone),
            last_good=self.when(parse_instant(member.last_good), zone)
            if member.last_good
            else None,
            reproduce=member.reproduce,
            state=self._state(member),
        )

    def when(self, at: Instant, zone: str) -> When:
        """An instant in the site's time, with its day unless that is today."""
        translator = self._translator
        zone = self._zone or zone
        there, now = formats.local(at, zone), formats.local(self._now, zone)
        short = translator.time(at, zone)
        if there.date() != now.date():
            form = "MMMEd" if there.year == now.year else "yMMMEd"
            locale = formats.babel_locale(translator.language)
            short = f"{format_skeleton(form, there, locale=locale)}, {short}"
        return When(
            machine=format_instant(at), exact=translator.instant(at, zone), short=short
        )

    def _length(self, line: TicketLine) -> str:
        """From the first failure until it was over, or until now; coarse."""
        end = line.recovered if line.recovered is not None else self._now
        length = max(end - line.since, 0)
        grain = SECOND if length < MINUTE else MINUTE if length < 48 * HOUR else HOUR
        return self._translator.duration(length // grain * grain)

    def _actor(self, happening: Happening) -> str:
        kind, _, name = happening.actor.partition(":")
        if kind == "agent":
            # An agent's id is customer/site/number; the page names the rest.
            return self._say(T("agent {name}", name=name.rpartition("/")[2]))
        if kind == "person":
            return happening.name or self._say(T("a person"))
        return self._say(T("desk"))

    def _say(self, text: Any) -> str:
        return self._translator.render(text)


_SEVERITY_SHAPES: Mapping[int, str] = {1: "■", 2: "▲", 3: "○"}
HEALTH: Mapping[State, tuple[str, Text, str]] = {
    State.UP: ("●", T("up"), "good"),
    State.DEGRADED: ("◐", T("degraded"), "limited"),
    State.DOWN: ("✕", T("down"), "bad"),
    State.UNKNOWN: ("?", T("not measured"), "quiet"),
}
"""Shape, word and tone of what a check or a service is (`web.md`)."""


def _more_told(told: Mapping[str, Any]) -> Iterator[Text]:
    """What a contract may want to know beside what is wrong."""
    if version := told.get("software_version"):
        yield T("software version {version}", version=str(version))
    if told.get("conformity"):
        yield T("hardware and system conform to the guidelines")
    if told.get("backup"):
        yield T("a backup was made")


def _going_on(line: TicketLine) -> bool:
    """Whether it is not over yet, as far as anybody knows."""
    if line.condition is Condition.REPORTED:
        return line.status is not Status.RESOLVED
    return line.condition is Condition.BAD


def _evidence(view: TicketView) -> list[Evidence]:
    """The members as the last stage that brings any shows them."""
    stages: list[Stage] = [e.stage for e in view.entries if e.stage is not None]
    return next((list(s.members) for s in reversed(stages) if s.members), [])


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
