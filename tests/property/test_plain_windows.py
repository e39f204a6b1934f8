"""The short way of assessing a window gives what the general one gives."""

from typing import Any
from unittest.mock import patch

from hypothesis import given, settings

from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.config.window_file import windows_of_data
from scudo_agent.contract.account import chosen_year
from scudo_agent.contract.windows import WindowRules
from scudo_agent.instant import parse_instant
from support.uptime_data import cases


@given(case=cases(hours=70))
@settings(max_examples=60, deadline=None)
def test_both_ways_give_the_same_parts_and_reasons(case: dict[str, Any]) -> None:
    rules = WindowRules(contract_of_data(case["contract"], name="case"))
    at = parse_instant(case["at"])
    year = chosen_year(rules.calendar, at)
    file, faults = windows_of_data(case["windows"], name="case")
    assert not faults
    for window in file.windows:
        for within in (None, year):
            short = rules.assess(window, at=at, within=within)
            with patch.object(WindowRules, "_plain", return_value=None):
                assert short == rules.assess(window, at=at, within=within)
