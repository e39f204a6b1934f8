"""Accounts and their explanation as tables, in Italian or English."""

from collections.abc import Callable, Sequence
from fractions import Fraction

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from scudo_agent.contract.account import Account
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.exclusion import KINDS
from scudo_agent.contract.explain import Explanation, Share, explain
from scudo_agent.contract.part import month_part, part, service_time
from scudo_agent.contract.windows import Refusal, WindowRules
from scudo_agent.model import State
from scudo_agent.statement.words import (
    KIND_WORDS,
    STATE_WORDS,
    Words,
    left,
    remainder,
    verdict,
    windows_take,
)
from scudo_agent.text import TN, T, Text

OUTAGES_SHOWN = 10


class AccountScreen:
    """Prints accounts; one table a service."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._words = Words(language)

    def show(
        self,
        accounts: Sequence[Account],
        *,
        explained: bool = False,
        month: str | None = None,
        hours: bool = False,
    ) -> None:
        """All accounts, as known at the instant that they were made for.

        With a month its figures stand beneath, with `hours` those of the service
        hours, for information.
        """
        if not accounts:
            self._print(T("no service: neither the history nor a window names one"))
            return
        first = accounts[0]
        self._words = Words(self._language, first.contract.timezone)
        start, end = self._words.days(first.year)
        self._console.print(f"{first.contract.title} ({first.contract.id})")
        self._print(
            T(
                "contract year {start} to {end}, as known at {at}",
                start=start,
                end=end,
                at=self._words.stamp(first.at),
            )
        )
        calendar = Calendar(first.contract)
        for account in accounts:
            self._console.print()
            self._account(account)
            if month is not None:
                self._month(account, month)
            if hours:
                self._hours(account, calendar)
            if explained:
                found = explain(account, WindowRules(account.contract))
                self._explanation(found, account)

    def _print(self, text: Text) -> None:
        self._console.print(self._words.say(text))

    def _account(self, account: Account) -> None:
        words = self._words
        self._console.print(account.service, style="bold")
        self._table(self._rows(account))
        self._print(left(account, words))

    def _table(self, rows: Sequence[tuple[Text, str, Text | None]]) -> None:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column()
        table.add_column(justify="right")
        table.add_column()
        for label, value, note in rows:
            noted = self._words.say(note) if note else ""
            table.add_row(self._words.say(label), value, noted)
        self._console.print(table)

    def _hours(self, account: Account, calendar: Calendar) -> None:
        found = part(account, service_time(calendar, account.period))
        if not found.elapsed:
            return
        self._print(
            T(
                "for information, in service hours only: availability {share}, "
                "{down} down that counts",
                share=self._words.percent(found.availability),
                down=self._words.length(found.down_counted),
            )
        )

    def _month(self, account: Account, month: str) -> None:
        words = self._words
        (start, end), found = month_part(account, month)
        self._console.print()
        self._print(
            T(
                "of it in {month}, {start} to {end}",
                month=month,
                start=words.short(start),
                end=words.short(end),
            )
        )
        rows: list[tuple[Text, str, Text | None]] = [
            (T("availability"), words.percent(found.availability), None),
            (T("coverage"), words.percent(found.coverage), T("of the time was seen")),
            (T("elapsed"), words.length(found.elapsed), None),
        ]
        rows += [(STATE_WORDS[s], words.length(found.states[s]), None) for s in State]
        rows += [
            (T("excluded"), words.length(sum(found.excluded.values())), None),
            (T("down, excluded"), words.length(found.down_excluded), None),
            (
                T("down, counted"),
                words.length(found.down_counted),
                T("of the year's budget"),
            ),
        ]
        self._table(rows)

    def _rows(self, account: Account) -> list[tuple[Text, str, Text | None]]:
        words = self._words
        percent, length = words.percent, words.length
        rows: list[tuple[Text, str, Text | None]] = [
            (
                T("availability"),
                percent(account.availability),
                verdict(account, words),
            ),
            (T("worst case"), percent(account.worst_case), T("unknown time as down")),
            (T("best case"), percent(account.best_case), T("unknown time as up")),
            (T("coverage"), percent(account.coverage), T("of the time was seen")),
            (T("elapsed"), length(account.elapsed), None),
        ]
        rows += [
            (STATE_WORDS[state], length(account.lasted(state)), None) for state in State
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
            (
                T("allowed in the year"),
                length(budget.allowed),
                windows_take(account, words),
            ),
            (*remainder(account, words), None),
            (
                T("burn rate"),
                words.number(budget.burn_rate),
                T("1 uses up the budget exactly at the year's end"),
            ),
        ]

    def _explanation(self, found: Explanation, account: Account) -> None:
        self._shares(T("excluded, and why"), _where(found.excluded, begun=True))
        self._shares(T("refused, and why"), _where(found.refused, begun=True))
        self._planned(
            T("planned: what will be excluded, and why"),
            _where(found.excluded, begun=False),
        )
        self._planned(
            T("planned: what will not be excluded, and why"),
            [
                one
                for one in _where(found.refused, begun=False)
                if one.refusal is not Refusal.CANCELLED
            ],
        )
        if found.outages:
            self._console.print()
            self._outages(found, account)

    def _shares(self, title: Text, shares: Sequence[Share]) -> None:
        """What has begun: how much of it has elapsed, and was down."""
        heads = (T("window"), T("kind"), T("announced"), T("elapsed"), T("down"))
        words = self._words
        self._reasons(
            title,
            heads,
            shares,
            lambda one: [
                words.short(one.announcement.announced),
                words.length(one.elapsed),
                words.length(one.down),
            ],
        )

    def _planned(self, title: Text, shares: Sequence[Share]) -> None:
        """What is yet to come: from when on, and for how long."""
        heads = (T("window"), T("kind"), T("announced"), T("from"), T("length"))
        words = self._words
        self._reasons(
            title,
            heads,
            shares,
            lambda one: [
                words.short(one.announcement.announced),
                words.short(next(iter(one.spans))[0]),
                words.length(one.coming),
            ],
        )

    def _reasons(
        self,
        title: Text,
        heads: Sequence[Text],
        shares: Sequence[Share],
        facts: Callable[[Share], list[str]],
    ) -> None:
        """Two lines each, so that a reason has the width of the screen."""
        if not shares:
            return
        say = self._words.say
        rows = [[say(head) for head in heads]]
        rows += [
            [one.window.id, say(KIND_WORDS[one.window.kind]), *facts(one)]
            for one in shares
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        whys = ["", *(say(one.why) for one in shares)]
        self._console.print()
        self._console.print(say(title), style="italic")
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


def _where(shares: Sequence[Share], *, begun: bool) -> list[Share]:
    """Those that have begun, or that are wholly to come."""
    return [one for one in shares if (one.elapsed > 0) is begun]
