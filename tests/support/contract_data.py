"""Contracts as the data of a file, short to write in a test."""

from collections.abc import Mapping
from typing import Any

from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.model import Contract

NINE_TO_SIX = {"mon-fri": ["09:00-18:00"]}

CARD = {
    "kind": "card",
    "rate": "75.00",
    "minimum_minutes": 30,
    "card": {"credits": 400, "minimum": 15, "months": 12},
    "free": ["kit_activation"],
}
HOURLY = {
    "kind": "hourly",
    "rate": "80.00",
    "first_minutes": 60,
    "step_minutes": 30,
    "included": {"standard": "all", "extended": 60},
}
SHOP = {
    "holidays": {
        "country": None,
        "add": ["01-01", "01-06", "easter", "easter+1", "08-15", "12-25", "12-26"],
    },
    "service_hours": {
        "weekly": {"mon-fri": ["09:00-13:00", "14:30-18:30"]},
        "half_days": {
            "dates": ["04-25", "05-01", "06-02", "11-01", "12-08"],
            "hours": ["09:00-13:00"],
        },
        "extra": [
            {
                "when": {"severity": [1]},
                "weekly": {
                    "sat": ["09:00-13:00", "14:30-18:30"],
                    "sun": ["09:00-13:00"],
                },
            }
        ],
    },
}
"""Hours of a help desk for shops: week-ends for blocking problems only."""


def data(**keys: Any) -> dict[str, Any]:
    """A contract's data: Monday to Friday 09:00-18:00 unless the keys say otherwise."""
    return {
        "id": "a-contract",
        "title": "A contract",
        "year_start": "2024-01-01",
        "service_hours": {"weekly": NINE_TO_SIX},
        **keys,
    }


def contract(**keys: Any) -> Contract:
    """The contract that `data` says."""
    return contract_of_data(data(**keys), name="test")


def calendar(**keys: Any) -> Calendar:
    """Its calendar."""
    return Calendar(contract(**keys))


def calendar_of(body: Mapping[str, Any]) -> Calendar:
    """The calendar of whole data."""
    return Calendar(contract_of_data(body, name="test"))
