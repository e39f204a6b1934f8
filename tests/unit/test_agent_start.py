"""What refuses an agent before its first probe."""

import asyncio
import json
from pathlib import Path

import pytest

from scudo_agent import config
from scudo_agent.agent.app import Options, running
from scudo_agent.errors import ScudoError
from scudo_agent.instant import HOUR, Instant, format_instant, parse_instant
from scudo_agent.probes.registry import SETTINGS
from support.script import GOOD, ScriptEngine
from support.sim import SimClock, simulate
from support.sites import write_site

START = parse_instant("2026-03-02T08:00:00+01:00")


def start(folder: Path) -> None:
    """Run an agent that records, for a minute."""
    clock = SimClock(START)
    site = config.load(write_site(folder), SETTINGS)
    options = Options(
        state=folder / "state",
        desk_file=folder / "desk.yaml",
        record=folder / "events.jsonl",
        clock=clock,
        engines=lambda _kind: ScriptEngine(lambda _check: GOOD),
        simulated=True,
    )

    async def main() -> None:
        async with running(site, options) as agent:
            stop = asyncio.Event()
            task = asyncio.create_task(agent.runtime.run(stop))
            await asyncio.sleep(60)
            stop.set()
            await task

    simulate(clock, main())


@pytest.mark.parametrize(("after_us", "fits"), [(-HOUR, True), (HOUR, False)])
def test_a_record_of_the_future_is_refused(
    tmp_path: Path, after_us: int, fits: bool
) -> None:
    record = tmp_path / "events.jsonl"
    event = {"t": format_instant(Instant(START + after_us)), "agent": "start"}
    record.write_text(json.dumps(event) + "\n")
    if fits:
        start(tmp_path)
        assert len(record.read_text().splitlines()) > 5
        return
    with pytest.raises(ScudoError, match="its last event is at 2026-03-02T08:00:00Z"):
        start(tmp_path)
    assert len(record.read_text().splitlines()) == 1
