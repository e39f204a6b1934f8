"""An engine for a probe that is one async function.

It gives each run its own task and its own deadline, and turns whatever the
function does into exactly one outcome.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from scudo_agent.instant import SECOND
from scudo_agent.model import Outcome
from scudo_agent.probes.connect import NoAnswerError, waiting_for
from scudo_agent.probes.port import Job, Report
from scudo_agent.text import T, Text

_log = logging.getLogger(__name__)

Probe = Callable[[Job], Awaitable[Outcome]]
"""Asks once and reports; raises `NoAnswerError` or `TimeoutError`, else it's a bug."""


class SimpleEngine:
    """Run `probe` for each job, at most `limit` at a time, the others wait.

    A run's deadline counts from when it begins: what waits here is the agent's
    own doing and must not look like a slow target.
    """

    def __init__(self, probe: Probe, *, limit: int = 500) -> None:
        self._probe = probe
        self._limit = limit
        self._report: Report | None = None
        self._waiting: deque[Job] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, report: Report) -> None:
        """Take the callback; there is nothing shared to open."""
        self._report = report

    def submit(self, jobs: Sequence[Job]) -> None:
        """Begin a run of each job, as far as the limit allows."""
        self._waiting.extend(jobs)
        self._fill()

    async def close(self) -> None:
        """Cancel what runs, without a report, and wait until it has ended."""
        self._report = None
        self._waiting.clear()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _fill(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._running) < self._limit:
            task = loop.create_task(self._run(self._waiting.popleft()))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._report is not None:
            self._fill()

    async def _run(self, job: Job) -> None:
        outcome = await run_once(self._probe, job)
        if self._report is not None:
            self._report(job.check, outcome)


async def run_once(probe: Probe, job: Job) -> Outcome:
    """One run of `probe` within `job.timeout_s`; whatever happens is an outcome."""
    waiting_for.set(None)
    try:
        async with asyncio.timeout(job.timeout_s):
            return await probe(job)
    except TimeoutError:
        return Outcome(answered=False, seen=waiting_for.get() or too_late(job))
    except NoAnswerError as exc:
        return exc.outcome()
    except Exception as exc:  # noqa: BLE001 - a bug in one probe must not end the agent
        # The text of an exception may hold what was sent; only the log gets it.
        _log.exception("the probe of %s failed unexpectedly", job.check)
        return Outcome(
            answered=None,
            seen=T(
                "the agent could not probe: {error}, see its log",
                error=type(exc).__name__,
            ),
        )


def too_late(job: Job) -> Text:
    """The words of a run whose deadline passed."""
    limit = round(job.timeout_s * SECOND)
    return T("no answer within {limit}", limit={"duration": limit})
