"""Accounts and their explanation as tables, in Italian or English."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from babel.numbers import format_decimal
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from scudo_agent.contract.account import Account
from scudo_agent.contract.exact import exact
from scudo_agent.contract.exclusion import KINDS
from scudo_agent.contract.explain import Explanation, Share, explain
from scudo_agent.contract.model import WindowKind
from scudo_agent.contract.windows import WindowRules
from scudo_agent.instant import MINUTE, SECOND, Instant
from scudo_agent.locale import translator
from scudo_agent.locale.formats import babel_locale, duration, local
from scudo_agent.model import State
from scudo_agent.text import TN, T, Text

OUTAGES_SHOWN = 10
_TEN_THOUSANDTHS = 1_000_000

KIND_WORDS = {
    WindowKind.ORDINARY: T("ordinary"),
    WindowKind.EXTRAORDINARY: T("extraordinary"),
    WindowKind.UPGRADE: T("upgrade"),
    WindowKind.OCCASIONAL: T("occasional"),
}


class Words:
    """Texts, lengths and figures for a reader of one language, in one time zone."""

    def __init__(self, language: str, zone: str = "UTC") -> None:
        self._translator = translator(language)
        self._locale = babel_locale(language)
        self.zone = zone

    def say(self, text: Text) -> str:
        """A sentence."""
        return self._translator.render(text, zone=self.zone)

    def length(self, value_us: int | Fraction) -> str:
        """A length of time to the second, towards zero: nothing left is overstated."""
        whole = int(Fraction(value_us) / SECOND) * SECOND
        return duration(whole, self._locale)

    def percent(self, value: Fraction | None) -> str:
        """A percentage with four decimals, cut and not rounded: never overstated."""
        if value is None:
            return "–"
        cut = Decimal(value * _TEN_THOUSANDTHS // 1) / 10_000
        return f"{format_decimal(cut, '0.0000', locale=self._locale)} %"

    def promise(self, target: Fraction) -> str:
        """The promised percentage with the digits that it has."""
        value = exact(target * 100)
        return f"{format_decimal(value, '0.######', locale=self._locale)} %"

    def number(self, value: Fraction | None) -> str:
        """A number with two decimals."""
        if value is None:
            return "–"
        rounded = Decimal(round(value * 100)) / 100
        return str(format_decimal(rounded, "0.00", locale=self._locale))

    def time(self, at: Instant) -> str:
        """`2026-06-01 23:30 +02:00`, in the contract's time zone."""
        return f"{self.short(at)} {local(at, self.zone).isoformat()[-6:]}"

    def short(self, at: Instant) -> str:
        """The same without the offset; seconds only where there are some."""
        there = local(at, self.zone)
        return (
            f"{there:%Y-%m-%d %H:%M:%S}" if at % MINUTE else f"{there:%Y-%m-%d %H:%M}"
        )


class AccountScreen:
    """Prints accounts; one table a service."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._words = Words(language)

    def show(self, accounts: Sequence[Account], at: str, *, explained: bool) -> None:
        """All accounts, as known at `at`."""
        if not accounts:
            self._print(T("no service: neither the history nor a window names one"))
            return
        first = accounts[0]
        self._words = Words(self._language, first.contract.timezone)
        start, end = (self._words.short(one)[:10] for one in first.year)
        self._console.print(f"{first.contract.title} ({first.contract.id})")
        self._print(
            T(
                "contract year {start} to {end}, as known at {at}",
                start=start,
                end=end,
                at=at,
            )
        )
        for account in accounts:
            self._console.print()
            self._account(account)
            if explained:
                found = explain(account, WindowRules(account.contract))
                self._explanation(found, account)

    def _print(self, text: Text) -> None:
        self._console.print(self._words.say(text))

    def _account(self, account: Account) -> None:
        words = self._words
        self._console.print(account.service, style="bold")
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column()
        table.add_column(justify="right")
        table.add_column()
        for label, value, note in self._rows(account):
            table.add_row(words.say(label), value, words.say(note) if note else "")
        self._console.print(table)
        self._print(_left(account, words))

    def _rows(self, account: Account) -> list[tuple[Text, str, Text | None]]:
        words = self._words
        percent, length = words.percent, words.length
        rows: list[tuple[Text, str, Text | None]] = [
            (
                T("availability"),
                percent(account.availability),
                _verdict(account, words),
            ),
            (T("worst case"), percent(account.worst_case), T("unknown time as down")),
            (T("best case"), percent(account.best_case), T("unknown time as up")),
            (T("coverage"), percent(account.coverage), T("of the time was seen")),
            (T("elapsed"), length(account.elapsed), None),
        ]
        rows += [
            (_STATES[state], length(account.lasted(state)), None) for state in State
        ]
        rows.append((T("excluded"), length(account.excluded()), None))
        rows += [
            (KIND_WORDS[kind], length(account.excluded(kind)), T("of what is excluded"))
            for kind in KINDS
            if account.excluded(kind)
        ]
        budget = account.budget
        return [
            *rows,
            (T("down, excluded"), length(account.down_excluded), None),
            (T("down, counted"), length(account.down_counted), None),
            (T("counted"), length(account.counted), T("the basis of availability")),
            (T("allowed in the year"), length(budget.allowed), None),
            (T("left of it"), length(budget.remaining), None),
            (
                T("burn rate"),
                words.number(budget.burn_rate),
                T("1 uses up the budget exactly at the year's end"),
            ),
        ]

    def _explanation(self, found: Explanation, account: Account) -> None:
        for title, shares in (
            (T("excluded, and why"), found.excluded),
            (T("refused, and why"), found.refused),
        ):
            if shares:
                self._console.print()
                self._shares(self._words.say(title), shares)
        if found.outages:
            self._console.print()
            self._outages(found, account)

    def _shares(self, title: str, shares: Sequence[Share]) -> None:
        """Two lines each, so that a reason has the width of the screen."""
        say, words = self._words.say, self._words
        heads = (T("window"), T("kind"), T("announced"), T("elapsed"), T("down"))
        rows = [[say(head) for head in heads]]
        rows += [
            [
                one.window.id,
                say(KIND_WORDS[one.window.kind]),
                words.short(one.announcement.announced),
                words.length(one.elapsed),
                words.length(one.down),
            ]
            for one in shares
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        whys = ["", *(say(one.why) for one in shares)]
        self._console.print(title, style="italic")
        for row, reason in zip(rows, whys, strict=True):
            cells = [
                text.rjust(width) if place > 2 else text.ljust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            ]
            self._console.print("  ".join(cells).rstrip(), soft_wrap=True)
            if reason:
                self._console.print(Padding(reason, (0, 0, 0, 4)))

    def _outages(self, found: Explanation, account: Account) -> None:
        say, words = self._words.say, self._words
        title = say(T("outages by what they cost"))
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        table.add_column(say(T("from")))
        for name in (T("length"), T("counts"), T("of the budget")):
            table.add_column(say(name), justify="right", no_wrap=True)
        table.add_column(say(T("windows")), ratio=1)
        for one in found.outages[:OUTAGES_SHOWN]:
            allowed = account.budget.allowed
            share = Fraction(one.counted) / allowed if allowed else None
            table.add_row(
                words.short(one.span[0]),
                words.length(one.length),
                words.length(one.counted),
                words.percent(share),
                ", ".join(one.windows),
            )
        self._console.print(table)
        if rest := found.outages[OUTAGES_SHOWN:]:
            counted = sum(one.counted for one in rest)
            self._print(
                TN(
                    "{n} more outage counts {counted}",
                    "{n} more outages count {counted} together",
                    n=len(rest),
                    counted={"duration": counted},
                )
            )


_STATES = {
    State.UP: T("up"),
    State.DEGRADED: T("degraded"),
    State.DOWN: T("down"),
    State.UNKNOWN: T("unknown"),
}


def _verdict(account: Account, words: Words) -> Text:
    target = words.promise(account.target)
    if account.met is None:
        return T("promised {target}: nothing to judge yet", target=target)
    if not account.met:
        return T("promised {target}: not kept", target=target)
    if account.period[1] < account.year[1]:
        return T("promised {target}: kept so far", target=target)
    return T("promised {target}: kept", target=target)


def _left(account: Account, words: Words) -> Text:
    """In one line what is left of the budget, to the second, cut."""
    left = account.budget.remaining
    if account.breached:
        return T("{over} more is lost than the year allows", over=words.length(-left))
    if account.period[1] >= account.year[1]:
        return T("the year has ended with {left} left", left=words.length(left))
    return T("it may still be down for {left} this year", left=words.length(left))
