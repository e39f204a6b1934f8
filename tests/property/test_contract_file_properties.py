"""Whatever a contract file holds: a contract, or faults with their places."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scudo_agent.clock import SystemClock
from scudo_agent.config.contract_body import body_of
from scudo_agent.config.contract_file import (
    contract_of,
    contract_of_data,
    read_contract,
)
from scudo_agent.config.contract_shape import ContractFile
from scudo_agent.config.yaml_source import parse, read
from scudo_agent.contract.model import Contract
from scudo_agent.contract.summary import summary
from scudo_agent.errors import ConfigError
from scudo_agent.locale import translator

CONTRACTS = Path(__file__).parents[2] / "configs" / "contracts"
FILES = sorted(CONTRACTS.glob("*.yaml"))
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


def keys_of(schema: Any) -> set[str]:
    """Every key that a contract file can have, at any depth."""
    found = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", {}))
        found.update(*(keys_of(value) for value in schema.values()))
    elif isinstance(schema, list):
        found.update(*(keys_of(value) for value in schema))
    return found


KEYS = sorted(keys_of(ContractFile.model_json_schema()))
WORDS = [
    *("mon-fri", "sat", "wed,sun", "fri-mon", "09:00-18:00", "18:00-09:00", "24:00"),
    *("12-25", "02-29", "2026-02-29", "easter", "easter-2", "2026-01-01", "+01:00"),
    *("agreed", "working_hours", "taken", "card", "hourly", "all", "4h", "75.00"),
    *("Europe/Rome", "IT", "MI", "XX", "Mail", "a", "prova", "", "\u2028", "è"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 200)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS, *WORDS]), inner, max_size=4)
    ),
    max_leaves=12,
)
NEEDED = {"id": "prova", "title": "Prova", "year_start": "2026-01-01"}
SECTIONS = set(ContractFile.model_fields) - set(NEEDED)
WRITTEN = [read(path).data for path in FILES]


def section(name: str) -> st.SearchStrategy[Any]:
    """A section as one of the committed contracts has it, or anything."""
    known = [data[name] for data in WRITTEN if name in data]
    return TREES | st.sampled_from(known) if known else TREES


WHOLE = st.fixed_dictionaries(
    {key: st.just(value) for key, value in NEEDED.items()},
    optional={name: section(name) for name in sorted(SECTIONS)},
)


def sound_or_told(text: str) -> Contract | None:
    """The contract of a text; None if it tells of faults, each within the text."""
    try:
        doc = parse(text, "contract.yaml")
    except ConfigError:
        return None
    contract, faults = contract_of(doc)
    assert (contract is None) == bool(faults)
    lines = len(re.split("\r\n|[\r\n\x85\u2028\u2029]", text))
    for fault in faults:
        assert 1 <= fault.line <= lines
        assert fault.column >= 1
        assert fault.what.strip()
        assert len(fault.what.splitlines()) == 1
    return contract


@QUIET
@given(WHOLE)
def test_any_data_is_a_contract_or_has_faults(data: dict[str, Any]) -> None:
    contract = sound_or_told(yaml.safe_dump(data, allow_unicode=True))
    if contract is not None:
        explained = summary(contract, SystemClock().wall())
        for language in ("it", "en"):
            for section in explained.sections:
                for _, text in section.rows:
                    assert "{" not in translator(language).render(text)


@QUIET
@given(st.text(max_size=200))
def test_any_text_is_a_contract_or_has_faults(text: str) -> None:
    sound_or_told(text)


@QUIET
@given(st.sampled_from(FILES), st.data())
def test_a_committed_contract_with_a_slip_never_breaks_the_loader(
    path: Path, data: st.DataObject
) -> None:
    text = path.read_text("utf-8")
    at = data.draw(st.integers(0, len(text) - 1))
    slip = data.draw(
        st.sampled_from(["", " ", ":", "-", "[", "}", "'", "9", "x", "\t"])
    )
    sound_or_told(text[:at] + slip + text[at + 1 :])


@given(st.sampled_from(FILES))
def test_what_the_desk_stores_says_the_same_as_the_file(path: Path) -> None:
    stored = json.loads(json.dumps(body_of(read(path))))
    assert contract_of_data(stored, name="stored") == read_contract(path)


@given(st.decimals(min_value="0.000001", max_value=100, places=6, allow_nan=False))
def test_the_target_is_the_decimal_of_the_file(target: Decimal) -> None:
    text = f"id: a\ntitle: A\nyear_start: 2026-01-01\nuptime: {{target: {target:f}}}\n"
    contract = sound_or_told(text)
    assert contract is not None
    assert contract.uptime.target == target
    assert str(contract.uptime.target) == f"{target:f}"
