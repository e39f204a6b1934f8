"""The nine committed contracts: what differs between them, and a week of each."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.config.contract_file import read_contract
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.clocks import due
from scudo_agent.contract.hours import TicketFacts, span_text, wall
from scudo_agent.contract.model import (
    CardBilling,
    Contract,
    ExtraTime,
    HourlyBilling,
    Team,
    Term,
    TermStart,
    Warranty,
)
from scudo_agent.instant import MINUTE, Instant, parse_instant

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "configs" / "contracts"
IDS = (
    "altec-scudo-trial-90",
    "altec-scudo-360",
    "altec-scudo-full",
    "contactlab-standard",
    "contactlab-premium",
    "leotron-standard",
    "leotron-extended",
    "logbot-lssc",
    "cabar",
)
ALTEC, CONTACTLAB, LEOTRON = IDS[:3], IDS[3:5], IDS[5:7]
TRIAL, ONE_YEAR, FULL, STANDARD, PREMIUM, L_STANDARD, L_EXTENDED, LOGBOT, CABAR = IDS


def contract(name: str) -> Contract:
    return read_contract(FOLDER / f"{name}.yaml")


def test_there_are_nine_each_named_as_its_file() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(IDS)
    assert [contract(name).id for name in IDS] == list(IDS)


NATIONAL: dict[str, Any] = {"country": "IT", "add": []}
OWN = {
    "country": None,
    "add": ["01-01", "01-06", "easter", "easter+1", "08-15", "12-25", "12-26"],
}
OFFICE = ["09:00-18:00"]
SPLIT = ["09:00-13:00", "14:30-18:30"]
GENERAL = ("detected_at", "url", "description", "screenshot")
ACTIVITIES: dict[str, int | None] = {
    "first_installation": None,
    "remote_help": None,
    "peripherals": None,
    "mandate_and_label": None,
}
EXTENDED: dict[str, int | None] = {
    "software_blocked": 60,
    "hardware": 60,
    "reinstallation": 60,
    "operating_system": 60,
    "other_software": 60,
    "data_recovery": 60,
    "network_and_drivers": 60,
    "mail_client": 60,
    "viruses": 60,
    "prints": 60,
    "operator_errors": 60,
}


def each(names: Iterable[str], value: Any) -> dict[str, Any]:
    """The same value for several contracts."""
    return dict.fromkeys(names, value)


# What differs: for each key the value of all, and of those that have another one.
TABLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "term": (
        None,
        {
            TRIAL: Term(
                months=3,
                start=TermStart.FINAL_ACCEPTANCE,
                converts_to=("altec-scudo-360", "altec-scudo-full"),
            ),
            ONE_YEAR: Term(months=12),
        },
    ),
    "supply": (
        (),
        {
            TRIAL: ("purchased", "rented"),
            ONE_YEAR: ("purchased", "takeover"),
            FULL: ("rented",),
        },
    ),
    "covers": (
        (),
        {
            TRIAL: ("monitoring", "maintenance"),
            ONE_YEAR: ("monitoring", "maintenance"),
            FULL: ("monitoring", "maintenance", "parts", "replacement"),
            CABAR: ("redundant_system",),
        },
    ),
    "extra_time": (None, each(ALTEC, ExtraTime(pin=True, h24=False))),
    "module": (None, {L_EXTENDED: "j-system"}),
    "warranty": (
        None,
        each(
            LEOTRON,
            Warranty(
                months=12,
                extended=36,
                covers=frozenset({"parts", "repair"}),
                not_covered=frozenset({"restore", "transport"}),
            ),
        ),
    ),
    "holidays": (NATIONAL, each(LEOTRON, OWN)),
    "service_hours.weekly": (OFFICE, each(LEOTRON, SPLIT)),
    "service_hours.half_days": (
        [],
        each(LEOTRON, ["04-25", "05-01", "06-02", "11-01", "12-08"]),
    ),
    "service_hours.half_hours": ([], each(LEOTRON, ["09:00-13:00"])),
    "service_hours.extra": (
        [],
        {L_EXTENDED: [({1}, {"software_blocked"}, SPLIT, ["09:00-13:00"])]},
    ),
    "carenza.percent": (Decimal(0), {STANDARD: Decimal(5)}),
    "clocks": (
        [],
        {
            **each(
                CONTACTLAB,
                [
                    ("take_in_charge", 4, "working_hours", "taken", None, None, None),
                    ("processed", 16, "working_hours", "processed", {2, 3}, None, None),
                ],
            ),
            LOGBOT: [
                (
                    *("answer_onboarding", 8, "working_hours", "answered"),
                    *(None, {"onboarding"}, True),
                ),
                (
                    *("answer_base_ps", 3, "working_days", "answered"),
                    *(None, {"base", "ps"}, True),
                ),
            ],
        },
    ),
    "billing": (
        None,
        {
            L_STANDARD: HourlyBilling(rate=Decimal("80.00"), included=ACTIVITIES),
            L_EXTENDED: HourlyBilling(
                rate=Decimal("80.00"), included=ACTIVITIES | EXTENDED
            ),
            LOGBOT: CardBilling(
                rate=Decimal("75.00"),
                minimum_minutes=30,
                credits=400,
                card_minimum=15,
                months=12,
                free=frozenset({"kit_activation", "ps_activation"}),
            ),
        },
    ),
    "requests.channels": (
        (),
        {
            **each(ALTEC, ("phone", "mail")),
            L_STANDARD: ("software", "web_form", "phone", "voicemail", "whatsapp"),
            L_EXTENDED: (
                *("software", "web_form", "phone", "voicemail", "whatsapp"),
                "weekend_number",
            ),
            LOGBOT: ("portal", "phone"),
            CABAR: ("phone", "portal", "mail"),
        },
    ),
    "requests.clocks_for": (
        frozenset(),
        each(CONTACTLAB, frozenset({"Mail", "AltecMonitor"})),
    ),
    "requests.categories": (
        {},
        {
            **each(
                CONTACTLAB, {"total": 1, "partial": 2, "data": 2, "blocked_activity": 2}
            ),
            L_STANDARD: dict.fromkeys([*ACTIVITIES, "other"]),
            L_EXTENDED: {
                **dict.fromkeys([*ACTIVITIES, *EXTENDED, "other"]),
                "software_blocked": 1,
            },
            LOGBOT: dict.fromkeys(
                [
                    *("onboarding", "base", "hardware", "ps"),
                    *("kit_activation", "ps_activation"),
                ]
            ),
        },
    ),
    "requests.required": (
        GENERAL,
        each(LEOTRON, (*GENERAL, "software_version", "conformity", "backup")),
    ),
    "requests.interventions": (
        (),
        {
            **each(LEOTRON, ("phone", "remote", "workshop")),
            LOGBOT: ("phone", "remote"),
            CABAR: ("phone", "remote", "on_site", "vendor"),
        },
    ),
    "requests.team": (
        Team.ANY,
        {STANDARD: Team.OWN_ONLY, PREMIUM: Team.OWN_PREFERRED},
    ),
    "requests.closing": (
        (),
        {
            **each(LEOTRON, ("summary", "feedback", "quality_call")),
            LOGBOT: ("report",),
        },
    ),
}


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The contract's values by dotted key, as the table has them."""
    for field in fields(value):
        inner = getattr(value, field.name)
        key = f"{name}{field.name}"
        if is_dataclass(inner) and key in ("uptime", "service_hours", "carenza"):
            yield from leaves(inner, f"{key}.")
        elif key == "requests":
            yield from leaves(inner, "requests.")
        elif key not in ("id", "title"):
            yield key, shown(key, inner)


def shown(key: str, value: Any) -> Any:
    """A value as a person writes it into the table."""
    match key:
        case "holidays":
            assert (value.province, value.remove) == (None, ())
            return {"country": value.country, "add": [day.text for day in value.add]}
        case "service_hours.weekly":
            assert value == ((value[0],) * 5 + ((),) * 2)
            return [span_text(span) for span in value[0]]
        case "service_hours.half_days":
            return [day.text for day in value]
        case "service_hours.half_hours":
            return [span_text(span) for span in value]
        case "service_hours.extra":
            return [
                (
                    extra.when.severity,
                    extra.when.category,
                    [span_text(span) for span in extra.weekly[5]],
                    [span_text(span) for span in extra.weekly[6]],
                )
                for extra in value
            ]
        case "clocks":
            return [
                (
                    *(clock.name, clock.within, clock.unit.value, clock.until.value),
                    *(clock.when.severity, clock.when.category, clock.when.card),
                )
                for clock in value
            ]
        case "requests.categories":
            assert all({"it", "en"} <= set(category.title) for category in value)
            return {category.id: category.severity for category in value}
    return value


@pytest.mark.parametrize("name", IDS)
def test_each_says_what_the_table_says(name: str) -> None:
    said = dict(leaves(contract(name)))
    for key, (usual, others) in TABLE.items():
        assert said[key] == others.get(name, usual), key


def test_the_table_has_all_that_differs() -> None:
    said = [dict(leaves(contract(name))) for name in IDS]
    differs = {key for key in said[0] if any(one[key] != said[0][key] for one in said)}
    assert differs == set(TABLE)


@pytest.mark.parametrize(("one", "other"), list(combinations(IDS, 2)))
def test_any_two_differ(one: str, other: str) -> None:
    differing = [
        key
        for key, (usual, others) in TABLE.items()
        if others.get(one, usual) != others.get(other, usual)
    ]
    assert differing


# The week from Monday 1 to Sunday 7 June 2026, in Rome (UTC+2). Tuesday is the
# Festa della Repubblica, and a half-day of Leotron's.
FIRST = date(2026, 6, 1)
WEEK = [OFFICE, [], OFFICE, OFFICE, OFFICE, [], []]
SPLIT_WEEK = [SPLIT, ["09:00-13:00"], SPLIT, SPLIT, SPLIT, [], []]
WEEK_END = [*SPLIT_WEEK[:5], SPLIT, ["09:00-13:00"]]
NIGHT = ["01:00-07:00"]
SUNDAY_BEFORE = ["00:00-07:00"]  # 31 May ends at 01:00 here
FESTIVO = ["01:00-24:00"]
PERMITTED = [SUNDAY_BEFORE, FESTIVO, SUNDAY_BEFORE, NIGHT, NIGHT, NIGHT, FESTIVO]
OWN_PERMITTED = [SUNDAY_BEFORE, *[NIGHT] * 5, FESTIVO]
BLOCKING = TicketFacts(severity=1, category="software_blocked")
WEEKS = [
    *((name, TicketFacts(), WEEK) for name in (*ALTEC, *CONTACTLAB, LOGBOT, CABAR)),
    *((name, TicketFacts(), SPLIT_WEEK) for name in LEOTRON),
    (L_EXTENDED, BLOCKING, WEEK_END),
    (L_EXTENDED, TicketFacts(severity=1, category="hardware"), SPLIT_WEEK),
    (L_EXTENDED, TicketFacts(severity=2, category="software_blocked"), SPLIT_WEEK),
    (L_STANDARD, BLOCKING, SPLIT_WEEK),
]


def minutes(spans: list[str]) -> set[int]:
    """The quarters of an hour of a day's spans, each by its first minute."""
    found: set[int] = set()
    for span in spans:
        start, end = (
            int(text[:2]) * 60 + int(text[3:]) for text in span.split("-", maxsplit=1)
        )
        found |= set(range(start, end, 15))
    return found


def within(at: Instant, intervals: list[tuple[Instant, Instant]]) -> bool:
    return any(start <= at < end for start, end in intervals)


@pytest.mark.parametrize(("name", "facts", "week"), WEEKS)
def test_a_week_of_service_hours(
    name: str, facts: TicketFacts, week: list[list[str]]
) -> None:
    calendar = Calendar(contract(name))
    for number, hours in enumerate(week):
        day = FIRST + timedelta(days=number)
        served = calendar.service(day, facts)
        for minute in range(0, 1440, 15):
            at = wall(calendar.zone, day, minute)
            assert within(at, served) == (minute in minutes(hours)), (day, minute)
            last = Instant(at + 15 * MINUTE - 1)
            assert within(last, served) == within(at, served)


@pytest.mark.parametrize("name", IDS)
def test_a_week_of_permitted_hours(name: str) -> None:
    calendar = Calendar(contract(name))
    start = wall(calendar.zone, FIRST, 0)
    end = wall(calendar.zone, FIRST + timedelta(days=7), 0)
    permitted = list(calendar.permitted_spans(start, end))
    week = OWN_PERMITTED if name in LEOTRON else PERMITTED
    for number, hours in enumerate(week):
        for minute in range(0, 1440, 15):
            at = wall(calendar.zone, FIRST + timedelta(days=number), minute)
            assert within(at, permitted) == (minute in minutes(hours)), (number, minute)


# Received at 17:00 on each day of that week; due in June.
DUE = {
    (STANDARD, "take_in_charge"): [
        *("03T12:00", "03T13:00", "04T12:00", "05T12:00"),
        *("08T12:00", "08T13:00", "08T13:00"),
    ],
    (STANDARD, "processed"): [
        *("04T15:00", "04T16:00", "05T15:00", "08T15:00"),
        *("09T15:00", "09T16:00", "09T16:00"),
    ],
    (LOGBOT, "answer_onboarding"): [
        *("03T16:00", "03T17:00", "04T16:00", "05T16:00"),
        *("08T16:00", "08T17:00", "08T17:00"),
    ],
    (LOGBOT, "answer_base_ps"): [
        *("05T18:00", "05T18:00", "08T18:00", "09T18:00"),
        *("10T18:00", "10T18:00", "10T18:00"),
    ],
}
DUE |= {(PREMIUM, clock): DUE[STANDARD, clock] for _, clock in list(DUE)[:2]}


@pytest.mark.parametrize(("name", "clock"), DUE)
def test_a_week_of_clocks(name: str, clock: str) -> None:
    calendar = Calendar(contract(name))
    rule = next(rule for rule in calendar.contract.clocks if rule.name == clock)
    facts = TicketFacts(severity=2, category="onboarding", card=True)
    for number, text in enumerate(DUE[name, clock]):
        received = wall(calendar.zone, FIRST + timedelta(days=number), 17 * 60)
        expected = parse_instant(f"2026-06-{text}:00+02:00")
        assert due(calendar, rule, received, facts) == expected, number


def test_no_other_contract_promises_a_time() -> None:
    with_clocks = {name for name in IDS if contract(name).clocks}
    assert with_clocks == {name for name, _ in DUE}


def test_no_code_mentions_a_contract_or_its_firm() -> None:
    words = re.compile(
        "|".join([*IDS, "altec-", "contactlab", "leotron", "logbot", "cabar", "lssc"])
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "src").rglob("*"))
        if path.suffix in {".py", ".html", ".yaml", ".js", ".css"}
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if words.search(line.lower())
    ]
    assert not found
