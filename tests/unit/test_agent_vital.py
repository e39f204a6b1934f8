"""An agent without its delivery or its desk ends, and says why."""

import asyncio
from pathlib import Path

import pytest

from scudo_agent import config
from scudo_agent.agent.app import Agent, Options, serve
from scudo_agent.agent.vital import Vital
from scudo_agent.deliver import Delivery
from scudo_agent.desk.app import Desk
from scudo_agent.errors import ScudoError
from scudo_agent.instant import parse_instant
from scudo_agent.model import Outcome
from scudo_agent.probes.registry import SETTINGS
from support.script import GOOD, ScriptEngine
from support.sim import SimClock, simulate
from support.sites import write_site


def _good(_check: str) -> Outcome:
    return GOOD


def _options(folder: Path, clock: SimClock | None) -> Options:
    return Options(
        state=folder / "state",
        desk_file=folder / "desk.yaml",
        metrics=("127.0.0.1", 0),
        engines=lambda _kind: ScriptEngine(_good),
        clock=clock,
        simulated=clock is not None,
    )


async def _stumble(_self: object) -> None:
    await asyncio.sleep(0)
    raise LookupError("nobody thought of this")


async def _until_the_end(folder: Path, clock: SimClock | None) -> None:
    site = config.load(write_site(folder), SETTINGS)

    def ready(_agent: Agent) -> None:
        return

    async with asyncio.timeout(30):
        await serve(site, _options(folder, clock), stop=asyncio.Event(), on_ready=ready)


def test_it_ends_with_its_delivery(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Delivery, "run", _stumble)
    clock = SimClock(parse_instant("2026-03-02T08:00:00+01:00"))
    with pytest.raises(ScudoError, match="delivery ended unexpectedly: LookupError"):
        simulate(clock, _until_the_end(tmp_path, clock))
    (told,) = [one for one in caplog.records if one.levelname == "CRITICAL"]
    assert told.exc_info is not None
    assert not (tmp_path / "state" / "agent.json").exists()


def test_it_ends_with_its_embedded_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "serve", _stumble)
    with pytest.raises(ScudoError, match="desk ended unexpectedly: LookupError"):
        asyncio.run(_until_the_end(tmp_path, None))


def test_what_ended_before_anyone_listened_is_told_at_once() -> None:
    async def main() -> list[str]:
        vital, told = Vital(), []
        task = asyncio.create_task(asyncio.sleep(0), name="desk")
        vital.watch(task)
        await task
        await asyncio.sleep(0)
        vital.on_fault(lambda: told.append("stop"))
        with pytest.raises(ScudoError, match="the desk ended unexpectedly; the agent"):
            vital.check()
        return told

    assert asyncio.run(main()) == ["stop"]


def test_what_is_stopped_on_purpose_is_no_fault() -> None:
    async def main() -> None:
        vital = Vital()
        task = asyncio.create_task(asyncio.Event().wait(), name="desk")
        let_go = vital.watch(task)
        let_go()
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)
        vital.check()

    asyncio.run(main())
