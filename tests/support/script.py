"""A probe engine that answers by a script instead of asking anybody."""

import asyncio
from collections.abc import Callable, Sequence

from scudo_agent.model import Outcome
from scudo_agent.probes.port import Job, Report
from scudo_agent.text import T

GOOD = Outcome(answered=True, seen=T("it answers"), duration_s=0.003)
BAD = Outcome(answered=False, seen=T("it does not answer"))

Script = Callable[[str], Outcome]
"""What a check's run says when it ends, by the check's path."""


class ScriptEngine:
    """Every run takes `took_s`, then says what the script says."""

    def __init__(self, script: Script, took_s: float = 0.01) -> None:
        self._script = script
        self._took_s = took_s
        self._handles: set[asyncio.TimerHandle] = set()
        self._report: Report | None = None
        self.runs: dict[str, int] = {}

    async def start(self, report: Report) -> None:
        self._report = report

    def submit(self, jobs: Sequence[Job]) -> None:
        loop = asyncio.get_running_loop()
        for job in jobs:
            self.runs[job.check] = self.runs.get(job.check, 0) + 1
            loop.call_later(self._took_s, self._end, job.check)

    def _end(self, check: str) -> None:
        if self._report is not None:
            self._report(check, self._script(check))

    async def close(self) -> None:
        self._report = None
