"""Statements at the desk: closed once, corrected aloud, verifiable by anyone."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scudo_agent.contract.exact import loads
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, HOUR, Instant, parse_instant
from scudo_agent.model import State
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.wire import SiteService
from support.desking import contract, site
from support.ledgers import ERP, Desk, change, commit
from support.storing import StoppedClock, opened

MARCH = parse_instant("2026-03-31T22:00:00Z")
"""The end of March in Rome."""


class Month:
    """A site with a contract whose ERP was down for an hour on 10 March."""

    def __init__(self, folder: Path) -> None:
        self.clock = StoppedClock()
        self.agent: AgentStore = opened(folder / "agent", self.clock)
        self.agent.follow([ERP]).result()
        self.desk = Desk(folder / "desk")
        enrolment = Enrolment.of(site(brings=contract()))
        services = (SiteService(id="erp"), SiteService(id="crm", contracted=False))
        self.desk.store.agents.enrol(
            Enrolment(
                **{
                    name: getattr(enrolment, name)
                    for name in enrolment.__slots__
                    if name != "services"
                },
                services=services,
            ),
            key_sha256="k",
        )
        self.to(0, State.UP)
        self.to(9 * 86_400, State.DOWN)
        self.to(9 * 86_400 + 3_600, State.UP)

    def to(self, second: int, state: State) -> None:
        """Both checks of the ERP change."""
        commit(self.agent, change("a/1", state, second), change("b/1", state, second))

    def at(self, instant: Instant) -> None:
        """It is so late."""
        self.desk.clock.at = int(instant)

    def close(self) -> None:
        """Close both stores."""
        self.agent.close()
        self.desk.store.close()


@pytest.fixture
def month(tmp_path: Path) -> Iterator[Month]:
    made = Month(tmp_path)
    yield made
    made.close()


def seconds(body: bytes, key: str) -> object:
    """A figure of March."""
    return loads(body)["figures"][0]["month"]["seconds"][key]


def test_a_month_that_is_over_and_told_is_stated_once(month: Month) -> None:
    month.at(Instant(MARCH + 2 * HOUR))
    month.desk.settle(month.agent)
    get, who = month.desk.store.statements.get, month.desk.who
    made = get(who, "2026-03")
    assert made.revision == 1
    assert seconds(made.body, "down_counted") == 3_600
    assert [one["service"] for one in loads(made.body)["figures"]] == ["erp"]
    month.at(Instant(MARCH + 9 * DAY))
    assert get(who, "2026-03") == made
    assert get(who, "2026-03", revision=1) == made
    with pytest.raises(InputError, match="no revision 2"):
        get(who, "2026-03", revision=2)


def test_a_month_that_is_not_told_whole_is_waited_for_three_days(month: Month) -> None:
    month.at(Instant(MARCH - HOUR))
    month.desk.settle(month.agent)
    get, who = month.desk.store.statements.get, month.desk.who
    month.at(Instant(MARCH + DAY))
    assert get(who, "2026-03").revision == 0
    assert month.desk.store.statements.of_site(who) == []
    month.at(Instant(MARCH + 3 * DAY))
    made = get(who, "2026-03")
    assert made.revision == 1
    # Eleven hours before the agent began, in Rome, and one after its last word.
    assert seconds(made.body, "unknown") == 12 * 3_600
    assert month.desk.store.statements.of_site(who) == [made]


def test_what_is_learnt_later_is_a_revision_that_says_so(month: Month) -> None:
    month.at(Instant(MARCH + 3 * DAY))
    month.desk.settle(month.agent)
    room, who = month.desk.store.statements, month.desk.who
    with pytest.raises(InputError, match="not stated yet"):
        room.correct(who, "2026-03", by="Anna", reason="windows")
    first = room.get(who, "2026-03")
    assert room.correct(who, "2026-03", by="Anna", reason="nothing new") == first
    month.to(20 * 86_400, State.DOWN)
    month.to(20 * 86_400 + 60, State.UP)
    month.desk.settle(month.agent)
    assert room.get(who, "2026-03") == first
    second = room.correct(who, "2026-03", by="Anna", reason="the agent was offline")
    assert (second.revision, second.actor) == (2, "Anna")
    corrects = loads(second.body)["corrects"]
    assert (corrects["sha256"], corrects["by"]) == (first.sha256, "Anna")
    assert corrects["reason"] == "the agent was offline"
    changed = {one["figure"]: one["after"] for one in corrects["changed"]}
    assert changed["figures[erp].month.seconds.down_counted"] == 3_660
    assert room.get(who, "2026-03") == second
    assert room.get(who, "2026-03", revision=1) == first


def test_a_statement_verifies_and_an_altered_one_does_not(
    month: Month, tmp_path: Path
) -> None:
    month.at(Instant(MARCH + 2 * HOUR))
    month.desk.settle(month.agent)
    path = tmp_path / "s.json"
    for period in ("2026-03", "2026"):
        body = month.desk.store.statements.get(month.desk.who, period).body
        path.write_bytes(body)
        assert _verify(path) == 0
    data = json.loads(body)
    data["figures"][0]["seconds"]["down"] = 0
    path.write_text(json.dumps(data), "utf-8")
    assert _verify(path) != 0


def _verify(path: Path) -> int:
    command = [sys.executable, "-m", "scudo_agent", "contract", "uptime", "--verify"]
    return subprocess.run(
        [*command, str(path)], capture_output=True, check=False
    ).returncode


@pytest.mark.parametrize("period", ["2026-13", "26", "2026-3", "x"])
def test_what_is_no_period_is_refused(month: Month, period: str) -> None:
    with pytest.raises(InputError, match="neither a month"):
        month.desk.store.statements.get(month.desk.who, period)


def test_a_month_to_come_and_one_before_the_contract_are_refused(month: Month) -> None:
    get = month.desk.store.statements.get
    month.at(MARCH)
    with pytest.raises(InputError, match="has not begun"):
        get(month.desk.who, "2026-05")
    with pytest.raises(InputError, match="before the contract began"):
        get(month.desk.who, "2025-05")


def test_a_month_before_there_was_anything_is_refused_and_not_kept(
    month: Month,
) -> None:
    get, who = month.desk.store.statements.get, month.desk.who
    month.at(Instant(MARCH + 2 * HOUR))
    month.desk.settle(month.agent)
    assert get(who, "2026-03").revision == 1
    with pytest.raises(InputError, match="was over before anything was measured here"):
        get(who, "2026-01")
    assert [one.period for one in month.desk.store.statements.of_site(who)] == [
        "2026-03"
    ]
