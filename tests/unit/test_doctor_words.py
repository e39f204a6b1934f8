"""What `doctor` says of names: true of none, of one and of many."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from scudo_agent import config
from scudo_agent.agent.health import examine
from scudo_agent.agent.key_health import key_finding
from scudo_agent.config.secret import Secret
from scudo_agent.config.site import DeskLink
from scudo_agent.instant import DAY, SECOND, Instant, format_instant
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


@pytest.mark.parametrize(
    ("reference", "days", "seen", "level"),
    [
        ("env:SCUDO_KEY", 1, "env:SCUDO_KEY is in use for 1 day", "ok"),
        ("credential:key", 9, "credential:key is in use for 9 days, and", "warning"),
        ("env:SCUDO_KEY", None, "a running agent that greeted its desk says", "ok"),
        ("file:desk.key", 9, "", None),
    ],
)
def test_the_age_is_told_of_a_key_that_people_must_replace(
    reference: str, days: int | None, seen: str, level: str | None, tmp_path: Path
) -> None:
    now = Instant(1_800_000_000 * SECOND)
    since = None if days is None else format_instant(Instant(now - days * DAY))
    key = {"in": reference, "since": since, "due": days == 9, "renews_itself": False}
    link = DeskLink(url="https://desk.example", key=Secret("k", reference=reference))
    site = replace(config.load(write_site(tmp_path), SETTINGS), desk=link)
    found = key_finding(site, {"desk": {"key": key}}, now)
    assert (found and found.level) == level
    assert found is None or seen in found.seen
    told = "" if found is None else found.remedy
    assert ("scudo-agent desk agent SITE" in told) == (level == "warning")
    assert key_finding(site, None, now) is None or reference != "file:desk.key"
