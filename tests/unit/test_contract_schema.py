"""The JSON Schema of contract files: the committed one, and as strict as the loader."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scudo_agent.cli.main import main
from scudo_agent.config.contract_schema import contract_schema
from scudo_agent.config.yaml_source import read

CONFIGS = Path(__file__).parents[2] / "configs"
WHOLE = {"id": "a", "title": "A", "year_start": "2026-01-01"}


def valid(data: Any) -> bool:
    return Draft202012Validator(contract_schema()).is_valid(data)


def test_the_committed_schema_is_current() -> None:
    committed = json.loads((CONFIGS / "contract.schema.json").read_text("utf-8"))
    assert committed == contract_schema(), (
        "run `scudo-agent schema --contract > configs/contract.schema.json`"
    )


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--contract"]) == 0
    assert json.loads(capsys.readouterr().out) == contract_schema()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(contract_schema())


@pytest.mark.parametrize(
    "path", sorted(CONFIGS.glob("contracts/*.yaml")), ids=lambda path: path.stem
)
def test_the_committed_contracts_are_valid_by_it(path: Path) -> None:
    Draft202012Validator(contract_schema()).validate(read(path).data)


def test_every_default_is_valid_where_it_stands() -> None:
    schema = contract_schema()
    seen = 0
    for part in _parts(schema):
        if "default" in part:
            whole = {"$defs": schema["$defs"], **part}
            Draft202012Validator(whole).validate(part["default"])
            seen += 1
    assert seen > 20


def test_nothing_in_it_is_unused() -> None:
    text = json.dumps(contract_schema())
    for name in contract_schema()["$defs"]:
        assert f'"#/$defs/{name}"' in text


@pytest.mark.parametrize(
    "more",
    [
        {"servcie_hours": {}},
        {"service_hours": {"weekly": {"lun-ven": ["09:00-18:00"]}}},
        {"service_hours": {"weekly": {"mon": ["9-18"]}}},
        {"uptime": {"target": 0}},
        {"uptime": {"target": "high"}},
        {"clocks": [{"name": "a", "within": 0, "unit": "days", "until": "taken"}]},
        {"billing": {"kind": "hourly"}},
        {"billing": {"kind": "none", "rate": 75}},
        {"billing": {"kind": "card", "step_minutes": 30}},
        {"holidays": {"add": ["Christmas"]}},
        {"requests": {"categories": [{"id": "a"}]}},
    ],
    ids=str,
)
def test_it_refuses_what_the_loader_refuses_by_its_shape(more: dict[str, Any]) -> None:
    assert valid(WHOLE)
    assert not valid(WHOLE | more)


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from _parts(value)
    if isinstance(schema, list):
        for value in schema:
            yield from _parts(value)
