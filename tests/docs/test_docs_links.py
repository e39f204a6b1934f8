"""Pages name only what exists: files, commands of the README, packages of the locks."""

import re
from pathlib import Path

import pytest

from scudo_agent.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_CALL = re.compile(r"(?:\./scudo|scudo-agent) ([a-z][a-z-]*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    broken = [
        link
        for link in links
        if "://" not in link and not (page.parent / link).resolve().exists()
    ]
    assert broken == []


def _calls(text: str) -> set[str]:
    code = [line for line in text.splitlines() if line.startswith("    ")]
    code += re.findall(r"`([^`\n]+)`", text)
    return {word for line in code for word in _CALL.findall(line)}


def test_the_readme_shows_only_commands_that_exist() -> None:
    calls = _calls((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"demo", "test", "check", "run"} <= calls
    assert calls <= {*COMMANDS, "test"}


def test_the_readmes_files_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"\b((?:configs|deploy|docs)/[\w./-]+)", text)
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()
