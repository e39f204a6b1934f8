"""The JSON Schema: it is the committed one, and it says what the loader says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scudo_agent.cli.main import main
from scudo_agent.config.probe import ProbeSettings
from scudo_agent.config.schema import site_schema
from scudo_agent.config.yaml_source import parse, read
from scudo_agent.errors import ConfigError
from scudo_agent.probes.registry import SETTINGS
from support.config_kinds import KINDS

ROOT = Path(__file__).parents[2]
UNIT = Path(__file__).parent
COMMITTED = ROOT / "configs" / "site.schema.json"


def valid(schema: dict[str, Any], data: Any) -> bool:
    return Draft202012Validator(schema).is_valid(data)


def test_the_committed_schema_is_current() -> None:
    committed = json.loads(COMMITTED.read_text("utf-8"))
    assert committed == site_schema(SETTINGS), (
        "run `scudo-agent schema > configs/site.schema.json`"
    )


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == site_schema(SETTINGS)


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(site_schema(SETTINGS))


@pytest.mark.parametrize("registry", [KINDS, SETTINGS], ids=["small", "real"])
def test_what_is_planned_belongs_to_the_shape(
    registry: dict[str, type[ProbeSettings]],
) -> None:
    data = read(UNIT / "site_files" / "issue.yaml").data
    Draft202012Validator(site_schema(registry)).validate(data)


def test_the_example_site_is_valid_by_it() -> None:
    data = read(ROOT / "configs" / "acme-milano.yaml").data
    Draft202012Validator(site_schema(SETTINGS)).validate(data)


SHAPE = [
    "unknown-key-of-file",
    "unknown-key-of-customer",
    "unknown-key-of-target",
    "unknown-key-of-settings",
    "unknown-key-of-nested-settings",
    "unknown-probe",
    "missing-keys-of-file",
    "missing-key-of-settings",
    "missing-key-of-desk",
    "version",
    "id-of-target",
    "id-of-check",
    "interval",
    "confirm",
    "settings-value",
    "settings-choice",
    "settings-ratio",
    "settings-duration",
    "check-with-two-probes",
    "check-that-is-a-list",
    "service-without-checks",
    "service-with-a-target",
    "service-need",
    "secret-literal",
    "snmp-version",
    "boolean-of-yaml-1-1",
    "list-as-file",
]


@pytest.mark.parametrize("name", SHAPE)
def test_a_fault_of_shape_is_one_by_the_schema(name: str) -> None:
    data = read(UNIT / "invalid" / f"{name}.yaml").data
    assert not valid(site_schema(KINDS), data)


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("icmp", True),
        ("{icmp: }", True),
        ("{icmp: {degraded: {loss: 20%, rtt: 1m 30s}}, confirm: 2}", True),
        ("{tcp: 5432}", True),
        ("{tcp: 70000}", False),
        ("{icmp: 3}", False),
        ("heartbeat", False),
        ("{heartbeat: {every: 24h, grace: 2h}}", True),
        ("{confirm: 2}", True),
        ("", True),
    ],
)
def test_forms_of_a_check(check: str, expected: bool) -> None:
    head = "version: 1\nsite: a\ntimezone: UTC\n"
    head += "customer: {id: a, name: A, mail: a@a.example}\n"
    text = f"{head}targets: {{t: {{address: a, checks: {{c: {check}}}}}}}\n"
    assert valid(site_schema(KINDS), parse(text, "f").data) is expected


def keys(schema: Any) -> Iterator[str]:
    """Every key that a schema names."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from keys(value)


def test_every_key_is_in_the_page_on_site_files() -> None:
    page = (ROOT / "docs" / "configure.md").read_text("utf-8")
    words = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`[^`\n]+`", page))))
    # The settings of probes have a page of their own.
    assert sorted(set(keys(site_schema({}))) - words) == []


def test_every_setting_of_a_probe_is_in_the_page_on_probes() -> None:
    page = (ROOT / "docs" / "probes.md").read_text("utf-8")
    code = " ".join(re.findall(r"`[^`\n]+`", page))
    code += " ".join(re.findall(r"(?m)^    .*$", page))
    words = set(re.findall(r"[a-z0-9_]+", code))
    settings = {
        key for kind in SETTINGS.values() for key in keys(kind.model_json_schema())
    }
    assert sorted(settings - words) == []


def test_the_registry_of_faulty_files_is_whole() -> None:
    """The files named above exist and are faulty by the loader too."""
    for name in SHAPE:
        text = (UNIT / "invalid" / f"{name}.yaml").read_text("utf-8")
        assert "\n#! " in text


def test_a_file_that_is_no_yaml_is_no_shape() -> None:
    with pytest.raises(ConfigError):
        read(UNIT / "invalid" / "unclosed.yaml")
