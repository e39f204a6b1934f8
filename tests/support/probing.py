"""Run probes as the agent does, and say what they saw in plain English."""

import asyncio
from collections.abc import Callable, Sequence

from scudo_agent.config.probe import ProbeSettings
from scudo_agent.model import Outcome
from scudo_agent.probes.port import Engine, Job
from scudo_agent.text import Text

DEADLINE_S = 60.0
"""A test that waits longer than this fails."""


def job(
    settings: ProbeSettings,
    address: str | None = "127.0.0.1",
    *,
    timeout_s: float = 5.0,
    check: str | None = None,
    allowed: Callable[[str], bool] = lambda _ip: True,
) -> Job:
    """A job whose check is named after its address unless told."""
    return Job(
        check=check or f"{address}/{settings.KIND}",
        settings=settings,
        address=address,
        timeout_s=timeout_s,
        allowed=allowed,
    )


async def outcomes(engine: Engine, jobs: Sequence[Job]) -> list[Outcome]:
    """Start `engine`, run `jobs`, close it; the outcomes in the jobs' order."""
    got: dict[str, Outcome] = {}
    complete = asyncio.Event()

    def report(check: str, outcome: Outcome) -> None:
        assert check not in got, f"{check} was reported twice"
        got[check] = outcome
        if len(got) == len(jobs):
            complete.set()

    await engine.start(report)
    try:
        engine.submit(jobs)
        async with asyncio.timeout(DEADLINE_S):
            await complete.wait()
    finally:
        await engine.close()
    return [got[one.check] for one in jobs]


def probe(engine: Engine, one: Job) -> Outcome:
    """One run of one job in a loop of its own."""
    return asyncio.run(outcomes(engine, [one]))[0]


def plain(seen: Text | None) -> str:
    """The English sentence with its raw values, good enough to compare."""
    assert seen is not None
    sentence = seen.id
    if seen.plural is not None and seen.values["n"] != 1:
        sentence = seen.plural
    values = {
        name: plain(Text.from_json(value["text"]))
        if isinstance(value, dict) and "text" in value
        else value
        for name, value in seen.values.items()
    }
    return sentence.format(**values)
