"""The desk's page names every table that the desk has, and no other."""

import re
from pathlib import Path

from scudo_agent.desk.store import (
    agent_tables,
    attachment_tables,
    ledger_tables,
    tables,
    window_tables,
)

DOCS = Path(__file__).parents[2] / "docs"
MODULES = (agent_tables, attachment_tables, ledger_tables, tables, window_tables)


def test_every_table_of_the_desk_has_a_line() -> None:
    section = (DOCS / "desk.md").read_text("utf-8").partition("## Tables")[2]
    named = [
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]
    have = {table for module in MODULES for table in module.metadata.tables}
    assert set(named) == have
    assert len(named) == len(set(named))
