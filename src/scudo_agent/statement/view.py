"""What a statement's page shows, worked out; the template only places it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scudo_agent.contract.account import Account
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.exact import dumps
from scudo_agent.contract.explain import Explanation, Share, explain
from scudo_agent.contract.part import month_part
from scudo_agent.contract.spans import merge
from scudo_agent.contract.statement import Inputs
from scudo_agent.contract.windows import Refusal, WindowRules
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.statement import charts
from scudo_agent.statement.reasons import (
    Figure,
    budget_caption,
    figures,
    month_sentence,
    summary,
)
from scudo_agent.statement.words import KIND_WORDS, Words
from scudo_agent.text import T, Text, Value

_PLAIN = 120
OUTAGES_SHOWN = 200
"""The dearest; the rest is one line of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRow:
    """One month of the year in the table beneath the heat map."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageRow:
    """One outage, in words."""

    start: str
    end: str
    length: str
    counted: str
    share: str
    windows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """What one announcement is credited with, or refused."""

    window: str
    kind: Text
    announced: str
    spans: tuple[str, ...]
    elapsed: str
    down: str
    why: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One service of the statement."""

    service: str
    sentences: tuple[Text, ...]
    figures: list[Figure]
    heat: list[list[charts.Day]]
    month_rows: list[MonthRow]
    lanes: list[charts.Lane]
    months: list[charts.Month]
    passed: str
    burn: charts.BurnDown
    budget: Text
    outages: list[OutageRow]
    more_outages: int
    windows: list[WindowRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Why there is a further revision."""

    by: str
    at: int
    reason: str
    changed: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole statement."""

    title: str
    contract: str
    zone: str
    year: tuple[str, str]
    month: str | None
    revision: int
    digest: str
    correction: Correction | None
    words: Words
    sections: list[Section]

    def month_names(self, rows: Sequence[Sequence[charts.Day]]) -> list[str]:
        """Of the heat map's rows."""
        return [self.words.month(row[0].day) for row in rows]

    def month_names_of(self, months: Sequence[charts.Month]) -> list[str]:
        """Of an axis."""
        return [self.words.month(month.day) for month in months]

    def day_words(self, day: charts.Day) -> str:
        """What a cell of the heat map says when one points at it."""
        words = self.words
        said = [
            words.say(sentence)
            for length, sentence in (
                (day.counted, T("{length} down, counted", length=_long(day.counted))),
                (
                    day.excluded,
                    T("{length} down, excluded", length=_long(day.excluded)),
                ),
                (day.unknown, T("{length} not measured", length=_long(day.unknown))),
            )
            if length
        ]
        if not said:
            said = [words.say(_SHADES[day.shade])]
        return f"{words.day(day.day)}: {', '.join(said)}"


_SHADES = {
    "up": T("up"),
    "excluded": T("excluded by windows"),
    "coming": T("still to come"),
}


def _long(length_us: int) -> Value:
    return {"duration": length_us}


def page(
    statement: Mapping[str, Any],
    inputs: Inputs,
    accounts: Sequence[Account],
    *,
    language: str,
) -> Page:
    """The page of a statement whose accounts were computed anew."""
    contract = inputs.contract
    zone = str(contract.get("timezone", "Europe/Rome"))
    words = Words(language, zone)
    year = ("", "")
    if accounts:
        start, end = accounts[0].year
        year = words.date(start), words.date(end)
    return Page(
        title=str(contract["title"]),
        contract=str(contract["id"]),
        zone=zone,
        year=year,
        month=inputs.month,
        revision=int(statement["revision"]),
        digest=str(statement["sha256"]),
        correction=_correction(statement["corrects"]),
        words=words,
        sections=_sections(accounts, inputs, words),
    )


def _correction(given: Mapping[str, Any] | None) -> Correction | None:
    if given is None:
        return None
    return Correction(
        by=given["by"],
        at=parse_instant(given["at"]),
        reason=given["reason"],
        changed=[
            (one["figure"], _plain(one["before"]), _plain(one["after"]))
            for one in given["changed"]
        ],
    )


def _plain(value: Any) -> str:
    text = dumps(value, indent=0).replace("\n", " ")
    # A service that came or went is a whole block of figures.
    return text if len(text) <= _PLAIN else f"{text[: _PLAIN - 1]}…"


def _sections(
    accounts: Sequence[Account], inputs: Inputs, words: Words
) -> list[Section]:
    if not accounts:
        return []
    rules = WindowRules(accounts[0].contract)
    return [_section(one, rules, inputs.month, words) for one in accounts]


def _section(
    account: Account, rules: WindowRules, month: str | None, words: Words
) -> Section:
    calendar = rules.calendar
    found = explain(account, rules)
    refused = merge(span for one in found.refused for span in one.spans)
    sentences = list(summary(account, words, len(found.outages)))
    if month is not None:
        sentences.append(month_sentence(account, month_part(account, month)[1], words))
    return Section(
        service=account.service,
        sentences=tuple(sentences),
        figures=figures(account, words),
        heat=charts.heat_map(account, calendar),
        month_rows=_months(account, calendar, words),
        lanes=charts.lanes(account, refused),
        months=charts.months(account, calendar),
        passed=charts.passed(account),
        burn=charts.burn_down(account),
        budget=budget_caption(account, words),
        outages=_outages(found, account, words),
        more_outages=max(len(found.outages) - OUTAGES_SHOWN, 0),
        windows=[_window(one, words) for one in (*found.excluded, *found.refused)],
    )


def _months(account: Account, calendar: Calendar, words: Words) -> list[MonthRow]:
    rows = []
    day = calendar.local_day(account.year[0])
    last = calendar.local_day(Instant(max(account.period[1] - 1, account.period[0])))
    for number in range((last.year - day.year) * 12 + last.month - day.month + 1):
        year, place = divmod(day.month - 1 + number, 12)
        name = f"{day.year + year}-{place + 1:02d}"
        found = month_part(account, name)[1]
        cells = (
            words.percent(found.availability),
            words.length(found.down_counted),
            words.length(found.down_excluded),
            words.percent(found.coverage),
        )
        rows.append(MonthRow(name=name, cells=cells))
    return rows


def _outages(found: Explanation, account: Account, words: Words) -> list[OutageRow]:
    allowed = account.budget.allowed
    return [
        OutageRow(
            start=words.short(one.span[0]),
            end=words.short(one.span[1]),
            length=words.length(one.length),
            counted=words.length(one.counted),
            share=words.percent(one.counted / allowed if allowed else None),
            windows=", ".join(one.windows),
        )
        for one in found.outages[:OUTAGES_SHOWN]
    ]


def _window(one: Share, words: Words) -> WindowRow:
    planned = not one.elapsed and one.coming
    return WindowRow(
        window=one.window.id,
        kind=KIND_WORDS[one.window.kind],
        announced=words.short(one.announcement.announced),
        spans=tuple(
            f"{words.short(start)} – {words.short(end)}" for start, end in one.spans
        ),
        elapsed="–" if planned else words.length(one.elapsed),
        down="–" if planned else words.length(one.down),
        why=_verdict(one),
    )


def _verdict(one: Share) -> Text:
    """Whether a part is excluded, or will be, and why."""
    why: Value = {"text": one.why.to_json()}
    called_off = one.refusal is Refusal.CANCELLED
    if one.elapsed or not one.coming or called_off:
        if one.refusal is None:
            return T("Excluded: {why}.", why=why)
        return T("Not excluded: {why}.", why=why)
    if one.refusal is None:
        return T("Planned, {length} will be excluded: {why}.",
                 length={"duration": one.coming}, why=why)  # fmt: skip
    return T("Planned, {length} will not be excluded: {why}.",
             length={"duration": one.coming}, why=why)  # fmt: skip
