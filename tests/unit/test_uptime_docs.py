"""What `docs/contract.md` says of the JSON of uptime, windows and statements."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scudo_agent.cli.main import main
from support.uptime_files import write

PAGE = (Path(__file__).parents[2] / "docs" / "contract.md").read_text("utf-8")
HISTORY = [
    {"t": "2026-01-01T00:00:00+01:00", "service": "erp", "state": "up"},
    {"t": "2026-02-03T21:00:00+01:00", "service": "erp", "state": "down"},
    {"t": "2026-02-04T21:00:00.5+01:00", "service": "erp", "state": "degraded"},
]


def blocks(after: str) -> list[Any]:
    """The JSON blocks that follow a line of the page."""
    rest = PAGE[PAGE.index(after) :]
    return [json.loads(one) for one in re.findall(r"```json\n(.*?)```", rest, re.S)]


def validator(name: str) -> Draft202012Validator:
    schema = blocks(f"Schema of {name}:")[0]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def files(folder: Path) -> list[str]:
    """The page's own example of a window, and one that is refused."""
    example = blocks("maintenance window a line, with all its announcements:")[1]
    late = {**example["announcements"][0], "announced": "2026-02-03T10:00:00+01:00"}
    refused = {**example, "id": "w2", "announcements": [late]}
    return write(folder, HISTORY, [example, refused])


def test_the_example_lines_are_read(tmp_path: Path) -> None:
    line, example = blocks("maintenance window a line, with all its announcements:")[:2]
    words = write(tmp_path, [line], [example])
    assert main([*words, "--at", "2026-03-01T00:00:00Z", "--json"]) == 0


@pytest.mark.parametrize("more", [[], ["--explain"], ["--explain", "--language", "it"]])
def test_uptime_is_as_its_schema_says(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*files(tmp_path), "--at", "2026-03-01T00:00:00Z", "--json", *more]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    validator("`contract uptime --json`").validate(found)
    assert ("explanation" in found[0]) is bool(more)


def test_a_statement_is_as_its_schema_says(tmp_path: Path) -> None:
    words = [*files(tmp_path), "--at", "2026-03-01T00:00:00Z"]
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    assert main([*words, "--statement", str(first)]) == 0
    words += ["--year", "2026", "--statement", str(second), "--corrects", str(first)]
    assert main([*words, "--by", "the office", "--reason", "named the year"]) == 0
    for path in (first, second):
        validator("a statement").validate(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("kind", ["ordinary", "upgrade"])
def test_a_plan_is_as_its_schema_says(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["contract", "window", *files(tmp_path)[2:], "--kind", kind, "--json"]
    words += ["--start", "2026-06-03T00:30:00Z", "--end", "2026-06-03T04:30:00Z"]
    assert main([*words, "--announced", "2026-06-01T00:00:00Z"]) == 0
    found = json.loads(capsys.readouterr().out)
    validator("`contract window --json`").validate(found)
    assert (found["next_slot"] is None) is (kind == "upgrade")
