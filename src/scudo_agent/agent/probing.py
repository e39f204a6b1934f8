"""Engines at work: what is due is submitted, what fails is asked more often."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from scudo_agent.agent.networks import Allowance
from scudo_agent.clock import Clock
from scudo_agent.config.desk_answer import KIND as DESK
from scudo_agent.config.site import Check, Site, ancestors
from scudo_agent.instant import SECOND
from scudo_agent.model import Outcome
from scudo_agent.pipeline import DISOWNED
from scudo_agent.probes.port import Engine, Job
from scudo_agent.schedule import Firing, Schedule

EngineFactory = Callable[[str], Engine]


class Probing:
    """The schedule, the engines of the kinds in use, and the pace of re-probing.

    A check whose failure (or recovery) is being confirmed is asked every
    min(interval, `reprobe`), and with it its ancestors and the vantage checks.
    """

    def __init__(
        self,
        site: Site,
        clock: Clock,
        *,
        engines: EngineFactory,
        report: Callable[[str, Outcome], None],
    ) -> None:
        self._site = site
        self._clock = clock
        self._report = report
        probed = {p: c for p, c in site.checks.items() if c.kind != DESK}
        self._jobs = {path: job_of(check, site) for path, check in probed.items()}
        self._ancestors = ancestors(site)
        kinds = sorted({check.kind for check in probed.values()})
        self._engines: Mapping[str, Engine] = {kind: engines(kind) for kind in kinds}
        self._paced: set[str] = set()
        self._reasons: Counter[str] = Counter()
        self.schedule = Schedule(
            {path: check.interval_us for path, check in probed.items()},
            now_us=clock.monotonic_us(),
        )
        self.running: set[str] = set()
        self._disowned: set[str] = set()
        self._dropped: set[str] = set()
        self._paused: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Open the engines; what one cannot open is closed again."""
        opened: list[Engine] = []
        try:
            for engine in self._engines.values():
                await engine.start(self._done)
                opened.append(engine)
        except BaseException:
            for engine in opened:
                await engine.close()
            raise

    async def close(self) -> None:
        """Close all engines, whatever one of them says."""
        for engine in self._engines.values():
            await engine.close()

    def disown_runs(self) -> None:
        """What is under way straddles a gap: its outcome will say nothing."""
        self._disowned |= self.running

    def pause(self, paths: frozenset[str]) -> None:
        """Ask these no more, and all others again; what is under way says nothing."""
        for path in paths - self._paused:
            self.pace(path, False)
            if path in self.running:
                self._dropped.add(path)
        self._paused = paths
        self.schedule.pause(paths, self._clock.monotonic_us())

    def _done(self, path: str, outcome: Outcome) -> None:
        self.running.discard(path)
        if path in self._dropped:
            self._dropped.discard(path)
            self._disowned.discard(path)
            self.schedule.done(path, self._clock.monotonic_us())
            return
        if path in self._disowned:
            self._disowned.discard(path)
            outcome = DISOWNED
        self.schedule.done(path, self._clock.monotonic_us())
        self._report(path, outcome)

    def fire(self) -> Sequence[Firing]:
        """Submit what is due now, kind by kind."""
        firings = self.schedule.due(self._clock.monotonic_us())
        if not firings:
            return firings
        checks = self._site.checks
        ordered = sorted(firings, key=lambda f: checks[f.check].kind)
        self.running.update(f.check for f in firings)
        for kind, group in groupby(ordered, key=lambda f: checks[f.check].kind):
            self._engines[kind].submit([self._jobs[f.check] for f in group])
        return firings

    def hasten(self, paths: Iterable[str]) -> None:
        """Probe these at once."""
        known = (path for path in paths if path in self._jobs)
        self.schedule.hasten(known, self._clock.monotonic_us())

    def pace(self, path: str, confirming: bool) -> None:
        """A check is being confirmed, or is so no longer."""
        if path not in self._jobs or confirming == (path in self._paced):
            return
        if confirming:
            self._paced.add(path)
        else:
            self._paced.discard(path)
        for one in {path, *self._ancestors[path], *self._site.vantage}:
            self._reasons[one] += 1 if confirming else -1
            self._repace(one)

    def _repace(self, path: str) -> None:
        if path not in self._jobs:
            return
        every = None
        if self._reasons[path] > 0:
            check = self._site.checks[path]
            every = min(check.reprobe_us, check.interval_us)
        self.schedule.pace(path, every, self._clock.monotonic_us())


def job_of(check: Check, site: Site) -> Job:
    """One run of a check, as every run of it is."""
    allowance = Allowance(site.networks, check.settings.hosts(check.target.address))
    return Job(
        check=check.path,
        settings=check.settings,
        address=check.target.address,
        timeout_s=check.timeout_us / SECOND,
        credential=check.target.credential,
        allowed=allowance,
    )
