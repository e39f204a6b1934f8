"""What interventions cost: the hand-worked table of credits and euro."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from scudo_agent.contract.billing import (
    Bill,
    Card,
    Line,
    activation,
    cents,
    cost,
    covered,
    last_day,
)
from scudo_agent.contract.hours import add_months
from scudo_agent.contract.model import Warranty
from scudo_agent.errors import InputError
from scudo_agent.locale import translator
from scudo_agent.text import T
from support.contract_data import CARD, HOURLY, contract

ON = date(2026, 6, 1)


def card(name: str, left: int, purchased: date = date(2026, 1, 10)) -> Card:
    return Card(id=name, purchased=purchased, credits=400, left=left)


def by_card(minutes: int, *cards: Card, category: str | None = "base") -> Bill:
    found = contract(billing=CARD)
    return cost(found, minutes, on=ON, category=category, cards=cards)


def by_hour(minutes: int, category: str | None) -> Bill:
    return cost(contract(billing=HOURLY), minutes, on=ON, category=category)


def used(bill: Bill) -> list[tuple[str, int, int]]:
    return [(use.card, use.used, use.left) for use in bill.credits]


@pytest.mark.parametrize(
    ("minutes", "credits"), [(7, 15), (15, 15), (16, 16), (61, 61)]
)
def test_a_minute_is_a_credit_and_fifteen_the_least(minutes: int, credits: int) -> None:
    bill = by_card(minutes, card("c1", 400))
    assert used(bill) == [("c1", credits, 400 - credits)]
    assert bill.net == bill.gross == 0


def test_the_card_that_expires_first_is_used_first() -> None:
    first, second = card("z", 10, date(2025, 12, 1)), card("a", 400)
    assert used(by_card(25, second, first)) == [("z", 10, 0), ("a", 15, 385)]


@pytest.mark.parametrize(("minutes", "net"), [(25, "18.75"), (7, "6.25")])
def test_what_no_card_covers_is_billed_by_the_minute(minutes: int, net: str) -> None:
    bill = by_card(minutes, card("c1", 10))
    assert used(bill) == [("c1", 10, 0)]
    assert str(bill.net) == net


def test_an_empty_card_is_no_card() -> None:
    bill = by_card(12, card("c1", 0))
    assert (used(bill), str(bill.net)) == ([], "37.50")


@pytest.mark.parametrize(
    ("minutes", "net"), [(12, "37.50"), (31, "38.75"), (40, "50.00")]
)
def test_without_a_card(minutes: int, net: str) -> None:
    assert str(by_card(minutes).net) == net


@pytest.mark.parametrize(
    ("purchased", "last"),
    [
        (date(2024, 2, 29), date(2025, 2, 28)),
        (date(2026, 3, 1), date(2027, 2, 28)),
        (date(2026, 1, 31), date(2027, 1, 30)),
    ],
)
def test_a_card_lasts_twelve_months(purchased: date, last: date) -> None:
    assert last_day(purchased, 12) == last
    cards = [card("c1", 400, purchased)]
    for on, credits in ((last, [("c1", 20, 380)]), (last + timedelta(days=1), [])):
        bill = cost(contract(billing=CARD), 20, on=on, cards=cards)
        assert used(bill) == credits


@pytest.mark.parametrize(
    ("on", "usable"),
    [
        (date(2026, 1, 9), False),
        (date(2026, 1, 10), True),
        (date(2027, 1, 9), True),
        (date(2027, 1, 10), False),
    ],
)
def test_it_must_start_inside_the_validity(on: date, usable: bool) -> None:
    bill = cost(contract(billing=CARD), 30, on=on, cards=[card("c1", 400)])
    assert bool(bill.credits) is usable


def test_cards_of_one_expiry_go_by_purchase_then_by_id() -> None:
    older, newer = date(2024, 2, 29), date(2024, 3, 1)
    cards = [card("b", 5, newer), card("a", 5, newer), card("z", 5, older)]
    bill = cost(contract(billing=CARD), 15, on=date(2024, 6, 1), cards=cards)
    assert [use.card for use in bill.credits] == ["z", "a", "b"]


@pytest.mark.parametrize(
    ("minutes", "net"), [(20, 80), (60, 80), (61, 120), (90, 120), (91, 160)]
)
def test_an_hour_whole_then_started_half_hours(minutes: int, net: int) -> None:
    assert by_hour(minutes, "other").net == net
    assert by_hour(minutes, None).net == net


@pytest.mark.parametrize(("minutes", "net"), [(60, 0), (61, 80), (150, 120)])
def test_only_the_excess_is_billed(minutes: int, net: int) -> None:
    assert by_hour(minutes, "extended").net == net


def test_all_has_no_limit() -> None:
    assert by_hour(10_000, "standard").net == 0


def test_zero_minutes_cost_nothing() -> None:
    assert by_card(0, card("c1", 400)) == by_card(0)
    assert by_card(0).gross == by_hour(0, "other").gross == 0


def test_a_free_category_takes_no_credit() -> None:
    bill = by_card(90, card("c1", 400), category="kit_activation")
    assert not bill.credits
    assert bill.net == 0
    assert [line.net for line in bill.lines] == [0]


def test_without_billing_nothing_is_billed_but_parts() -> None:
    disk = Line(text=T("Spare part: {what}", what="disk"), net=Decimal("99.99"))
    bill = cost(contract(), 600, on=ON, parts=[disk])
    assert (str(bill.net), str(bill.vat), str(bill.gross)) == (
        "99.99",
        "22.00",
        "121.99",
    )


def test_vat_is_computed_once_on_the_sum() -> None:
    # 0.11 + 0.11: 22 % of 0.22 are 0.0484, of each 0.0242.
    cent = Line(text=T("Spare part: {what}", what="screw"), net=Decimal("0.11"))
    assert str(cost(contract(), 0, on=ON, parts=[cent, cent]).vat) == "0.05"


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        (Fraction(1, 200), "0.01"),
        (Fraction(1, 201), "0.00"),
        (Fraction(3, 200), "0.02"),
        (Fraction(-1, 200), "-0.01"),
        (Fraction(10**30, 3), "333333333333333333333333333333.33"),
    ],
)
def test_half_a_cent_is_rounded_away_from_nothing(
    amount: Fraction, rounded: str
) -> None:
    assert str(cents(amount)) == rounded


def test_minutes_below_zero_are_refused() -> None:
    with pytest.raises(InputError, match="-1 minutes are below zero"):
        by_card(-1)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2024, 2, 29), 12, date(2025, 3, 1)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 1, 31), 1, date(2026, 3, 1)),
        (date(2026, 1, 31), 3, date(2026, 5, 1)),
        (date(2026, 12, 31), 12, date(2027, 12, 31)),
        (date(2026, 10, 31), 1, date(2026, 12, 1)),
        (date(2026, 11, 30), 3, date(2027, 3, 1)),
    ],
)
def test_months_later(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


def test_months_beyond_the_calendar() -> None:
    for day in (date(9999, 6, 1), date(9999, 12, 31)):
        with pytest.raises(OverflowError):
            add_months(day, 12)


@pytest.mark.parametrize(
    ("ddt", "expected"),
    [(None, date(2026, 1, 1)), (date(2025, 11, 3), date(2025, 11, 3))],
)
def test_a_card_is_activated_at_its_first_ticket(
    ddt: date | None, expected: date
) -> None:
    assert activation(ddt, date(2026, 5, 7)) == expected


@pytest.mark.parametrize(
    ("what", "on", "extended", "expected"),
    [
        ("parts", date(2026, 3, 31), False, True),
        ("parts", date(2026, 4, 1), False, False),
        ("parts", date(2026, 4, 1), True, True),
        ("parts", date(2028, 3, 31), True, True),
        ("parts", date(2028, 4, 1), True, False),
        ("parts", date(2025, 3, 31), True, False),
        ("transport", date(2025, 5, 1), False, False),
    ],
)
def test_what_a_warranty_covers(
    what: str, on: date, extended: bool, expected: bool
) -> None:
    warranty = Warranty(months=12, extended=36, covers=frozenset({"parts", "repair"}))
    bought = date(2025, 4, 1)
    assert (
        covered(warranty, what, purchased=bought, on=on, extended=extended) is expected
    )


def test_each_line_says_its_rule_in_the_readers_language() -> None:
    (line,) = by_hour(61, "other").lines
    assert translator("en").render(line.text) == (
        "61 minutes not included, billed as 90 minutes at 80.00 € an hour "
        "(at least 60, then each 30 begun)"
    )
    assert translator("it").render(line.text) == (
        "61 minuti non compresi, addebitati come 90 minuti a 80,00 € l'ora "
        "(minimo 60, poi frazioni di 30)"
    )
