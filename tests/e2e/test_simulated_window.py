"""A whole agent with its desk lives through maintenance, mutes and pauses."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from scudo_agent import config
from scudo_agent.agent.app import Agent, Options, running
from scudo_agent.agent.runtime import Runtime
from scudo_agent.config.judging import judging_site
from scudo_agent.instant import (
    HOUR,
    MINUTE,
    SECOND,
    Instant,
    format_instant,
    parse_instant,
)
from scudo_agent.model import Kind, Outcome, State
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.replay import read_events, replay
from scudo_agent.store.read import StoreReader
from scudo_agent.store.values import InterventionKind
from support.script import BAD, GOOD, ScriptEngine
from support.sim import SimClock, simulate
from support.sites import write_site

START = parse_instant("2026-03-02T08:00:00+01:00")
During = Callable[[Agent], Awaitable[None]]


class Town:
    """A simulated machine; `failing` spans of a check in µs from START."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SimClock(START)
        self.failing: dict[str, tuple[int, int]] = {}
        self.engines: list[ScriptEngine] = []

    def outcome(self, check: str) -> Outcome:
        since = self.clock.wall() - START
        begin, end = self.failing.get(check, (0, 0))
        return BAD if begin <= since < end else GOOD

    def _engine(self, _kind: str) -> ScriptEngine:
        self.engines.append(ScriptEngine(self.outcome))
        return self.engines[-1]

    def live(self, during: During, *, kill: bool = False) -> None:
        """Run the agent while `during` runs; `kill` ends it without a clean stop."""

        async def main() -> None:
            options = Options(
                state=self.folder / "state",
                desk_file=self.folder / "desk.yaml",
                record=self.folder / "events.jsonl",
                clock=self.clock,
                engines=self._engine,
                rng=random.Random(7),
                simulated=True,
            )
            site = config.load(write_site(self.folder), SETTINGS)
            async with running(site, options) as agent:
                stop = asyncio.Event()
                task = asyncio.create_task(agent.runtime.run(stop))
                await during(agent)
                stop.set()
                await task

        with pytest.MonkeyPatch.context() as patched:
            if kill:
                patched.setattr(Runtime, "close", _nothing)
            simulate(self.clock, main())

    def stages(self) -> list[dict[str, Any]]:
        """Everything that the desk was told, in order."""
        reader = StoreReader.open(self.folder / "state")
        try:
            rows = reader.read(
                lambda db: db.exec_driver_sql(
                    "SELECT body FROM outbox ORDER BY seq"
                ).all()
            )
        finally:
            reader.close()
        return [json.loads(row.body) for row in rows]

    def opened(self) -> list[tuple[str, str, str]]:
        """Kind, subject and instant of each opening."""
        return [
            (one["kind"], one["subject_key"], one["at"])
            for one in self.stages()
            if one["kind"] in (Kind.OPEN, Kind.REOPEN)
        ]

    def replayed(self) -> dict[str, Any]:
        """What `replay` makes of the record."""
        site = judging_site(config.load(self.folder / "site.yaml", SETTINGS))
        path = self.folder / "events.jsonl"
        with path.open(encoding="utf-8") as lines:
            events = read_events(lines, site.checks, str(path))
        return replay(site, events, None)  # type: ignore[no-any-return]


async def _nothing(_runtime: Runtime) -> None:
    return None


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


async def _pass(us: int) -> None:
    await asyncio.sleep(us / SECOND)


def _at(us: int) -> str:
    return format_instant(Instant(START + us))


async def _announce(agent: Agent, kind: str, start: int, end: int) -> str:
    """Book a window of the ERP at the desk, as its API wants it."""
    client = agent.desk.reader._client
    base = "/v1/agents/self"
    named = {"services": [{"id": "erp", "title": {"it": "Gestionale"}}]}
    (await client.put(f"{base}/services", json=named)).raise_for_status()
    reply = await client.post(
        f"{base}/windows",
        json={
            "kind": kind,
            "services": ["erp"],
            "reason": "aggiornamento",
            "by": "NOC",
            "start": _at(start),
            "end": _at(end),
        },
        headers={"Idempotency-Key": f"{kind}-{start}"},
    )
    assert reply.status_code == 201, reply.text
    return str(reply.json()["windows"][0]["id"])


def _note(stage: dict[str, Any], part: str) -> tuple[str, dict[str, Any]]:
    text = stage["note"]["values"][part]["text"]
    return text["id"], text["values"]


def test_a_service_down_past_its_window_gets_its_ticket_then(town: Town) -> None:
    """The ticket says since when it is down, and how much of that counts."""
    town.failing["erp/web"] = HOUR, 4 * HOUR
    names: list[str] = []

    async def during(agent: Agent) -> None:
        await _pass(10 * MINUTE)
        window = await _announce(agent, "extraordinary", 30 * MINUTE, 150 * MINUTE)
        names.append(window)
        await _pass(50 * MINUTE)
        [(open_now, _, _)] = agent.runtime.windows.open(agent.runtime.timeline.now())
        assert open_now.id == window
        await _pass(30 * MINUTE)
        view = agent.runtime.judge.state("erp/web")
        assert (view.state, view.held) == (State.DOWN, (f"window:{window}",))
        assert agent.status.document()["windows"][0]["window"] == window
        await _pass(90 * MINUTE)

    town.live(during)

    [opening] = [one for one in town.stages() if one["kind"] == "open"]
    assert opening["at"] == _at(150 * MINUTE)
    first = parse_instant(opening["since"]) - START
    assert HOUR <= first < HOUR + MINUTE
    assert _note(opening, "why")[1] == {"windows": names[0]}
    sentence, counts = _note(opening, "counts")
    assert sentence == "Down for {length} so far; {rest} of it counts."
    assert counts["length"] == {"duration": 150 * MINUTE - first}
    assert counts["rest"] == {"duration": 0}
    told = [one["events"][0]["t"] for one in town.replayed()["incidents"]]
    assert told == [_at(150 * MINUTE)], "the record knows of the window"


def test_too_short_a_notice_mutes_all_the_same_and_all_of_it_counts(
    town: Town,
) -> None:
    town.failing["erp/web"] = HOUR, 4 * HOUR

    async def during(agent: Agent) -> None:
        await _announce(agent, "ordinary", 30 * MINUTE, 90 * MINUTE)
        await _pass(2 * HOUR)

    town.live(during)

    [opening] = [one for one in town.stages() if one["kind"] == "open"]
    assert opening["at"] == _at(90 * MINUTE)
    _, counts = _note(opening, "counts")
    assert counts["length"] == counts["rest"] != {"duration": 0}


def test_without_its_desk_the_agent_goes_on_with_the_copy_over_a_kill(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.failing["erp/web"] = HOUR, 5 * HOUR

    async def before(agent: Agent) -> None:
        await _announce(agent, "extraordinary", 30 * MINUTE, 3 * HOUR)
        await _pass(80 * MINUTE)

    town.live(before, kill=True)
    town.clock.mono_us += 5 * MINUTE

    async def after(agent: Agent) -> None:
        await agent.desk.client.close()
        assert agent.runtime.windows.revision > 0
        await _pass(2 * HOUR)

    town.live(after)

    [(kind, subject, at)] = town.opened()
    assert (kind, subject, at) == ("open", "service:erp", _at(3 * HOUR))
    # The incident is dated by the rules, at the first failure since the start; its
    # note says since when the service is really down.
    [opening] = [one for one in town.stages() if one["kind"] == "open"]
    assert parse_instant(opening["since"]) > START + 85 * MINUTE
    values = opening["note"]["values"]["counts"]["text"]["values"]
    since = values["since"]["instant"]
    assert 0 <= since - START - HOUR < MINUTE
    assert 5 * MINUTE <= values["blind"]["duration"] < 7 * MINUTE
    down = values["said"]["text"]["values"]["length"]["duration"]
    assert down + values["blind"]["duration"] == START + 3 * HOUR - since


def test_a_mute_outlives_a_kill_and_ends_by_itself(town: Town) -> None:
    town.failing["erp/web"] = 10 * MINUTE, 3 * HOUR

    async def before(agent: Agent) -> None:
        await _pass(5 * MINUTE)
        await agent.runtime.interventions.begin(
            InterventionKind.MUTE, "erp", for_us=HOUR, reason="prova", actor="anna"
        )
        agent.runtime.rearrange()
        await _pass(20 * MINUTE)

    async def after(agent: Agent) -> None:
        await _pass(2 * MINUTE)
        [mute] = agent.status.document()["mutes"]
        assert (mute["name"], mute["actor"]) == ("erp", "anna")
        await _pass(HOUR)

    town.live(before, kill=True)
    town.live(after)

    [(kind, subject, at)] = town.opened()
    assert (kind, subject) == ("open", "service:erp")
    assert parse_instant(at) - START == pytest.approx(65 * MINUTE, abs=MINUTE)
    [opening] = [one for one in town.stages() if one["kind"] == "open"]
    assert _note(opening, "why")[1] == {"reason": "prova"}
    told = [one["events"][0]["t"] for one in town.replayed()["incidents"]]
    assert told == [at]


def test_a_paused_check_is_not_probed_and_comes_back_by_itself(town: Town) -> None:
    runs: list[int] = []

    def count() -> int:
        return sum(engine.runs.get("erp/web", 0) for engine in town.engines)

    async def during(agent: Agent) -> None:
        await _pass(10 * MINUTE)
        await agent.runtime.interventions.begin(
            InterventionKind.PAUSE, "erp/web", for_us=HOUR, reason="x", actor="anna"
        )
        agent.runtime.rearrange()
        await _pass(MINUTE)
        runs.append(count())
        assert agent.runtime.judge.state("erp/web").state is State.UNKNOWN
        assert agent.runtime.judge.service("erp")[0] is State.UNKNOWN
        await _pass(50 * MINUTE)
        runs.append(count())
        missed = agent.runtime.probing.schedule.counts.missed["erp/web"]
        assert missed == 0, "nobody planned those runs"
        await _pass(12 * MINUTE)
        runs.append(count())
        assert agent.runtime.judge.state("erp/web").state is State.UP
        since = agent.runtime.judge.state("erp/web").since
        assert since is not None
        assert since - START >= 70 * MINUTE

    town.failing["erp/web"] = 20 * MINUTE, 60 * MINUTE
    town.live(during)

    assert runs[0] == runs[1] < runs[2]
    assert town.opened() == []
    changes = {c["check"]: c["changes"] for c in town.replayed()["checks"]}
    assert [one["state"] for one in changes["erp/web"]][:3] == ["up", "unknown", "up"]
