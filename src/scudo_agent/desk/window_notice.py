"""The mails about maintenance windows: announced, moved, cancelled.

They say what, when and why, in one screen; all dates are in the attached calendar.
"""

import textwrap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from scudo_agent.desk import window_words as words
from scudo_agent.desk.notice import Rendered
from scudo_agent.desk.store.window_post import WindowErrand, WindowMail
from scudo_agent.desk.windows import window_of
from scudo_agent.instant import parse_instant
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.text import TN, T, Text, Value

_TEMPLATES = Path(__file__).parent / "templates" / "mail"
_WIDTH = 78
_LABEL = 13
_DATES = 8
_REASON = 240


def render_window(
    errand: WindowErrand, translator: Translator, provider: str
) -> Rendered:
    """The notice for the customer, in that language and the site's time zone."""
    return _Writer(errand, translator, provider).write()


@dataclass(frozen=True, slots=True)
class LetterRow:
    """One line of a letter's table."""

    label: str
    value: str


def fill_letter(
    subject: str,
    content: dict[str, Any],
    translator: Translator,
    *,
    template: str = "window",
) -> Rendered:
    """Both parts of a mail without a ticket.

    `content`: `lead`, `rows`, `dates` (a list beneath the rows), `closing`, `provider`;
    for the template `person` a `link` and its `label` instead of the dates.
    """
    every = content | {
        "language": translator.language,
        "greeting": translator.render(T("Good day,")),
        "wrap": _wrap,
        "row": _text_row,
    }
    environment = _environment()
    return Rendered(
        subject,
        environment.get_template(f"{template}.txt").render(every),
        environment.get_template(f"{template}.html").render(every),
    )


class _Writer:
    """One notice being written."""

    def __init__(
        self, errand: WindowErrand, translator: Translator, provider: str
    ) -> None:
        self.errand, self.translator, self.provider = errand, translator, provider
        self.zone = errand.zone
        self.state = errand.windows[0]
        self.ref = self.state.id if len(errand.windows) == 1 else errand.thread
        self.kind = translator.render(words.KINDS[self.state.kind])
        self.names = words.service_names(self.state, errand.services, translator)
        self.spans = [window_of(one).announcements[-1] for one in errand.windows]

    def write(self) -> Rendered:
        content = {
            "lead": [self.say(text) for text in self.lead()],
            "rows": self.rows(),
            "dates": self.dates(),
            "closing": [self.say(text) for text in self.closing()],
            "provider": self.provider,
        }
        return fill_letter(self.say(self.subject()), content, self.translator)

    def say(self, text: Text) -> str:
        return self.translator.render(text, zone=self.zone)

    def subject(self) -> Text:
        start = self.spans[0].start
        values: dict[str, Value] = {
            "ref": self.ref,
            "kind": self.kind,
            "services": self.names,
            "day": words.date_of(start, self.zone, self.translator.language),
            "time": words.clock(start, self.zone),
        }
        if self.errand.kind is WindowMail.CANCELLED and self.cut_short:
            return T("[{ref}] Ended: {kind}, {services}, {day}, {time}", **values)
        if self.errand.kind is WindowMail.CANCELLED:
            return T("[{ref}] Cancelled: {kind}, {services}, {day}, {time}", **values)
        if self.errand.kind is WindowMail.MOVED:
            return T("[{ref}] Moved: {kind}, {services}, to {day}, {time}", **values)
        if len(self.spans) > 1:
            return TN(
                "[{ref}] {kind}: {services}, one date, {day}, {time}",
                "[{ref}] {kind}: {services}, {n} dates from {day}, {time}",
                n=len(self.spans),
                **values,
            )
        return T("[{ref}] {kind}: {services}, {day}, {time}", **values)

    @property
    def cut_short(self) -> bool:
        """Whether it was called off when it had begun."""
        told = self.state.cancelled
        return told is not None and parse_instant(told) > self.spans[0].start

    def lead(self) -> list[Text]:
        if self.errand.kind is WindowMail.CANCELLED and self.cut_short:
            return [
                T(
                    "the maintenance {ref}, which had begun, has been ended: what "
                    "would have followed does not take place.",
                    ref=self.ref,
                )
            ]
        if self.errand.kind is WindowMail.CANCELLED:
            return [
                T(
                    "the maintenance {ref} does not take place: it has been cancelled.",
                    ref=self.ref,
                )
            ]
        if self.errand.kind is WindowMail.MOVED:
            return [T("the maintenance {ref} has a new time.", ref=self.ref)]
        if len(self.spans) > 1:
            return [
                T("we have planned recurring maintenance."),
                T("Interruptions are possible at the times below."),
            ]
        return [
            T("we have planned maintenance."),
            T("Interruptions are possible at the time below."),
        ]

    def rows(self) -> list[LetterRow]:
        rows = [
            LetterRow(
                self.say(T("What")), f"{self.kind}: {_short(clean(self.state.reason))}"
            ),
            LetterRow(self.say(T("Services")), self.names),
        ]
        if len(self.spans) == 1:
            rows += self.times()
        if self.errand.reason:
            reason = _short(clean(self.errand.reason))
            rows.append(LetterRow(self.say(T("Reason")), reason))
        return rows

    def times(self) -> list[LetterRow]:
        last = self.spans[0]
        instant = self.translator.instant
        rows = [
            LetterRow(self.say(T("From")), instant(last.start, self.zone)),
            LetterRow(self.say(T("Until")), instant(last.end, self.zone)),
        ]
        if self.errand.kind is WindowMail.MOVED:
            before = window_of(self.state).announcements[-2]
            was = words.span(before.start, before.end, self.zone, self.translator)
            rows.append(LetterRow(self.say(T("Instead of")), was))
        return rows

    def dates(self) -> list[str]:
        """The first dates of a series; the calendar has all."""
        if len(self.spans) == 1:
            return []
        shown = [
            words.span(one.start, one.end, self.zone, self.translator)
            for one in self.spans[:_DATES]
        ]
        more = len(self.spans) - _DATES
        if more > 0:
            day = self.translator.day(self.spans[-1].start, self.zone)
            shown.append(
                self.say(
                    TN(
                        "and one more, on {day}",
                        "and {n} more, the last on {day}",
                        n=more,
                        day=day,
                    )
                )
            )
        return shown

    def closing(self) -> list[Text]:
        if self.errand.kind is WindowMail.CANCELLED:
            return [T("The attached calendar file says so to your calendar, too.")]
        return [
            T("The attached file is for your calendar."),
            T(
                "If the time does not suit you, reply to this message: "
                "the number in its subject tells us which maintenance you mean."
            ),
        ]


def _short(text: str) -> str:
    return text if len(text) <= _REASON else text[: _REASON - 1].rstrip() + "…"


def _wrap(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _text_row(row: LetterRow, rows: list[LetterRow]) -> str:
    column = max(_LABEL, *(len(other.label) + 2 for other in rows))
    return textwrap.fill(
        row.value,
        _WIDTH,
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
