"""Bills against a second, slow implementation that pays each minute by itself."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.contract.billing import Card, cost, last_day
from support.contract_data import CARD, HOURLY, contract
from support.slow_billing import expires, slow_cost

ON = date(2026, 6, 1)
_days = st.integers(-800, 30).map(lambda days: ON + timedelta(days=days))
_left = st.sampled_from([0, 1, 3, 10, 14, 15, 40, 400])
_purchased = st.one_of(
    _days,
    st.sampled_from([date(2025, 6, 1), date(2025, 6, 2), ON, date(2024, 2, 29)]),
)


@st.composite
def card_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=4))
    return [
        {
            "card": name,
            "purchased": draw(_purchased).isoformat(),
            "credits": 400,
            "left": draw(_left),
        }
        for name in names
    ]


billings = st.sampled_from(
    [
        CARD,
        {**CARD, "rate": "79.99", "minimum_minutes": 7},
        {**CARD, "card": {"credits": 400, "minimum": 1, "months": 1}},
        {**CARD, "card": {"credits": 400, "minimum": 45, "months": 13}},
        HOURLY,
        {**HOURLY, "rate": "33.33", "first_minutes": 45, "step_minutes": 7},
        {**HOURLY, "first_minutes": 10, "step_minutes": 60},
        {"kind": "none"},
    ]
)
categories = st.sampled_from([None, "base", "kit_activation", "standard", "extended"])


@settings(max_examples=400, deadline=None)
@given(billings, st.integers(0, 500), categories, card_lists())
def test_a_bill_is_what_its_minutes_cost(
    billing: dict[str, Any],
    minutes: int,
    category: str | None,
    cards: list[dict[str, Any]],
) -> None:
    bill = cost(
        contract(billing=billing),
        minutes,
        on=ON,
        category=category,
        cards=[
            Card(
                id=one["card"],
                purchased=date.fromisoformat(one["purchased"]),
                credits=one["credits"],
                left=one["left"],
            )
            for one in cards
        ],
    )
    found = {
        "minutes": bill.minutes,
        "credits": [
            {"card": use.card, "used": use.used, "left": use.left}
            for use in bill.credits
        ],
        "net": str(bill.net),
        "vat": str(bill.vat),
        "gross": str(bill.gross),
    }
    assert found == slow_cost(billing, minutes, ON, category, cards)
    assert all(use.used > 0 and use.left >= 0 for use in bill.credits)


@settings(deadline=None)
@given(st.dates(date(2023, 1, 1), date(2029, 1, 1)), st.integers(1, 40))
def test_months_end_where_a_walk_through_the_days_ends(
    purchased: date, months: int
) -> None:
    assert last_day(purchased, months) == expires(purchased, months) - timedelta(days=1)
