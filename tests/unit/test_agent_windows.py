"""The agent's copy of the desk's windows, and when each of them is open."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.agent.health import store_findings
from scudo_agent.agent.interventions import Interventions, subject
from scudo_agent.agent.windows import WindowKeeper, open_at, open_spans
from scudo_agent.config import load
from scudo_agent.contract.model import Announcement, Window, WindowKind
from scudo_agent.errors import InputError, StoreError
from scudo_agent.instant import DAY, HOUR, MINUTE, SECOND, Instant, format_instant
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import InterventionKind, Scope
from scudo_agent.ticketing.port import DeskError, NoAnswer
from scudo_agent.wire_site import WindowsTaken
from support.sites import write_site
from support.storing import T0, StoppedClock

MUTE, PAUSE = InterventionKind.MUTE, InterventionKind.PAUSE


def at(minute: float) -> Instant:
    return Instant(T0 + round(minute * MINUTE))


def window(
    *told: tuple[float, float, float], kind: str = "ordinary", **more: Any
) -> Window:
    """Announcements as minutes: announced, start, end."""
    return Window(
        id="w1",
        kind=WindowKind(kind),
        services=("erp",),
        announcements=tuple(
            Announcement(announced=at(a), start=at(b), end=at(c)) for a, b, c in told
        ),
        **more,
    )


@pytest.mark.parametrize(
    ("one", "spans"),
    [
        (window((0, 10, 20)), [(10, 20)]),
        (window((12, 10, 20)), [(12, 20)]),
        (window((20, 10, 20)), []),
        (window((0, 10, 20), (15, 10, 40)), [(10, 15), (15, 40)]),
        (window((0, 10, 20), (5, 30, 40)), [(30, 40)]),
        (window((0, 10, 20), (15, 30, 40)), [(10, 15), (30, 40)]),
        (window((5, 30, 40), (0, 10, 20)), [(30, 40)]),  # in order of `announced`
        (window((0, 10, 20), cancelled=at(5)), []),
        (window((0, 10, 20), cancelled=at(15)), [(10, 15)]),
        (window((0, 10, 200), kind="upgrade"), [(10, 70)]),
        (window((30, 10, 200), kind="upgrade"), [(30, 70)]),
        (window((0, 10, 40), kind="upgrade"), [(10, 40)]),
    ],
)
def test_when_a_window_is_open(one: Window, spans: list[tuple[float, float]]) -> None:
    found = list(open_spans(one, HOUR))
    assert found == [(at(start), at(end)) for start, end in spans]


def test_a_window_is_open_as_it_is_known_at_each_instant() -> None:
    """Against the plain reading, minute by minute, of random windows."""
    for seed in range(300):
        rng = random.Random(seed)
        told = []
        for _ in range(rng.randint(1, 4)):
            start = rng.randrange(100)
            told.append((rng.randrange(100), start, start + rng.randrange(1, 90)))
        cancelled = at(rng.randrange(120)) if rng.random() < 0.4 else None
        kind = rng.choice(list(WindowKind))
        one = window(*told, kind=kind, cancelled=cancelled)
        spans = list(open_spans(one, 30 * MINUTE))
        for minute in range(200):
            now = at(minute + 0.5)
            known = [a for a in one.announcements if a.announced <= now]
            last = max(known, key=lambda a: a.announced, default=None)
            if last is not None:
                # Of equal ones the last in the list.
                last = [a for a in known if a.announced == last.announced][-1]
            plain = (
                last is not None
                and last.start <= now < last.end
                and (cancelled is None or now < cancelled)
                and (kind is not WindowKind.UPGRADE or now < last.start + 30 * MINUTE)
            )
            assert any(a <= now < b for a, b in spans) is plain, (seed, minute)


def copied(revision: int, *names: str) -> WindowsTaken:
    """The desk's answer: a window of an hour from now, for each name."""
    span = {
        "announced": format_instant(T0),
        "start": format_instant(T0),
        "end": format_instant(at(60)),
    }
    return WindowsTaken.model_validate(
        {
            "revision": revision,
            "windows": [
                {
                    "id": name,
                    "kind": "extraordinary",
                    "services": ["erp"],
                    "announcements": [span],
                }
                for name in names
            ],
        }
    )


class Source:
    """A desk that answers these, one after the other."""

    def __init__(self, *answers: WindowsTaken | DeskError) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def windows(self) -> WindowsTaken:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, DeskError):
            raise answer
        return answer


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = _opened(tmp_path)
    yield store
    store.close()


def _opened(folder: Path) -> AgentStore:
    return AgentStore.open(
        folder / "state", site="prova", clock=StoppedClock(), inline=True
    )


def heard(keeper: WindowKeeper, source: Source, revisions: Sequence[int]) -> None:
    """Greetings that name these revisions, each answered before the next."""

    async def play() -> None:
        for revision in revisions:
            keeper.heard(revision, source)
            for _ in range(5):
                await asyncio.sleep(0)
        await keeper.close()

    asyncio.run(play())


def test_a_new_revision_is_fetched_once_kept_and_used(
    store: AgentStore, tmp_path: Path
) -> None:
    changes: list[int] = []
    keeper = WindowKeeper(
        store, changed=lambda: changes.append(1), upgrade_us=lambda: HOUR
    )
    source = Source(copied(3, "w1", "w2"))
    heard(keeper, source, [0, 3, 3])

    assert (keeper.revision, source.asked, changes) == (3, 1, [1])
    assert [hold.id for hold in keeper.holds(at(1))] == ["window:w1", "window:w2"]
    assert list(keeper.holds(at(60))) == []
    assert [one.id for one, _, _ in keeper.open(at(59))] == ["w1", "w2"]

    again = WindowKeeper(store, changed=lambda: None, upgrade_us=lambda: HOUR)
    assert again.revision == 3
    assert [one.id for one, _, _ in again.open(at(1))] == ["w1", "w2"]
    copy = store.reader.windows()
    assert [end for _, _, end in open_at(copy, at(1), HOUR)] == [at(60), at(60)]


def test_a_window_of_a_later_kind_holds_nothing_and_is_told(
    store: AgentStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = copied(3, "w1", "w2").model_dump(mode="json")
    said["windows"][1]["kind"] = "freeze"
    keeper = WindowKeeper(store, changed=lambda: None, upgrade_us=lambda: HOUR)
    heard(keeper, Source(WindowsTaken.model_validate(said)), [3, 3])
    assert [hold.id for hold in keeper.holds(at(1))] == ["window:w1"]
    assert caplog.text.count("w2 (freeze)") == 1
    found = list(store_findings(tmp_path / "state", "UTC"))
    (told,) = (one for one in found if (one.about, one.level) == ("windows", "warning"))
    assert "of kinds that this version does not know, passed over: w2 (freeze)" in (
        told.seen
    )


def test_a_desk_that_fails_is_asked_again_with_the_next_greeting(
    store: AgentStore,
) -> None:
    keeper = WindowKeeper(store, changed=lambda: None, upgrade_us=lambda: HOUR)
    source = Source(NoAnswer("gone"), copied(3, "w1"))
    heard(keeper, source, [3])
    assert keeper.revision == 0

    heard(keeper, source, [3])
    assert (keeper.revision, source.asked) == (3, 2)


def test_a_desk_put_back_from_a_backup_names_an_older_revision(
    store: AgentStore,
) -> None:
    keeper = WindowKeeper(store, changed=lambda: None, upgrade_us=lambda: HOUR)
    heard(keeper, Source(copied(7, "w1"), copied(5)), [7, 5])
    assert (keeper.revision, list(keeper.windows)) == (5, [])


def test_what_cannot_be_kept_is_not_used(
    store: AgentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = WindowKeeper(store, changed=lambda: None, upgrade_us=lambda: HOUR)

    def refuse(_windows: WindowsTaken) -> Any:
        raise StoreError("disk full")

    monkeypatch.setattr(store, "keep_windows", refuse)
    heard(keeper, Source(copied(3, "w1")), [3])
    assert (keeper.revision, list(keeper.windows)) == (0, [])


# Mutes and pauses


@pytest.fixture
def orders(store: AgentStore, tmp_path: Path) -> Interventions:
    site = load(write_site(tmp_path), SETTINGS)
    return Interventions(site, store, since=T0)


def begun(orders: Interventions, kind: InterventionKind, what: str, **more: Any) -> Any:
    given: dict[str, Any] = {"for_us": HOUR, "reason": "x", "actor": "anna"} | more
    return asyncio.run(orders.begin(kind, what, **given))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("erp", (Scope.SERVICE, "erp")),  # there is a target erp, too
        ("target:erp", (Scope.TARGET, "erp")),
        ("service:erp", (Scope.SERVICE, "erp")),
        ("erp/web", (Scope.CHECK, "erp/web")),
        ("check:erp/web", (Scope.CHECK, "erp/web")),
        ("switch", (Scope.TARGET, "switch")),
    ],
)
def test_what_a_word_means(word: str, meant: tuple[Scope, str], tmp_path: Path) -> None:
    site = load(write_site(tmp_path), SETTINGS)
    assert subject(site, word) == meant
    for wrong in ("erpp", "check:erp", "", ":erp", "service:"):
        with pytest.raises(InputError, match="is no service, target or check"):
            subject(site, wrong)


def test_a_mute_of_a_service_holds_as_a_window_does(orders: Interventions) -> None:
    begun(orders, MUTE, "erp")
    begun(orders, MUTE, "target:erp")
    begun(orders, MUTE, "switch/ping")

    service, target, check = orders.holds(T0)

    assert (service.services, service.checks) == (("erp",), ())
    assert (target.services, target.checks) == ((), ("erp/db", "erp/web"))
    assert (check.services, check.checks) == ((), ("switch/ping",))
    assert (service.start, service.end) == (T0, T0 + HOUR)
    assert list(orders.holds(Instant(T0 + HOUR))) == []


def test_a_pause_names_its_checks_and_ends_by_itself(orders: Interventions) -> None:
    begun(orders, PAUSE, "erp")
    begun(orders, PAUSE, "switch/ping", for_us=MINUTE)

    assert orders.paused(T0) == {"erp/web", "erp/db", "switch/ping"}
    assert orders.next_pause_end(T0) == T0 + MINUTE
    assert orders.paused(Instant(T0 + MINUTE)) == {"erp/web", "erp/db"}
    assert orders.paused(Instant(T0 + HOUR)) == frozenset()
    assert list(orders.holds(T0)) == []


def test_what_is_ended_is_over_and_kept(
    orders: Interventions, store: AgentStore
) -> None:
    begun(orders, MUTE, "erp", reason="  two \n words ")
    begun(orders, MUTE, "erp")
    begun(orders, PAUSE, "erp")

    ended = asyncio.run(orders.end(MUTE, "erp", actor="ugo"))

    assert [one.ended_by for one in ended] == ["ugo", "ugo"]
    assert [one.kind for one in orders.in_force(T0)] == [PAUSE]
    with pytest.raises(InputError, match="'erp' is not muted"):
        asyncio.run(orders.end(MUTE, "erp", actor="ugo"))
    with pytest.raises(InputError, match="'erp/web' is not paused; erp is"):
        asyncio.run(orders.end(PAUSE, "erp/web", actor="ugo"))
    with pytest.raises(InputError, match="'erp' is not paused; service:erp is"):
        asyncio.run(orders.end(PAUSE, "target:erp", actor="ugo"))
    kept = [one for one in store.reader.interventions(Instant(0)) if one.kind is MUTE]
    assert sorted(one.reason for one in kept) == ["two words", "x"]
    assert {(one.ended, one.ended_by) for one in kept} == {(T0, "ugo")}


@pytest.mark.parametrize("for_us", [0, SECOND - 1, 30 * DAY + 1])
def test_a_time_that_cannot_be_meant_is_refused(
    orders: Interventions, for_us: int
) -> None:
    with pytest.raises(InputError, match="from 1 s to 30 days"):
        begun(orders, MUTE, "erp", for_us=for_us)
    assert orders.in_force(T0) == []


def test_one_that_ends_sooner_than_what_holds_is_refused(
    orders: Interventions,
) -> None:
    """Its end would be told, and would be none."""
    begun(orders, MUTE, "erp", for_us=2 * HOUR, reason="cabling")
    with pytest.raises(InputError, match="for longer already, by anna: cabling; to"):
        begun(orders, MUTE, "erp")
    assert len(orders.in_force(T0)) == 1
    begun(orders, PAUSE, "erp")
    begun(orders, MUTE, "target:erp")
    begun(orders, MUTE, "erp", for_us=3 * HOUR)
    assert len(orders.in_force(T0)) == 4


@pytest.mark.parametrize("reason", ["caf\udce9", "a\0b", "\x1b[31mred"])
def test_a_reason_that_is_no_text_is_refused(
    orders: Interventions, reason: str
) -> None:
    with pytest.raises(InputError, match="no text: bytes or control signs"):
        begun(orders, MUTE, "erp", reason=reason)
    assert orders.in_force(T0) == []
    # Joined signs are text.
    begun(orders, MUTE, "erp", reason="prove 👩\u200d🔧")


def test_they_are_there_again_and_what_left_the_site_holds_nothing(
    orders: Interventions, store: AgentStore, tmp_path: Path
) -> None:
    begun(orders, PAUSE, "erp/web")
    begun(orders, MUTE, "erp/db")
    site = load(write_site(tmp_path), SETTINGS)
    again = Interventions(site, store, since=T0)
    # Begun in the same instant: their order is that of their ids then.
    assert set(again.in_force(T0)) == set(orders.in_force(T0))

    gone = Interventions(replace(site, checks={}), store, since=T0)
    assert gone.paused(T0) == frozenset()
    assert [hold.checks for hold in gone.holds(T0)] == [()]
