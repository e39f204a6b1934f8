"""Run jobs through an engine as the schedule does, and collect the outcomes."""

import asyncio
from collections.abc import Sequence
from typing import Any

from scudo_agent.config.probe import ProbeSettings
from scudo_agent.model import Outcome
from scudo_agent.probes.port import Engine, Job
from scudo_agent.text import Text


class _Collector:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.outcomes: dict[str, Outcome] = {}
        self._wanted = 0
        self._all = asyncio.Event()

    def report(self, check: str, outcome: Outcome) -> None:
        assert check not in self.outcomes, f"{check} reported twice"
        self.outcomes[check] = outcome
        if len(self.outcomes) == self._wanted:
            self._all.set()

    async def run(self, jobs: Sequence[Job], within_s: float) -> dict[str, Outcome]:
        self.outcomes, self._wanted = {}, len(jobs)
        self._all.clear()
        self.engine.submit(jobs)
        async with asyncio.timeout(within_s):
            await self._all.wait()
        return self.outcomes


class Runner:
    """An engine that is started once and runs one batch of jobs after another."""

    def __init__(self, engine: Engine) -> None:
        self._collector = _Collector(engine)
        self.engine = engine

    async def __aenter__(self) -> "Runner":
        await self.engine.start(self._collector.report)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()

    async def run(
        self, jobs: Sequence[Job], *, within_s: float = 60
    ) -> dict[str, Outcome]:
        """All outcomes of one batch, by check."""
        return await self._collector.run(jobs, within_s)

    async def one(self, job: Job, *, within_s: float = 60) -> Outcome:
        """The outcome of one job."""
        return (await self.run([job], within_s=within_s))[job.check]


def job(settings: ProbeSettings, **given: Any) -> Job:
    """A job with the values that a test doesn't care about filled in."""
    return Job(
        **{
            "check": "target/check",
            "settings": settings,
            "address": "127.0.0.1",
            "timeout_s": 3.0,
            **given,
        }
    )


def ask(engine: Engine, one: Job, *, within_s: float = 60) -> Outcome:
    """Start the engine, run the job once, close it."""

    async def once() -> Outcome:
        async with Runner(engine) as runner:
            return await runner.one(one, within_s=within_s)

    return asyncio.run(once())


def said(text: Text | None) -> str:
    """The English sentence with its values put in as they are."""
    if text is None:
        return ""
    sentence = text.id
    if text.plural is not None and text.values["n"] != 1:
        sentence = text.plural
    return sentence.format(**{k: _plain(v) for k, v in text.values.items()})


def _plain(value: object) -> object:
    match value:
        case {"text": inner}:
            return said(Text.from_json(inner))
        case {"ms": number}:
            return f"{number:.0f} ms"
        case {"duration": us}:
            return f"{us / 1_000_000:g} s"
        case _:
            return value
