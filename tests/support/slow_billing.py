"""A second, slow bill: each minute is paid by itself; no code of the product."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")


def expires(purchased: date, months: int) -> date:
    """The first day on which a card is void, found by walking through the days."""
    month = purchased.month + months
    wanted = (
        purchased.year + (month - 1) // 12,
        (month - 1) % 12 + 1,
        purchased.day,
    )
    day = purchased
    while (day.year, day.month, day.day) < wanted:
        day += timedelta(days=1)
    return day


def price(rate: str, minutes: int) -> Decimal:
    """Half-up to cents."""
    exact = Decimal(rate) * minutes / 60
    return exact.quantize(CENT, rounding=ROUND_HALF_UP)


def slow_cost(
    billing: dict[str, Any],
    minutes: int,
    on: date,
    category: str | None,
    cards: list[dict[str, Any]],
) -> dict[str, Any]:
    """Net and credits, as `contract cost --json` gives them."""
    net = Decimal("0.00")
    used: dict[str, int] = {}
    if minutes and billing["kind"] == "hourly":
        free = billing["included"].get(category, 0)
        net = price(billing["rate"], _hourly(billing, minutes, free))
    if minutes and billing["kind"] == "card" and category not in billing["free"]:
        net = _card(billing, minutes, on, cards, used)
    vat = (net * 22 / 100).quantize(CENT, rounding=ROUND_HALF_UP)
    left = {card["card"]: card["left"] for card in cards}
    return {
        "minutes": minutes,
        "credits": [
            {"card": name, "used": n, "left": left[name] - n}
            for name, n in used.items()
        ],
        "net": str(net),
        "vat": str(vat),
        "gross": str(net + vat),
    }


def _hourly(billing: dict[str, Any], minutes: int, free: Any) -> int:
    paid = 0
    for minute in range(minutes):
        if free != "all" and minute - free >= paid:
            paid += billing["step_minutes"] if paid else billing["first_minutes"]
    return paid


def _card(
    billing: dict[str, Any],
    minutes: int,
    on: date,
    cards: list[dict[str, Any]],
    used: dict[str, int],
) -> Decimal:
    order = []
    for card in cards:
        bought = date.fromisoformat(card["purchased"])
        void = expires(bought, billing["card"]["months"])
        if bought <= on < void and card["left"] > 0:
            order.append((void, bought, card["card"], card["left"]))
    order.sort()
    if not order:
        return price(billing["rate"], max(minutes, billing["minimum_minutes"]))
    uncovered = 0
    for _ in range(max(minutes, billing["card"]["minimum"])):
        for _void, _bought, name, left in order:
            if used.get(name, 0) < left:
                used[name] = used.get(name, 0) + 1
                break
        else:
            uncovered += 1
    return price(billing["rate"], uncovered)
