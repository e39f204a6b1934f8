"""What an account says in words: lengths, percentages, what is left."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from babel.dates import format_date
from babel.numbers import format_decimal

from scudo_agent.contract.account import Account
from scudo_agent.contract.exact import exact
from scudo_agent.contract.model import Basis, WindowKind
from scudo_agent.instant import HOUR, MINUTE, SECOND, Instant, local_stamp
from scudo_agent.intervals import Interval
from scudo_agent.locale import translator
from scudo_agent.locale.formats import babel_locale, duration, local, short_day
from scudo_agent.model import State
from scudo_agent.text import T, Text

STOP_US = 4 * HOUR
"""An unannounced stop as one thinks of it before one pulls the plug."""

_TEN_THOUSANDTHS = 1_000_000

KIND_WORDS = {
    WindowKind.ORDINARY: T("ordinary"),
    WindowKind.EXTRAORDINARY: T("extraordinary"),
    WindowKind.UPGRADE: T("upgrade"),
    WindowKind.OCCASIONAL: T("occasional"),
}

STATE_WORDS = {
    State.UP: T("up"),
    State.DEGRADED: T("degraded"),
    State.DOWN: T("down"),
    State.UNKNOWN: T("unknown"),
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

    def stamp(self, at: Instant) -> str:
        """`2026-06-01 23:30:07 +02:00`, to the second."""
        return local_stamp(at, self.zone)

    def short(self, at: Instant) -> str:
        """The same without the offset; seconds only where there are some."""
        there = local(at, self.zone)
        return (
            f"{there:%Y-%m-%d %H:%M:%S}" if at % MINUTE else f"{there:%Y-%m-%d %H:%M}"
        )

    def days(self, span: Interval) -> tuple[str, str]:
        """The first day of a span and its last one, as `2026-12-31`."""
        first, end = span
        start, last = local(first, self.zone), local(Instant(end - 1), self.zone)
        return f"{start:%Y-%m-%d}", f"{last:%Y-%m-%d}"

    def month(self, day: date) -> str:
        """`nov`."""
        return str(format_date(day, "LLL", locale=self._locale))

    def day(self, day: date) -> str:
        """`23 nov 2026`."""
        return str(format_date(day, "medium", locale=self._locale))

    def date(self, at: Instant) -> str:
        """`23 nov 2026`."""
        return short_day(local(at, self.zone), self._locale)


_HALF = Fraction(1, 2)


def verdict(account: Account, words: Words) -> Text:
    """Whether the promise is kept."""
    target = words.promise(account.target)
    if account.met is None:
        return T("promised {target}: nothing to judge yet", target=target)
    if account.period[1] < account.year[1]:
        if not account.met and account.coverage < _HALF:
            # A ratio over minutes is no verdict on a year.
            share = words.percent(account.coverage)
            return T(
                "promised {target}: not kept so far, with {share} of the time measured",
                target=target,
                share=share,
            )
        if not account.met:
            return T("promised {target}: not kept so far", target=target)
        return T("promised {target}: kept so far", target=target)
    if not account.met:
        return T("promised {target}: not kept", target=target)
    return T("promised {target}: kept", target=target)


def left(account: Account, words: Words, stop_us: int = STOP_US) -> Text:
    """In one line what is left of the budget, to the second, cut.

    While the year goes on it also says what an unannounced stop of `stop_us` would
    leave.
    """
    remaining = account.budget.remaining
    if account.breached:
        return T("{over} more is lost than the year allows",
                 over=words.length(-remaining))  # fmt: skip
    values = {"left": words.length(remaining)}
    if account.period[1] >= account.year[1]:
        return T("the year has ended with {left} left", **values)
    values["length"] = words.length(stop_us)
    if stop_us > remaining:
        return T(
            "you may still be down {left}; an unannounced stop of {length} now would "
            "cost more than that",
            **values,
        )
    return T(
        "you may still be down {left}; an unannounced stop of {length} now would leave "
        "{rest}",
        rest=words.length(remaining - stop_us),
        **values,
    )


def windows_take(account: Account, words: Words) -> Text | None:
    """How much less may be lost for the windows of the whole year; None: nothing."""
    excluded = account.exclusion.total.length()
    if not excluded or account.contract.uptime.basis is Basis.CALENDAR:
        return None
    values = {
        "taken": words.length((1 - account.target) * excluded),
        "excluded": words.length(excluded),
    }
    coming = excluded - account.excluded()
    if not coming:
        return T("{taken} less, for {excluded} of windows", **values)
    return T(
        "{taken} less, for {excluded} of windows, {coming} of them to come",
        coming=words.length(coming),
        **values,
    )


def remainder(account: Account, words: Words) -> tuple[Text, str]:
    """The name and the value of what is left: never a length below zero."""
    remaining = account.budget.remaining
    if account.breached:
        return T("budget exceeded by"), words.length(-remaining)
    return T("left of it"), words.length(remaining)


def rest(remaining_us: int | Fraction, words: Words) -> str:
    """What is left, for a cell of a table: `71 h 12 min`, `exceeded by 4 h`."""
    if remaining_us >= 0:
        return words.length(remaining_us)
    return words.say(T("exceeded by {over}", over=words.length(-remaining_us)))
