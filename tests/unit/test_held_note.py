"""What a ticket says that a window or a mute put off."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scudo_agent import config
from scudo_agent.agent.held import HeldNotes
from scudo_agent.agent.interventions import Interventions
from scudo_agent.agent.windows import WindowKeeper
from scudo_agent.config.site import Site
from scudo_agent.contract.model import Announcement, Window, WindowKind
from scudo_agent.instant import HOUR, Instant, parse_instant
from scudo_agent.judge.batch import IncidentStage
from scudo_agent.locale import translator
from scudo_agent.model import Kind, State
from scudo_agent.probes.registry import SETTINGS
from support.sites import write_site

T0 = parse_instant("2026-06-10T22:00:00Z")


def at(hours: float) -> Instant:
    return Instant(T0 + round(hours * HOUR))


def window(id_: str, kind: str, told: float, start: float, end: float) -> Window:
    one = Announcement(announced=at(told), start=at(start), end=at(end))
    return Window(
        id=id_, kind=WindowKind(kind), services=("erp",), announcements=(one,)
    )


def stage(*held: str, since: float = 0, until: float = 4) -> IncidentStage:
    return IncidentStage(
        incident="i",
        kind=Kind.OPEN,
        at=at(until),
        subject="service:erp",
        since=at(since),
        severity=1,
        rule="S1",
        members=(),
        held=held,
    )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return config.load(write_site(tmp_path), SETTINGS)


def said(
    site: Site,
    one: IncidentStage,
    *windows: Window,
    language: str = "en",
    states: tuple[tuple[State, float], ...] = ((State.DOWN, 0),),
    reason: str | None = None,
) -> str:
    keeper = SimpleNamespace(windows={w.id: w for w in windows})
    order = None if reason is None else SimpleNamespace(reason=reason)
    orders = SimpleNamespace(known=lambda _id: order)
    notes = HeldNotes(
        lambda: site, cast(WindowKeeper, keeper), cast(Interventions, orders)
    )
    timelines = {"erp": [(state, at(since)) for state, since in states]}
    text = notes.note(one, timelines if states else {})
    return " ".join(translator(language).render(text.to_json(), zone="UTC").split())


def test_an_excluded_window_counts_nothing(site: Site) -> None:
    text = said(site, stage("window:w1"), window("w1", "extraordinary", -1, -1, 4))
    assert text == (
        "The ticket waited for the end of the maintenance window w1. "
        "Down for 4 h so far; 0 s of it counts."
    )


def test_what_was_announced_too_late_counts_whole(site: Site) -> None:
    text = said(site, stage("window:w1"), window("w1", "ordinary", -1, 0, 4))
    assert text.endswith("Down for 4 h so far; 4 h of it counts.")


def test_a_part_counts_and_only_what_is_down(site: Site) -> None:
    states = (
        (State.DOWN, 0),
        (State.DEGRADED, 1),
        (State.DOWN, 2),
        (State.UNKNOWN, 3.5),
    )
    one = window("w1", "extraordinary", -9, -9, 2.5)
    text = said(site, stage("window:w1"), one, states=states)
    assert text.endswith("Down for 2 h 30 min so far; 1 h of it counts.")


def test_an_earlier_outage_of_the_ticket_is_over(site: Site) -> None:
    states = ((State.DOWN, 0), (State.UP, 1), (State.DOWN, 2), (State.UNKNOWN, 3.5))
    text = said(site, stage("mute:1"), states=states)
    assert text.endswith("Down for 1 h 30 min so far; 1 h 30 min of it counts.")


def test_what_a_stop_of_the_agent_cut_off_is_told_and_counted(site: Site) -> None:
    """Down since 0, stopped at 1, down again when it was back at 3; the window was
    open until 2."""
    states = ((State.UP, -5), (State.DOWN, 0), (State.UNKNOWN, 1), (State.DOWN, 3))
    one = window("w1", "extraordinary", -9, -9, 0.5)
    text = said(site, stage("window:w1", since=3), one, states=states)
    assert text.endswith(
        "Down for 2 h so far; 1 h 30 min of it counts. It has been down since "
        "Wednesday, 10 June 2026, 22:00:00 (UTC); 2 h of that was not measured."
    )
    text = said(site, stage("window:w1", since=3), states=states, language="it")
    assert text.endswith(
        "È fermo da: mercoledì 10 giugno 2026, 22:00:00 (UTC); non misurato per 2 h."
    )


def test_what_was_down_before_the_incidents_own_date_is_told(site: Site) -> None:
    text = said(site, stage("mute:1", since=3))
    assert text.endswith(
        "4 h of it counts. It has been down since Wednesday, 10 June 2026, 22:00:00 "
        "(UTC)."
    )


def test_what_was_up_before_a_stop_is_another_outage(site: Site) -> None:
    states = ((State.DOWN, 0), (State.UP, 1), (State.UNKNOWN, 2), (State.DOWN, 3))
    text = said(site, stage("mute:1", since=3), states=states)
    assert text.endswith("Down for 1 h so far; 1 h of it counts.")


def test_a_mute_excludes_nothing_and_its_reason_is_cut(site: Site) -> None:
    text = said(site, stage("mute:1"), reason="disk " * 50)
    assert text.startswith("Its tickets were muted until now: disk disk")
    assert text.endswith("…. Down for 4 h so far; 4 h of it counts.")
    assert len(text) < 240, "the notice cuts what is longer"


def test_the_note_of_a_mute_in_italian(site: Site) -> None:
    text = said(site, stage("mute:1"), reason="cambio disco", language="it")
    assert text.startswith("Finora l’apertura di ticket era sospesa: cambio disco.")


def test_nothing_down_counts_nothing(site: Site) -> None:
    for states in ((), ((State.DEGRADED, 0.0),)):
        text = said(site, stage("mute:1"), states=states)
        assert text == (
            "The ticket was put off. "
            "No contracted service is down: nothing of it counts."
        )


def test_without_a_contract_it_says_what_lies_outside(site: Site) -> None:
    object.__setattr__(site, "contract", None)
    one = window("w1", "ordinary", -1, 1, 3)
    text = said(site, stage("window:w1"), one)
    assert "Down for 4 h so far, 2 h of it outside the window" in text


def test_in_italian(site: Site) -> None:
    text = said(
        site,
        stage("window:w1", "window:w2"),
        window("w1", "extraordinary", -1, -1, 3),
        language="it",
    )
    assert text == (
        "Il ticket ha atteso la fine della finestra di manutenzione w1, w2. "
        "Fermo finora per 4 h; ne contano 1 h."
    )


def test_an_upgrade_without_a_peak_notice_counts_whole(site: Site) -> None:
    """It mutes its hour all the same: two decisions."""
    one: Any = window("w1", "upgrade", -1, 0, 4)
    text = said(site, stage("window:w1"), one)
    assert text.endswith("4 h of it counts.")
