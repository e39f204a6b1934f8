"""What `doctor` says of names: true of none, of one and of many."""

import asyncio
from pathlib import Path

import pytest

from scudo_agent import config
from scudo_agent.agent.health import examine
from scudo_agent.probes.registry import SETTINGS
from support.sites import SITE, write_site

TARGETS = "  here: {{local: true, checks: {{disk: {{host: {{disk: /}}}}}}}}\n{more}"
ONE = "  a: {address: localhost, checks: {db: {tcp: {port: 5432}}}}\n"
TWO = ONE + "  b: {address: LOCALHOST, checks: {db: {tcp: {port: 5432}}}}\n"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "no check needs a name: there is nothing to look up"),
        (ONE, "the one name, localhost, has an address"),
        (TWO, "all 2 names of targets have addresses"),
    ],
)
def test_names_are_counted_as_people_do(more: str, said: str, tmp_path: Path) -> None:
    head = SITE[: SITE.index("vantage:")]
    text = f"{head}targets:\n{TARGETS.format(more=more)}"
    site = config.load(write_site(tmp_path, text), SETTINGS)
    found = asyncio.run(examine(site, tmp_path / "state", tmp_path / "desk.yaml"))
    assert [one.seen for one in found if one.about == "names"] == [said]
