"""The page on contracts: every key of the file, every option of the commands."""

import argparse
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scudo_agent.cli.contract import SUBCOMMANDS, add_arguments
from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.config.contract_schema import contract_schema

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")


def options(name: str) -> set[str]:
    """The long options of a subcommand."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    (commands,) = (
        action
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    chosen: Any = commands.choices[name]
    with pytest.raises(SystemExit):
        chosen.parse_args(["--no-such-option"])
    return {
        word
        for action in chosen._actions
        for word in action.option_strings
        if word.startswith("--")
    } - {"--help"}


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_page_has_the_subcommand_with_all_its_options(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert re.search(rf"scudo-agent contract {name} +FILE", PAGE), name
    assert not {option for option in options(name) if option not in PAGE}


def test_the_page_names_every_key_and_word_of_the_file() -> None:
    schema = contract_schema()

    def words(part: Any) -> set[str]:
        found: set[str] = set()
        if isinstance(part, dict):
            found |= set(part.get("properties", {}))
            found |= {each for each in part.get("enum", []) if isinstance(each, str)}
            found.update(*(words(value) for value in part.values()))
        elif isinstance(part, list):
            found.update(*(words(value) for value in part))
        return found

    missing = {word for word in words(schema) if not re.search(rf"\b{word}\b", PAGE)}
    assert not missing


def test_the_example_shows_the_defaults() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    # PyYAML reads dates; a contract file has texts.
    shown = yaml.load(blocks[0], Loader=yaml.BaseLoader)
    short = {key: shown[key] for key in ("id", "title", "year_start")}
    shown = yaml.safe_load(blocks[0]) | short
    assert contract_of_data(shown, name="page") == contract_of_data(short, name="short")
