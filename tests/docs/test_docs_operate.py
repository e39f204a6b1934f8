"""The page for technicians names every command and every option there is."""

import argparse
import re
from pathlib import Path

import pytest

from scudo_agent.cli.main import COMMANDS, build_parser

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")


def _section(command: str) -> str:
    _, found, rest = PAGE.partition(f"\n### {command}\n")
    assert found, f"docs/operate.md has no section '### {command}'"
    return rest.split("\n### ", 1)[0].split("\n## ", 1)[0]


def _options(parser: argparse.ArgumentParser) -> set[str]:
    """The long options of a command, those of its sub-commands included."""
    found: set[str] = set()
    for action in parser._actions:
        found.update(word for word in action.option_strings if word.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                found |= {name} | _options(sub)
    return found - {"--help"}


def _parser(command: str) -> argparse.ArgumentParser:
    for action in build_parser([command])._actions:
        if isinstance(action, argparse._SubParsersAction):
            chosen: argparse.ArgumentParser = action.choices[command]
            return chosen
    raise AssertionError(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_has_the_command_with_all_its_options(command: str) -> None:
    section = _section(command)
    common = {"--site", "--state"}  # said once, above all commands
    missing = {
        option
        for option in _options(_parser(command)) - common
        if f"{option}" not in section
    }
    assert not missing, f"docs/operate.md, {command}: {sorted(missing)}"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_promises_no_option_that_is_not_there(command: str) -> None:
    section = _section(command)
    promised = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", section))
    known = _options(_parser(command)) | {"--site", "--state", "--help"}
    assert promised <= known


def test_the_page_has_no_command_that_is_not_there() -> None:
    part = PAGE.partition("<!-- commands -->")[2].partition("<!-- end of commands -->")[
        0
    ]
    named = [line[4:] for line in part.splitlines() if line.startswith("### ")]
    assert named == list(COMMANDS)
