"""Engines at work: what is due is submitted, what fails is asked more often."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from scudo_agent.agent.networks import Allowance
from scudo_agent.clock import Clock
from scudo_agent.config.desk_answer import KIND as DESK
from scudo_agent.config.site import Check, Site, ancestors
from scudo_agent.grading import DISOWNED
from scudo_agent.instant import SECOND
from scudo_agent.model import Outcome
from scudo_agent.probes.port import Engine, Job, Report
from scudo_agent.schedule import Firing, Schedule

EngineFactory = Callable[[str], Engine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What probing another version of the site file takes; its new engines are open."""

    site: Site
    jobs: Mapping[str, Job]
    ancestors: Mapping[str, tuple[str, ...]]
    engines: Mapping[str, Engine]


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
        self._make = engines
        probed = _probed(site)
        self._jobs: Mapping[str, Job] = _jobs(site)
        self._ancestors: Mapping[str, tuple[str, ...]] = ancestors(site)
        self._engines = {kind: engines(kind) for kind in _kinds(site)}
        self._paced: set[str] = set()
        self._reasons: Counter[str] = Counter()
        self.schedule = Schedule(
            {path: check.interval_us for path, check in probed.items()},
            now_us=clock.monotonic_us(),
        )
        self.running: dict[str, str] = {}
        """Checks that a run is under way of, each with its kind."""
        self._disowned: set[str] = set()
        self._dropped: set[str] = set()
        self._paused: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Open the engines; what one cannot open is closed again."""
        await self._open(self._engines)

    async def _open(self, engines: Mapping[str, Engine]) -> None:
        opened: list[Engine] = []
        try:
            for kind, engine in engines.items():
                await engine.start(self._heard(kind, engine))
                opened.append(engine)
        except BaseException:
            for engine in opened:
                await engine.close()
            raise

    def _heard(self, kind: str, engine: Engine) -> Report:
        """Takes an engine's reports for as long as it is in use."""

        def take(path: str, outcome: Outcome) -> None:
            if self._engines.get(kind) is engine:
                self._done(path, outcome)

        return take

    async def close(self) -> None:
        """Close all engines, whatever one of them says."""
        for engine in self._engines.values():
            await engine.close()

    async def prepare(self, site: Site) -> "Prepared":
        """All that takes time before `reload`; what it opens is the caller's to close
        if that does not come."""
        jobs = await asyncio.get_running_loop().run_in_executor(None, _jobs, site)
        kinds = [kind for kind in _kinds(site) if kind not in self._engines]
        engines = {kind: self._make(kind) for kind in kinds}
        await self._open(engines)
        return Prepared(
            site=site, jobs=jobs, ancestors=ancestors(site), engines=engines
        )

    def reload(self, to: "Prepared") -> list[Engine]:
        """Probe what another site file says, with its engines beside the present ones.

        Runs of checks that it defines otherwise, or not at all, say nothing. What
        it defines as before runs when it would have. Returns engines that nobody
        needs any more; the caller closes them.
        """
        paced = list(self._paced)
        for path in paced:
            self.pace(path, False)
        site = to.site
        old, new = _probed(self._site), _probed(site)
        kept = {
            path
            for path, check in new.items()
            if path in old and old[path].definition == check.definition
        }
        self._dropped |= self.running.keys() - kept
        unused = self._exchange(to.engines, _kinds(site))
        self._site, self._ancestors, self._jobs = site, to.ancestors, to.jobs
        self._reschedule(old, new, kept)
        for path in paced:
            self.pace(path, path in kept)
        return unused

    def _exchange(
        self, more: Mapping[str, Engine], kinds: Collection[str]
    ) -> list[Engine]:
        """Use these too; those of no kind any more report nothing from now on."""
        unused = [one for kind, one in self._engines.items() if kind not in kinds]
        known = {**self._engines, **more}
        self._engines = {kind: one for kind, one in known.items() if kind in kinds}
        for path, kind in list(self.running.items()):
            if kind not in kinds:
                del self.running[path]
                self._dropped.discard(path)
                self._disowned.discard(path)
                self.schedule.done(path, self._clock.monotonic_us())
        return unused

    def _reschedule(
        self, old: Mapping[str, Check], new: Mapping[str, Check], kept: set[str]
    ) -> None:
        now, schedule = self._clock.monotonic_us(), self.schedule
        for path in old.keys() - new.keys():
            schedule.remove(path)
        for path, check in new.items():
            if path in kept:
                continue
            if path in old:
                schedule.change(path, check.interval_us, now)
            else:
                under_way = path in self.running
                schedule.add(path, check.interval_us, now, running=under_way)

    def disown_runs(self) -> None:
        """What is under way straddles a gap: its outcome will say nothing."""
        self._disowned |= self.running.keys()

    def pause(self, paths: frozenset[str]) -> None:
        """Ask these no more, and all others again; what is under way says nothing."""
        for path in paths - self._paused:
            self.pace(path, False)
            if path in self.running:
                self._dropped.add(path)
        self._paused = paths
        self.schedule.pause(paths, self._clock.monotonic_us())

    def _done(self, path: str, outcome: Outcome) -> None:
        self.running.pop(path, None)
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
        self.running |= {f.check: checks[f.check].kind for f in firings}
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


def _probed(site: Site) -> dict[str, Check]:
    """What the engines are to run: the desk's answers come by themselves."""
    return {path: one for path, one in site.checks.items() if one.kind != DESK}


def _jobs(site: Site) -> dict[str, Job]:
    return {path: job_of(check, site) for path, check in _probed(site).items()}


def _kinds(site: Site) -> list[str]:
    return sorted({check.kind for check in _probed(site).values()})


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
