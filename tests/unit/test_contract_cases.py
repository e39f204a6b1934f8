"""The worked cases of clocks and costs, from the library and from the command."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.contract.billing import Card, cost
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.clocks import applies, due
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.instant import parse_instant

CASES = Path(__file__).parents[1] / "cases"
SLA: list[dict[str, Any]] = json.loads((CASES / "sla-1001.json").read_text("utf-8"))
COST: list[dict[str, Any]] = json.loads((CASES / "cost-1001.json").read_text("utf-8"))


def sla_words(case: dict[str, Any], folder: Path) -> list[str]:
    file = folder / "contract.yaml"
    file.write_text(json.dumps(case["contract"]), encoding="utf-8")
    words = ["contract", "sla", str(file), "--opened", case["opened"], "--json"]
    if case["severity"] is not None:
        words += ["--severity", str(case["severity"])]
    return words


def cost_words(case: dict[str, Any], folder: Path) -> list[str]:
    file, cards = folder / "contract.yaml", folder / "cards.json"
    file.write_text(json.dumps(case["contract"]), encoding="utf-8")
    cards.write_text(json.dumps(case["cards"]), encoding="utf-8")
    words = ["contract", "cost", str(file), "--minutes", str(case["minutes"])]
    words += ["--on", case["on"], "--cards", str(cards), "--json"]
    if case["category"] is not None:
        words += ["--category", case["category"]]
    return words


@pytest.mark.parametrize("case", SLA, ids=lambda case: case["contract"]["id"])
def test_clocks_are_due_when_the_case_says(case: dict[str, Any]) -> None:
    contract = contract_of_data(case["contract"], name="case")
    calendar = Calendar(contract)
    facts = TicketFacts(severity=case["severity"])
    opened = parse_instant(case["opened"])
    found = [
        {"name": clock.name, "due": calendar.text(due(calendar, clock, opened, facts))}
        for clock in contract.clocks
        if applies(clock, facts)
    ]
    assert {"clocks": found} == case["expected"]


@pytest.mark.parametrize("case", SLA, ids=lambda case: case["contract"]["id"])
def test_the_command_prints_those_clocks(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(sla_words(case, tmp_path)) == 0
    assert json.loads(capsys.readouterr().out) == case["expected"]


@pytest.mark.parametrize("case", COST, ids=lambda case: case["contract"]["id"])
def test_an_intervention_costs_what_the_case_says(case: dict[str, Any]) -> None:
    cards = [
        Card(
            id=one["card"],
            purchased=date.fromisoformat(one["purchased"]),
            credits=one["credits"],
            left=one["left"],
        )
        for one in case["cards"]
    ]
    bill = cost(
        contract_of_data(case["contract"], name="case"),
        case["minutes"],
        on=date.fromisoformat(case["on"]),
        category=case["category"],
        cards=cards,
    )
    wanted = case["expected"]
    assert [
        {"card": use.card, "used": use.used, "left": use.left} for use in bill.credits
    ] == wanted["credits"]
    found = [str(amount) for amount in (bill.net, bill.vat, bill.gross)]
    assert found == [wanted["net"], wanted["vat"], wanted["gross"]]


@pytest.mark.parametrize("case", COST, ids=lambda case: case["contract"]["id"])
def test_the_command_prints_that_cost(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(cost_words(case, tmp_path)) == 0
    found = json.loads(capsys.readouterr().out)
    lines = found.pop("lines")
    assert found == case["expected"]
    total = sum(round(float(line["net"]) * 100) for line in lines)
    assert total == round(float(found["net"]) * 100)


@pytest.mark.parametrize("words", [sla_words, cost_words])
def test_a_process_of_its_own_prints_the_same(words: Any, tmp_path: Path) -> None:
    case = (SLA if words is sla_words else COST)[2]
    command = [sys.executable, "-m", "scudo_agent", *words(case, tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = json.loads(done.stdout)
    found.pop("lines", None)
    assert (done.returncode, found) == (0, case["expected"])
