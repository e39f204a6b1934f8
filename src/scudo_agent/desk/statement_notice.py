"""The mail that brings a month's statement, or says what a correction changed.

Sentences first: how each service did in the month, and how the year stands. The page
with every figure and its why goes along, and the data that it follows from.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from babel.dates import format_skeleton

from scudo_agent.config.statement_file import accounts_of_statement
from scudo_agent.contract.account import Account
from scudo_agent.contract.exact import loads
from scudo_agent.contract.part import Part, month_part
from scudo_agent.desk.mail.compose import Enclosure
from scudo_agent.desk.notice import Rendered, short
from scudo_agent.desk.store.statement_dues import SETTLE_US
from scudo_agent.desk.store.statement_post import StatementErrand
from scudo_agent.desk.window_notice import LetterRow, fill_letter
from scudo_agent.instant import parse_instant
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import babel_locale, clean
from scudo_agent.model import State
from scudo_agent.statement.render import render_statement
from scudo_agent.statement.words import Words, rest, verdict
from scudo_agent.text import TN, T, Text

LARGEST = 8 * 1024 * 1024
"""Files that are larger together do not go along: many servers take 10 MB."""

_SERVICES = 6
_CHANGES = 6
_REASON = 240
_NAME = 70
_FIGURES = {
    "month.availability": T("availability in the month"),
    "month.seconds.down_counted": T("down in the month, counted"),
    "month.seconds.unknown": T("not measured in the month"),
    "availability": T("availability in the year"),
    "seconds.down_counted": T("down in the year, counted"),
}
"""Figures that a mail names when they changed; the page has all."""


def month_name(period: str, language: str) -> str:
    """`novembre 2026`, of `2026-11`."""
    day = date.fromisoformat(f"{period}-01")
    return str(format_skeleton("yMMMM", day, locale=babel_locale(language)))


def render_stated(
    errand: StatementErrand, translator: Translator, provider: str
) -> tuple[Rendered, tuple[Enclosure, ...]]:
    """The mail, in the customer's language and the contract's time zone, and files."""
    files = _enclosures(errand, translator.language)
    return _Writer(errand, translator, provider).write(enclosed=bool(files)), files


def _enclosures(errand: StatementErrand, language: str) -> tuple[Enclosure, ...]:
    """The statement's page and its data; nothing where that would be too large."""
    name = f"statement-{errand.period}-{errand.site_id}-{errand.revision}"
    page = render_statement(loads(errand.body), language=language).encode()
    if len(page) + len(errand.body) > LARGEST:
        return ()
    return (
        Enclosure(name=f"{name}.html", kind="html", content=page),
        Enclosure(name=f"{name}.json", kind="json", content=errand.body),
    )


class _Writer:
    """One mail being written."""

    def __init__(
        self, errand: StatementErrand, translator: Translator, provider: str
    ) -> None:
        self.errand, self.translator, self.provider = errand, translator, provider
        self.stated: Mapping[str, Any] = loads(errand.body)
        inputs, self.accounts = accounts_of_statement(self.stated, name="the statement")
        contract: Mapping[str, Any] = inputs.contract
        self.title = short(clean(str(contract["title"])), _NAME)
        self.month = month_name(errand.period, translator.language)
        zone = self.accounts[0].contract.timezone if self.accounts else errand.zone
        self.words = Words(translator.language, zone)

    def write(self, *, enclosed: bool) -> Rendered:
        content = {
            "lead": [self.say(text) for text in self.lead()],
            "rows": self.rows(),
            "dates": self.changes(),
            "closing": [self.say(text) for text in self.closing(enclosed)],
            "provider": self.provider,
        }
        return fill_letter(self.say(self.subject()), content, self.translator)

    def say(self, text: Text) -> str:
        return self.words.say(text)

    def subject(self) -> Text:
        values = {
            "month": self.month,
            "contract": self.title,
            "site": self.errand.site_id,
        }
        if self.errand.revision > 1:
            return T("Corrected statement of {month}: {contract}, {site}", **values)
        return T("Statement of {month}: {contract}, {site}", **values)

    def lead(self) -> list[Text]:
        errand, corrects = self.errand, self.stated["corrects"]
        if corrects is not None:
            sentences = [
                T(
                    "we have corrected the statement of {month}; this is revision "
                    "{revision}, and the one before no longer holds.",
                    month=self.month,
                    revision=errand.revision,
                ),
                T(
                    "Why: {reason} ({who}).",
                    reason=short(clean(str(corrects["reason"])), _REASON),
                    who=short(clean(str(corrects["by"])), _NAME),
                ),
            ]
        else:
            sentences = [
                T(
                    "this is the statement of {month} of the contract {contract}.",
                    month=self.month,
                    contract=self.title,
                )
            ]
        if not self.whole():
            sentences.append(
                T(
                    "The agent at your site has not told us everything of this month "
                    "yet. What is missing stands here as not measured; once it has "
                    "arrived we can correct the statement."
                )
            )
        return sentences

    def whole(self) -> bool:
        """Whether the ledger had all of the month when the statement was made."""
        end = parse_instant(str(self.stated["inputs"]["at"]))
        whole = self.errand.whole
        return whole is not None and whole >= end + SETTLE_US

    def rows(self) -> list[LetterRow]:
        titles = {one.id: one.title for one in self.errand.services}
        rows = []
        for account in self.accounts[:_SERVICES]:
            name = self.translator.title(
                titles.get(account.service, {}), account.service
            )
            found = month_part(account, self.errand.period)[1]
            rows.append(LetterRow(short(name, _NAME), self.say(self.in_month(found))))
            rows.append(LetterRow("", self.say(self.in_year(account))))
        more = len(self.accounts) - _SERVICES
        if more > 0:
            text = TN(
                "One more service is in the page that goes along.",
                "{n} more services are in the page that goes along.",
                n=more,
            )
            rows.append(LetterRow("", self.say(text)))
        return rows

    def in_month(self, found: Part) -> Text:
        unseen = found.states[State.UNKNOWN]
        if found.availability is None:
            return T("in the month: nothing was measured")
        values = {
            "share": self.words.percent(found.availability),
            "lost": self.words.length(found.down_counted),
        }
        if not unseen:
            return T(
                "in the month: available for {share} of the time that counts; {lost} "
                "counted as down",
                **values,
            )
        return T(
            "in the month: available for {share} of the time that counts; {lost} "
            "counted as down; {unseen} not measured",
            unseen=self.words.length(unseen),
            **values,
        )

    def in_year(self, account: Account) -> Text:
        return T(
            "in the year: {verdict}; what is left of the budget: {rest}",
            verdict={"text": verdict(account, self.words).to_json()},
            rest=rest(account.budget.remaining, self.words),
        )

    def changes(self) -> list[str]:
        """What a correction changed: the figures that people ask for, by name."""
        corrects = self.stated["corrects"]
        if corrects is None:
            return []
        by_figure = sorted(corrects["changed"], key=_place)
        shown = [line for one in by_figure if (line := self.change(one))][:_CHANGES]
        more = len(by_figure) - len(shown)
        if not corrects["changed"]:
            shown.append(self.say(T("No figure changed.")))
        elif more > 0:
            text = TN(
                "One more figure changed; the page that goes along has it.",
                "{n} more figures changed; the page that goes along has them.",
                n=more,
            )
            shown.append(self.say(text))
        return shown

    def change(self, one: Mapping[str, Any]) -> str:
        """`Gestionale, down in the month, counted: 1 h → 1 h 1 min`, or nothing."""
        service, figure = _named(one)
        label = _FIGURES.get(figure)
        if label is None:
            return ""
        titles = {known.id: known.title for known in self.errand.services}
        name = self.translator.title(titles.get(service, {}), service)
        before, after = (self.value(figure, one[key]) for key in ("before", "after"))
        return f"{short(name, _NAME)}, {self.say(label)}: {before} → {after}"

    def value(self, figure: str, value: Any) -> str:
        if value is None or isinstance(value, str):
            return "–"
        if figure.endswith("availability"):
            return self.words.percent(Fraction(value))
        return self.words.length(Fraction(value) * 1_000_000)

    def closing(self, enclosed: bool) -> Sequence[Text]:
        if not enclosed:
            return [T("The statement is too large for a mail; ask us for it.")]
        return [
            T("The page that goes along has every figure and why it is so."),
            T(
                "The second file has what all of it follows from: anyone can compute "
                "it again with it."
            ),
        ]


def _named(one: Mapping[str, Any]) -> tuple[str, str]:
    """Service and figure of `figures[erp].month.availability`."""
    service, _, figure = str(one["figure"]).removeprefix("figures[").partition("].")
    return service, figure


def _place(one: Mapping[str, Any]) -> int:
    """What people ask for first stands first."""
    figure = _named(one)[1]
    return list(_FIGURES).index(figure) if figure in _FIGURES else len(_FIGURES)
