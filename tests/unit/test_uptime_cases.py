"""The worked cases of uptime, from the library and from the command."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from scudo_agent.contract.exact import dumps
from scudo_agent.contract.figures import figures
from support.uptime_data import account_of
from support.uptime_files import same, words

CASES = sorted((Path(__file__).parents[1] / "cases").glob("uptime-1001-*.json"))


def case_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_there_are_twenty_cases() -> None:
    assert len(CASES) == 20


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_library_gives_the_expected_object(path: Path) -> None:
    case = case_of(path)
    found = json.loads(dumps(figures(account_of(case), case["at"])))
    assert same(found, case["expected"])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_command_prints_the_expected_object(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = case_of(path)
    assert main([*words(case, tmp_path), "--service", case["service"]]) == 0
    found = json.loads(capsys.readouterr().out)
    assert same(found, [case["expected"]])


def test_without_a_service_all_are_printed_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = case_of(CASES[2])
    assert main(words(case, tmp_path)) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["service"] for one in found] == ["erp", "other"]
    assert same(found[0], case["expected"])


def test_a_process_of_its_own_prints_exact_decimals(tmp_path: Path) -> None:
    case = case_of(CASES[8])
    command = [sys.executable, "-m", "scudo_agent", *words(case, tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = json.loads(done.stdout, parse_float=Decimal)[0]
    assert done.returncode == 0
    # 0.01 of a year less 93,923 s: exact, where a float would end in noise.
    assert found["budget"]["allowed"] == Decimal("314420.77")
    assert found["budget"]["remaining"] == Decimal("-868884.23")
    assert len(str(found["availability"])) == len("0.") + 28
