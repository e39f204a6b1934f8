"""`uptime`, `statement` and `status`: one language, local whole seconds, windows."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scudo_agent.agent.accounts import Accounts
from scudo_agent.agent.stored import stored_document
from scudo_agent.cli import desk_agents, desk_door
from scudo_agent.cli.main import main
from scudo_agent.clock import SystemClock
from scudo_agent.config import load
from scudo_agent.config.site import Site
from scudo_agent.instant import DAY, HOUR, SECOND, Instant, format_instant
from scudo_agent.model import State
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.read import StoreReader
from scudo_agent.store.values import Intervention, InterventionKind, Scope
from scudo_agent.wire_site import WindowAnnouncement, WindowsTaken, WindowState
from support.json_page import WHY, validator
from support.ledgers import change, commit
from support.sites import write_site
from support.storing import T0, StoppedClock
from support.uptime_files import write

Capture = pytest.CaptureFixture[str]
ENGLISH = re.compile(
    r"\b(of|the|and|left|down|up|unknown|degraded|planned|until|since|from|excluded|to"
    r"|nothing|everything|is|by|revision|written|made|so far|counts?|available|not)\b"
)
RAW = re.compile(r"\dZ\b|T\d\d:|\d\d:\d\d:\d\d\.\d")
"""An instant for programs: UTC, or with fractions of a second."""
NOW = Instant(T0 + 2 * HOUR + 123_456)


def planned(name: str, start: Instant, **more: Any) -> WindowState:
    """A window of four hours, told three days ahead of its start."""
    told = WindowAnnouncement(
        announced=format_instant(Instant(T0 - 30 * DAY)),
        start=format_instant(start),
        end=format_instant(Instant(start + 4 * HOUR)),
    )
    fields = {"id": name, "kind": "ordinary", "services": ["erp"], "reason": "dischi"}
    return WindowState.model_validate(fields | {"announcements": [told]} | more)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A stopped agent: half an hour down, a mute, a window open and three to come."""
    monkeypatch.setattr(SystemClock, "wall", lambda _self: NOW)
    clock = StoppedClock()
    store = AgentStore.open(tmp_path / "state", site="prova", clock=clock, inline=True)
    for check in ("erp/web", "erp/db", "isp-a/ping", "switch/ping"):
        commit(store, change(check, State.UP, 0))
    commit(store, change("erp/db", State.DOWN, 1_800))
    commit(store, change("erp/db", State.UP, 3_600))
    windows = [
        planned("w-open", Instant(NOW - HOUR)),
        planned("w-next", Instant(NOW + 3 * DAY)),
        planned("w-rete", Instant(NOW + 4 * DAY), services=["rete"]),
        planned("w-later", Instant(NOW + 9 * DAY), services=["*"]),
    ]
    store.keep_windows(WindowsTaken(revision=1, windows=windows)).result()
    order = Intervention(
        id="1",
        kind=InterventionKind.MUTE,
        scope=Scope.SERVICE,
        name="erp",
        since=T0,
        until=Instant(NOW + HOUR),
        reason="prova",
        actor="anna",
    )
    store.intervene(order).result()
    clock.pass_s(7_200)
    store.close()
    return load(write_site(tmp_path), SETTINGS)


def said(site: Site, capsys: Capture, *words: str) -> str:
    state = site.path.parent / "state"
    where = ("--site", str(site.path), "--state", str(state))
    assert main([words[0], *where, *words[1:]]) == 0
    return capsys.readouterr().out


def test_uptime_in_italian_has_no_english_line(site: Site, capsys: Capture) -> None:
    found = said(site, capsys, "uptime", "--language", "it", "--explain")
    assert not ENGLISH.search(found), ENGLISH.search(found)
    assert not RAW.search(found), RAW.search(found)
    lines = [" ".join(one.split()) for one in found.splitlines()]
    assert "come noto al 2026-03-01 13:00:00 +01:00" in " ".join(lines)
    assert (
        "misurato dal 2026-01-01 00:00:00 +01:00 al 2026-03-01 13:00:00 +01:00, "
        "nulla di escluso"
    ) in lines
    assert any(one.startswith("erp: ticket sospesi fino alle 14:00") for one in lines)
    assert any(one.startswith("finestra ordinaria w-open fino alle") for one in lines)
    assert any(one.startswith("finestra ordinaria w-next prevista") for one in lines)


def test_uptime_says_what_windows_take_of_the_budget(
    site: Site, capsys: Capture
) -> None:
    found = " ".join(said(site, capsys, "uptime").split())
    # Three windows of four hours cover the service: 1 % of twelve hours.
    assert "7 min 12 s less, for 12 h of windows, 11 h" in found
    (erp, rete) = json.loads(said(site, capsys, "uptime", "--json"))
    assert [one["window"] for one in erp["planned"]] == ["w-next", "w-later"]
    assert [one["window"] for one in rete["planned"]] == ["w-rete", "w-later"]
    assert [one["excluded"] for one in erp["planned"]] == [14_400, 14_400]


def test_status_and_why_show_the_next_window_and_what_it_covers(
    site: Site, capsys: Capture
) -> None:
    found = said(site, capsys, "status")
    assert not RAW.search(found), RAW.search(found)
    assert "ordinary window w-open until 16:00, erp: dischi; 4 h of it is" in found
    assert "ordinary window w-next is planned, 04 Mar 13:00 – 17:00" in found
    assert "2 more windows are planned" in found
    told = " ".join(said(site, capsys, "why", "erp").split())
    assert "w-next is planned, 04 Mar 13:00 – 17:00, erp: dischi; 4 h" in told
    assert "w-rete" not in told
    assert "one more window is planned" in told
    assert "times: Europe/Rome" in told
    document = json.loads(said(site, capsys, "why", "erp", "--json"))
    validator(WHY).validate(document)
    del document["left"]["planned"][0]["start"]
    assert not validator(WHY).is_valid(document)


def test_the_budget_says_as_of_when_and_what_windows_take(site: Site) -> None:
    reader = StoreReader.open(site.path.parent / "state")
    try:
        document = stored_document(site, reader, now=NOW)
    finally:
        reader.close()
    (budget,) = [one["budget"] for one in document["services"] if one["budget"]]
    assert budget["at"] == document["at"] == format_instant(NOW)
    assert budget["windows"] == pytest.approx(0.01 * 12 * 3_600)
    assert budget["allowed"] == pytest.approx(0.01 * (365 * 24 - 12) * 3_600)
    assert budget["used"] == 1_800


def test_a_status_is_not_held_up_by_the_ledger(site: Site) -> None:
    reader = StoreReader.open(site.path.parent / "state")
    found = Accounts(reader, site=lambda: site, windows=dict)
    at = Instant(T0 + HOUR)
    try:
        found.freshen(at)
        assert found.latest == {}, "nothing was read for it"
        found.look(at)
        later = Instant(at + 10 * SECOND)
        found.freshen(later)
        assert found.latest["erp"].at == later
        assert (
            sum(found.latest["erp"].classes_us)
            == later - found.latest["erp"].year_start
        )
    finally:
        reader.close()


class Door:
    """A desk that has stated one month."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get(self, path: str) -> Any:
        """What it answers."""
        line = {
            "period": "2026-06",
            "revision": 1,
            "sha256": "ab",
            "made": "2026-07-01T01:00:00.123456Z",
            "by": "desk",
            "why": None,
        }
        if path == "/statements":
            return SimpleNamespace(json=lambda: [line])
        headers = {"X-Statement-Revision": "0" if "07" in path else "1"}
        return SimpleNamespace(content=self._body, headers=headers)


def test_a_statement_is_told_in_one_language_and_zone(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    path = tmp_path / "s.json"
    down = {"t": "2026-06-01T10:00:00Z", "service": "erp", "state": "down"}
    up = [down | {"t": t, "state": "up"} for t in ("2026-01-01T00:00:00Z",)]
    words = write(tmp_path / "state", [*up, down], [])
    at = ("--at", "2026-06-01T12:00:00.5Z", "--month", "2026-06")
    assert main([*words, *at, "--statement", str(path)]) == 0
    door = Door(path.read_bytes())
    monkeypatch.setattr(desk_door, "open_door", lambda *_args: door)
    capsys.readouterr()

    listed = said(site, capsys, "statement", "--language", "it")
    assert listed == (
        "2026-06, revisione 1, fatta 2026-07-01 03:00:00 +02:00 da desk  sha256 ab\n"
    )
    html = tmp_path / "s.html"
    found = said(site, capsys, "statement", "--month", "2026-06", "--language", "it",
                 "--html", str(html))  # fmt: skip
    assert found.splitlines()[:3] == [
        f"{html}: scritto",
        "2026-06, revisione 1, come noto al 2026-06-01 14:00:00 +02:00",
        "  erp: disponibilità 85,7134 % del tempo che conta, bloccato per 2 h",
    ]
    found = said(site, capsys, "statement", "--month", "2026-07")
    assert found.splitlines()[:2] == [
        "2026-07 so far: it is not closed yet; as known at 2026-06-01 14:00:00 +02:00",
        "  erp: available 85.7134 % of the time that counts, 2 h of it down",
    ]


def test_desk_agents_says_whole_seconds_and_their_zone() -> None:
    one = {
        "agent": "acme/prova/1",
        "heard": "2026-03-01T12:00:00.123456Z",
        "key_since": None,
        "revoked": None,
        "frozen": None,
        "epoch": 1,
        "version": "1.0",
    }
    head, line = desk_agents._table([one])
    assert "heard (UTC)" in head
    assert "2026-03-01 12:00:00  –" in line
    assert line.index("epoch") == head.index("state")
    gone = list(desk_agents._table([one | {"revoked": "2026-03-02T00:00:00.5Z"}]))[1]
    assert gone.endswith("revoked 2026-03-02 00:00:00 UTC")
