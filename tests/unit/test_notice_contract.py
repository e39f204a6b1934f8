"""What a contract adds to notices: what it commits to, and what an outage cost."""

import pytest

from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.contract.model import Contract
from scudo_agent.desk.commitments import commitments
from scudo_agent.desk.notice import AGENT_ORIGIN, render
from scudo_agent.instant import HOUR, MINUTE, SECOND, parse_instant
from scudo_agent.locale import translator
from scudo_agent.model import Kind
from scudo_agent.wire import Cost
from support.notices import OUTAGE, notice, stage
from support.uptime_files import STANDARD

ROME = "Europe/Rome"
MONDAY = parse_instant("2026-11-23T10:42:00+01:00")
CLOCKS = [
    {"name": "take", "within": 4, "unit": "working_hours", "until": "taken"},
    {"name": "do", "within": 16, "unit": "working_hours", "until": "processed",
     "when": {"severity": [2, 3]}},
]  # fmt: skip


def contract(**keys: object) -> Contract:
    return contract_of_data({**STANDARD, "clocks": CLOCKS, **keys}, name="standard")


def facts(severity: int | None) -> TicketFacts:
    return TicketFacts(severity=severity, origin=AGENT_ORIGIN)


def said(found: Contract, severity: int | None, language: str = "it") -> list[str]:
    told = commitments(found, MONDAY, facts(severity))
    speaks = translator(language)
    return [speaks.render(one, zone=ROME) for one in told]


def test_what_a_contract_commits_to() -> None:
    (taken,) = said(contract(), 1)
    assert taken == ("presa in carico entro le 14:42 (4 ore lavorative)")
    assert said(contract(), 2, "en") == [
        "taken in charge by 14:42 (4 working hours)",
        "processed by 17:42 on Tuesday, 24 November 2026 (16 working hours)",
    ]
    assert said(contract(), 2)[1] == (
        "lavorazione avviata entro le 17:42 di martedì 24 novembre 2026 "
        "(16 ore lavorative)"
    )


def test_where_nothing_is_committed_to() -> None:
    assert said(contract(clocks=[]), 1) == []
    by_mail = contract(requests={"clocks_for": ["Mail"]})
    assert said(by_mail, 1) == []


def test_the_opening_says_it() -> None:
    told = tuple(commitments(contract(), MONDAY, facts(1)))
    found = render(notice(stage(), commitments=told), translator("it"), ROME)
    assert "Impegno" in found.text
    assert "14:42" in found.text
    assert "Impegno" in found.html
    without = render(notice(stage()), translator("it"), ROME)
    assert "Impegno" not in without.text


def recovered(cost: Cost | None, language: str = "it") -> str:
    over = OUTAGE.model_copy(update={"budget": cost})
    told = stage(kind=Kind.RECOVER, outage=over)
    return " ".join(render(notice(told), translator(language), ROME).text.split())


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("it", "È costato 1 min 31 s del monte annuo: restano 87 h 34 min."),
        ("en", "It cost 1 min 31 s of the year's budget: 87 h 34 min is left."),
    ],
)
def test_the_recovery_says_what_it_cost(language: str, words: str) -> None:
    allowed = 87 * HOUR + 36 * MINUTE
    cost = Cost(
        cost_us=91 * SECOND,
        used_us=2 * MINUTE,
        allowed_us=allowed,
        services=["erp"],
    )
    assert words in recovered(cost, language)


def test_a_recovery_when_nothing_is_left_and_when_nothing_counts() -> None:
    over = Cost(cost_us=SECOND, used_us=3 * HOUR, allowed_us=HOUR, services=["erp"])
    assert "che è superato di 2 h." in recovered(over)
    free = Cost(cost_us=0, used_us=0, allowed_us=HOUR, services=["erp"])
    assert "Niente di questo conta: del monte annuo restano 1 h." in recovered(free)
    two = Cost(cost_us=HOUR, used_us=HOUR, allowed_us=3 * HOUR, services=["erp", "b"])
    assert "dei monti annui di" in recovered(two)
    assert "in tutto restano 2 h" in recovered(two)


def test_without_a_contract_a_recovery_says_no_cost() -> None:
    assert "Costo" not in recovered(None)
