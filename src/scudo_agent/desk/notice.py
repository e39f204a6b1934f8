"""Notices to customers and to the provider: subject, text part and HTML part.

`web.md` shows the opening notice. A notice carries ticket number, origin, reason
and severity with its label (`domain.md` 5), and fits on one screen. Values from
devices are data: rendered without control characters, escaped in HTML.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from scudo_agent.desk import notice_words as words
from scudo_agent.desk import own_words
from scudo_agent.instant import parse_instant
from scudo_agent.locale import Translator
from scudo_agent.model import Kind, State
from scudo_agent.text import TN, T, Text
from scudo_agent.wire import Evidence, Named, Outage, Stage

AGENT_ORIGIN = words.AGENT_ORIGIN

_TEMPLATES = Path(__file__).parent / "templates" / "mail"
_WIDTH = 78
_LABEL = 13
_NAME = 70
_SEEN = 240
_LISTED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """All that one notice needs; `stage` is what it tells of.

    `evidence` is the opening's, for a stage that brings none; `affected` are the
    services that the ticket was last headed with, likewise; `outage` is what ended
    (an opening with one reached the desk when it was over). `before` is the severity
    that a raise left. `closes_at` is set when the desk closes the ticket by itself,
    `closed_at` when it already did, or when a person did (`closed_by_person`).
    `turn` is set when the desk itself has something to say: `moved` (out of the storm
    ticket `left`), `still_bad` (re-opened though a person had closed it) or
    `seen_again` (one agent of a pair is back, and still sees it).
    `commitments` are what the contract's clocks promise of an opening.
    `replies_filed` tells whether a reply lands on the ticket without anyone's help.
    """

    ref: str
    stage: Stage
    ticket_url: str
    provider: str
    site: str
    evidence: tuple[Evidence, ...] = ()
    affected: tuple[Named, ...] = ()
    outage: Outage | None = None
    before: int | None = None
    follows: str = ""
    linked: tuple[str, ...] = ()
    origin: str = AGENT_ORIGIN
    closes_at: int | None = None
    closed_at: int | None = None
    closed_by_person: bool = False
    turn: str = ""
    left: str = ""
    commitments: tuple[Text, ...] = ()
    replies_filed: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """A notice in one language, ready to become a mail."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a mail's table."""

    label: str
    value: str


def headline(stage: Stage, translator: Translator, *, site: str) -> str:
    """What happened in a few words, as a ticket's title: `Gestionale bloccato`."""
    names = _names(stage, translator, stage.affected)
    return translator.render(words.headline(stage, names, site))


def severity_label(severity: int, translator: Translator) -> str:
    """`1 · H bloccante`."""
    label = translator.render(words.SEVERITY[severity])
    return f"{severity} · {label}"


def render(notice: Notice, translator: Translator, zone: str) -> Rendered:
    """The notice for a reader of that language in that time zone."""
    return _Writer(notice, translator, zone).write()


class _Writer:
    """One notice being written."""

    def __init__(self, notice: Notice, translator: Translator, zone: str) -> None:
        self.notice, self.stage = notice, notice.stage
        self.translator, self.zone = translator, zone
        self.outage = notice.outage or notice.stage.outage
        if self.stage.kind in (Kind.RAISE, Kind.REOPEN):
            self.outage = None
        self.affected = self.stage.affected or notice.affected
        if self.stage.kind is Kind.RECOVER:
            # It ends under the name that the ticket had.
            self.affected = notice.affected or self.stage.affected
        self.names = _names(self.stage, translator, self.affected)
        if own_words.own(self.stage):
            self.names = (own_words.place(self.stage, notice.site),)
        self.name = self.names[0]

    def write(self) -> Rendered:
        say, stage, ref = self.say, self.stage, self.notice.ref
        heading = words.headline(stage, self.names, self.notice.site)
        subject = words.subject_line(
            stage, heading, ref=ref, names=self.names, outage=self.outage
        )
        lead = words.lead(
            stage,
            ref=ref,
            names=self.names,
            before=self.notice.before,
            over=self.outage is not None,
        )
        if self.notice.turn:
            turn, left = self.notice.turn, self.notice.left
            subject = words.turn_line(turn, stage, heading, ref=ref)
            lead = words.turn_lead(turn, ref=ref, left=left, name=self.name)
        content = {
            "lead": [say(text) for text in lead],
            "rows": self.rows(),
            "ending": self.ending(),
            "url": self.notice.ticket_url,
            "provider": self.notice.provider,
        }
        filed = self.notice.replies_filed
        return fill(say(subject), content, self.translator, replies_filed=filed)

    def say(self, text: Text) -> str:
        return self.translator.render(text, zone=self.zone)

    def rows(self) -> list[Row]:
        rows = [Row(self.say(T("What")), self.what())] if self.evidence() else []
        rows += self.others()
        rows += self.times()
        stage = self.stage
        if stage.kind in (Kind.OPEN, Kind.REOPEN):
            rows.append(Row(self.say(T("Origin")), self.origin()))
        if stage.rule is not None and stage.kind is not Kind.RECOVER:
            why = words.inner(words.RULES[stage.rule])
            rule = T("{severity} (rule {rule})", severity=why, rule=stage.rule)
            rows.append(Row(self.say(T("Severity")), self.say(rule)))
        if self.outage is None:
            promises = [self.say(text) for text in self.notice.commitments]
            rows += [Row(self.say(T("Commitment")), text) for text in promises]
        rows += self.cost()
        rows += self.links()
        if stage.note is not None:
            note = self.translator.render(stage.note, zone=self.zone)
            rows.append(Row(self.say(T("Note")), short(note, _SEEN)))
        return rows

    def cost(self) -> list[Row]:
        """What an outage cost of the year's budget, where the contract is known."""
        outage = self.outage
        if outage is None or outage.budget is None or not outage.down_us:
            return []
        titles = {one.id.partition(":")[2]: one.title for one in self.affected}
        names = self.translator.listing(
            [
                short(self.translator.title(titles.get(name, {}), name), _NAME)
                for name in outage.budget.services[:_LISTED]
            ]
        )
        text = words.cost(outage.budget, names)
        return [Row(self.say(T("Cost")), self.say(text))]

    def evidence(self) -> Evidence | None:
        """The member that shows best what happened: the subject, else one down."""
        members = self.stage.members or list(self.notice.evidence)
        key = self.stage.subject_key.partition(":")[2]
        own = [member for member in members if member.check == key]
        bad = [member for member in members if member.state is State.DOWN]
        return next(iter(own or bad or members), None)

    def what(self) -> str:
        member = self.evidence()
        assert member is not None
        wanted = member.expected if words.amiss(self.stage, member) else None
        seen, expected = (
            short(self.translator.render(text, zone=self.zone), _SEEN) if text else ""
            for text in (member.seen, wanted)
        )
        if seen and words.forecast(self.stage) and self.stage.kind is not Kind.RECOVER:
            return self.say(words.foreseen(self.name, member, seen))
        return self.say(words.fault(self.name, member, seen, expected))

    def others(self) -> list[Row]:
        """Services that it takes along, else the other checks, a few by name."""
        title = self.translator.title
        shown = self.evidence()
        subject = self.stage.subject_key.partition(":")[2]
        others = [one for one in self.affected if one.id != subject]
        names = [title(service.title, service.id) for service in others]
        names = [name for name in names if name != self.name]
        if not names:
            checks = [member.check for member in self.stage.members]
            names = [check for check in checks if shown and check != shown.check]
        if not names:
            return []
        more = len(names) - _LISTED
        if more > 0:
            rest = TN("one more", "{n} more", n=more)
            names = [*names[:_LISTED], self.say(rest)]
        names = [short(name, _NAME) for name in names]
        return [Row(self.say(T("Also affected")), self.translator.listing(names))]

    def times(self) -> list[Row]:
        instant = self.translator.instant
        since = instant(words.since(self.stage), self.zone)
        if self.outage is None:
            return [Row(self.say(T("Since")), since)]
        start = instant(parse_instant(self.outage.since), self.zone)
        end = instant(parse_instant(self.outage.until), self.zone)
        return [
            Row(self.say(T("From")), start),
            Row(self.say(T("Until")), end),
            Row(self.say(T("Lasted")), self.lasted(self.outage)),
        ]

    def lasted(self, outage: Outage) -> str:
        parts = [self.say(text) for text in words.parts(outage)]
        total = T(
            "{length} from the first failure",
            length={"duration": words.total_us(outage)},
        )
        if words.warning(self.stage) or not parts:
            return self.translator.duration(words.total_us(outage))
        return self.say(
            T(
                "{total}: {parts}",
                total=words.inner(total),
                parts=self.translator.listing(parts),
            )
        )

    def origin(self) -> str:
        if self.notice.origin != AGENT_ORIGIN or self.stage.audience == "provider":
            return self.notice.origin
        return self.say(words.NOTICED)

    def links(self) -> list[Row]:
        rows = []
        if self.notice.follows:
            rows.append(Row(self.say(T("Follows")), self.notice.follows))
        if self.notice.linked:
            names = self.translator.listing(self.notice.linked[:_LISTED])
            rows.append(Row(self.say(T("Linked to")), names))
        return rows

    def ending(self) -> str:
        if self.outage is None and self.stage.kind is not Kind.RECOVER:
            return ""
        notice = self.notice
        if notice.closed_by_person and notice.closed_at is not None:
            when = {"instant": notice.closed_at}
            return self.say(
                T("Ticket {ref} was closed on {when}.", ref=notice.ref, when=when)
            )
        return self.say(words.ending(notice.ref, notice.closes_at, notice.closed_at))


def fill(
    subject: str,
    content: dict[str, Any],
    translator: Translator,
    *,
    replies_filed: bool = False,
    template: str = "notice",
) -> Rendered:
    """Both parts of a ticket's mail, from `lead`, `rows`, `ending`, `url`, `provider`.

    `replies_filed`: a reply lands on the ticket without anyone's help. `template`:
    the name of another pair of them, which may want more.
    """
    reply = T(
        "Reply to this message to add information: "
        "the number in its subject ties it to the ticket."
    )
    if replies_filed:
        reply = T("Reply to this message to add information: it stays in the ticket.")
    environment = _environment()
    every = content | {
        "language": translator.language,
        "greeting": translator.render(T("Good day,")),
        "follow": translator.render(T("Follow it here:")),
        "reply": translator.render(reply),
        "wrap": _wrap,
        "row": _text_row,
    }
    return Rendered(
        subject,
        environment.get_template(f"{template}.txt").render(every),
        environment.get_template(f"{template}.html").render(every),
    )


def _names(
    stage: Stage, translator: Translator, affected: Sequence[Named]
) -> tuple[str, ...]:
    """What the headline names: the service, or those that a root took along."""

    def title(named: Named) -> str:
        return short(translator.title(named.title, named.id), _NAME)

    if stage.subject_key.startswith("check:") and stage.rule in ("S1", "S2"):
        return tuple(map(title, affected)) or (title(stage.subject),)
    return (title(stage.subject),)


def short(text: str, width: int) -> str:
    """At most `width` signs."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def _wrap(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _text_row(row: Row, rows: list[Row]) -> str:
    """`Che cosa     Gestionale: …`, further lines under the value."""
    column = max(_LABEL, *(len(other.label) + 2 for other in rows))
    return textwrap.fill(
        row.value,
        max(_WIDTH, column + 40),
        initial_indent=row.label.ljust(column),
        subsequent_indent=" " * column,
        break_long_words=False,
        break_on_hyphens=False,
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
