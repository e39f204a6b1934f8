"""What an intervention costs: credits, lines, VAT; cards and warranty (`domain.md` 7).

Amounts are decimal euro without VAT, rounded half-up to cents; each line is rounded,
and VAT is computed once on their sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from scudo_agent.contract.hours import add_months
from scudo_agent.contract.model import (
    CardBilling,
    Contract,
    HourlyBilling,
    Warranty,
)
from scudo_agent.errors import InputError
from scudo_agent.text import TN, T, Text, Value

VAT_PERCENT = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A prepaid card: `left` of its `credits`, and the date of its delivery note."""

    id: str
    purchased: date
    ddt: date | None = None
    credits: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditUse:
    """Credits that a bill takes off a card, and what then is left on it."""

    card: str
    used: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a bill, which says the rule it follows; `net` is in euro."""

    text: Text
    net: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What an intervention costs; `credits` are in the order of use."""

    minutes: int
    credits: tuple[CreditUse, ...]
    lines: tuple[Line, ...]

    @property
    def net(self) -> Decimal:
        """The sum of the lines."""
        return sum((line.net for line in self.lines), Decimal("0.00"))

    @property
    def vat(self) -> Decimal:
        """VAT, computed once on the net sum."""
        return cents(Fraction(self.net) * VAT_PERCENT / 100)

    @property
    def gross(self) -> Decimal:
        """What is to be paid."""
        return self.net + self.vat


def cost(
    contract: Contract,
    minutes: int,
    *,
    on: date,
    category: str | None = None,
    cards: Sequence[Card] = (),
    parts: Sequence[Line] = (),
) -> Bill:
    """What `minutes` of work that start on a local date cost.

    `parts` are lines that come on top in any contract (spare parts, transport).
    Started minutes are whole; none cost nothing. Raises `InputError` for minutes
    below zero.
    """
    if minutes < 0:
        raise InputError(f"{minutes} minutes are below zero")
    uses: list[CreditUse] = []
    lines: list[Line] = []
    billing = contract.billing
    if minutes and isinstance(billing, CardBilling):
        if category is not None and category in billing.free:
            free = T("Requests of category '{category}' are free", category=category)
            lines.append(_nothing(free))
        else:
            uses, lines = _by_card(billing, minutes, on, cards)
    elif minutes and isinstance(billing, HourlyBilling):
        lines = _by_hour(billing, minutes, category)
    return Bill(minutes=minutes, credits=tuple(uses), lines=(*lines, *parts))


def last_day(purchased: date, months: int) -> date:
    """The last day on which something that holds so many months can be used.

    Raises `OverflowError` beyond the year 9999.
    """
    return add_months(purchased, months) - timedelta(days=1)


def usable(billing: CardBilling, cards: Sequence[Card], on: date) -> list[Card]:
    """The cards that an intervention on that day can use, in the order of use.

    The one that expires first, then the older purchase, then the smaller id.
    """
    good = [
        (last_day(card.purchased, billing.months), card.purchased, card.id, card)
        for card in cards
        if card.left > 0
    ]
    return [one[3] for one in sorted(good) if one[1] <= on <= one[0]]


def activation(ddt: date | None, first_ticket: date) -> date:
    """A card's activation date, as shown on it and in reports.

    The delivery note's date or, without one, 1 January of the year of the first
    ticket.
    """
    return ddt if ddt is not None else date(first_ticket.year, 1, 1)


def covered(
    warranty: Warranty, what: str, *, purchased: date, on: date, extended: bool = False
) -> bool:
    """Whether a warranty covers `what` on a day, with the extension or without.

    What it does not (restoring software, transport) is a billable line.
    """
    months = warranty.months
    if extended and warranty.extended is not None:
        months = warranty.extended
    return what in warranty.covers and purchased <= on <= last_day(purchased, months)


def by_minute(rate: Decimal, minutes: int) -> Decimal:
    """The price of whole minutes at an hourly rate: 12 at 75.00 are 15.00."""
    return cents(Fraction(rate) * minutes / 60)


def cents(amount: Fraction) -> Decimal:
    """An amount rounded half-up to cents."""
    whole = (abs(amount) * 200 + 1) // 2
    sign = "-" if amount < 0 else ""
    return Decimal(f"{sign}{whole // 100}.{whole % 100:02d}")


def _by_card(
    billing: CardBilling, minutes: int, on: date, cards: Sequence[Card]
) -> tuple[list[CreditUse], list[Line]]:
    good = usable(billing, cards, on)
    if not good:
        return [], [_best_effort(billing, minutes)]
    left = needed = max(minutes, billing.card_minimum)
    uses = []
    for card in good:
        used = min(card.left, left)
        if used:
            uses.append(CreditUse(card=card.id, used=used, left=card.left - used))
            left -= used
    taken = TN(
        "{n} credit from cards, of the {needed} that the intervention takes",
        "{n} credits from cards, of the {needed} that the intervention takes",
        n=needed - left,
        needed=needed,
    )
    lines = [_nothing(taken)]
    if left:
        rest = TN(
            "{n} minute that no card covers, at {rate} an hour by the minute",
            "{n} minutes that no card covers, at {rate} an hour by the minute",
            n=left,
            rate=_rate(billing.rate),
        )
        lines.append(Line(text=rest, net=by_minute(billing.rate, left)))
    return uses, lines


def _best_effort(billing: CardBilling, minutes: int) -> Line:
    billed = max(minutes, billing.minimum_minutes)
    text = TN(
        "{n} minute without a usable card, at {rate} an hour by the minute "
        "(at least {minimum} minutes)",
        "{n} minutes without a usable card, at {rate} an hour by the minute "
        "(at least {minimum} minutes)",
        n=billed,
        rate=_rate(billing.rate),
        minimum=billing.minimum_minutes,
    )
    return Line(text=text, net=by_minute(billing.rate, billed))


def _by_hour(billing: HourlyBilling, minutes: int, category: str | None) -> list[Line]:
    free: int | None = 0
    if category is not None and category in billing.included:
        free = billing.included[category]
    excess = 0 if free is None else max(0, minutes - free)
    lines = []
    if minutes > excess:
        included = TN(
            "{n} minute included in the contract ({category})",
            "{n} minutes included in the contract ({category})",
            n=minutes - excess,
            category=category or "",
        )
        lines.append(_nothing(included))
    if excess:
        billed = billed_minutes(billing, excess)
        text = TN(
            "{n} minute not included, billed as {billed} minutes at {rate} an hour "
            "(at least {first}, then each {step} begun)",
            "{n} minutes not included, billed as {billed} minutes at {rate} an hour "
            "(at least {first}, then each {step} begun)",
            n=excess,
            billed=billed,
            rate=_rate(billing.rate),
            first=billing.first_minutes,
            step=billing.step_minutes,
        )
        lines.append(Line(text=text, net=by_minute(billing.rate, billed)))
    return lines


def billed_minutes(billing: HourlyBilling, excess: int) -> int:
    """The minutes that an excess is billed as: the first ones whole, then by steps.

    60, 61 and 91 minutes with a first hour and steps of 30 are 60, 90 and 120.
    """
    over = max(0, excess - billing.first_minutes)
    steps = -(-over // billing.step_minutes)
    return billing.first_minutes + steps * billing.step_minutes


def _rate(rate: Decimal) -> Value:
    # At most two decimals and six digits (the contract file's rule): a float has them.
    return {"euro": float(rate)}


def _nothing(text: Text) -> Line:
    return Line(text=text, net=Decimal("0.00"))
