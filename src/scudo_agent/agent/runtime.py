"""One agent at work: the loop that probes, judges, commits.

Everything that depends on time is read from the one clock; probing, re-probing
and liveness live on this loop (`architecture.md`).
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from scudo_agent.adoption import Adoption
from scudo_agent.agent.forecasts import follow, measures, restored_forecaster
from scudo_agent.agent.held import HeldNotes
from scudo_agent.agent.interventions import Interventions
from scudo_agent.agent.marks import (
    FileTaken,
    fresh_id,
    note_stage,
    recorded,
    run_start,
    run_stop,
)
from scudo_agent.agent.probing import EngineFactory, Prepared, Probing
from scudo_agent.agent.restart import Restart, gap_notes
from scudo_agent.agent.windows import WindowKeeper, upgrade_us
from scudo_agent.clock import STEP_US, Clock, Step
from scudo_agent.config.judging import judging_site
from scudo_agent.config.site import Site
from scudo_agent.contract.model import Contract
from scudo_agent.instant import SECOND, Instant, format_instant
from scudo_agent.judge.batch import Batch
from scudo_agent.judge.engine import Judge
from scudo_agent.judge.holds import Hold
from scudo_agent.judge.views import IncidentView
from scudo_agent.model import Outcome
from scudo_agent.pipeline import Committed, Pipeline, Recorder
from scudo_agent.probes.port import Engine
from scudo_agent.schedule import TICK_US, Firing
from scudo_agent.store.agent_store import AgentStore, wait
from scudo_agent.store.values import Liveness
from scudo_agent.text import Text

_log = logging.getLogger(__name__)

LIVENESS_US = 10 * SECOND
SUSPENDED_US = 15 * SECOND
"""A loop that stood still for longer was suspended: it measured nothing."""
RETRY_US = 5 * SECOND
"""Between two commits, once the store has refused one."""
_PULSE_S = 1.0
_TICK_S = TICK_US / SECOND


class Runtime:
    """Probes one site and keeps its account until it is told to stop."""

    def __init__(
        self,
        site: Site,
        store: AgentStore,
        clock: Clock,
        *,
        engines: EngineFactory,
        recorder: Recorder | None = None,
        new_id: Callable[[Instant], str] | None = None,
    ) -> None:
        self.site = site
        self.store = store
        self.clock = clock
        rules = judging_site(site)
        self._restart = Restart(store.load(rules.reopen_us), recorded(recorder))
        self.timeline = store.timeline
        self.windows = WindowKeeper(
            store, changed=self.rearrange, upgrade_us=lambda: upgrade_us(self.site)
        )
        was = self._restart.stopped_at or self.timeline.now()
        self.interventions = Interventions(site, store, since=was)
        self._paused: frozenset[str] = frozenset()
        # A record that goes on may end with what held back then.
        self._arranged = recorded(recorder) is not None
        # What holds back is known before the first event: a kill opens nothing.
        self.judge = Judge(rules, new_id=new_id or fresh_id, holds=self._holds(was))
        self.pipeline = Pipeline(
            site,
            self.judge,
            store,
            self.timeline,
            chronicle=self._restart.chronicle(store.reader),
            recorder=recorder,
            forecaster=restored_forecaster(site, store.reader),
        )
        held = HeldNotes(lambda: self.site, self.windows, self.interventions)
        self.pipeline.writer.held_note = held.note
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self.on_reload: list[Callable[[Site], None]] = []
        self.file_taken = FileTaken(self.timeline.now())
        self.probing = Probing(site, clock, engines=engines, report=self.report)
        self.started: Instant | None = None
        self.steps = {"forward": 0, "back": 0}
        self.gap_us = 0
        self.on_step: list[Callable[[Step], None]] = []
        self.on_fire: list[Callable[[Sequence[Firing]], None]] = []
        self.on_wish: list[Callable[[Sequence[str]], None]] = []
        self.on_refused: list[Callable[[], None]] = []
        self.alive: Instant | None = None
        self._alive_us = 0
        self._retry_us = 0
        self._beat_us = clock.monotonic_us()
        self._suspended_us = 0
        self._pulse: asyncio.TimerHandle | None = None

    def use_contract(self, contract: Contract) -> None:
        """Go by another version of the contract from now on."""
        self.site = replace(self.site, contract=contract)
        self.pipeline.reopen_within(contract.tickets.reopen_us)
        self._wake.set()

    async def start(self) -> None:
        """Take up where the store was left, then begin to probe."""
        await wait(self.store.follow(judging_site(self.site).services.values()))
        self._resume()
        await self.probing.start()
        await self.pipeline.commit(self._liveness())
        if self.pipeline.commit_error is not None:
            await self.probing.close()
            raise self.pipeline.commit_error
        gone = [memory.check for memory in self._restart.gone(self.site)]
        if gone:
            await wait(self.store.forget(gone))
        await wait(self.store.keep_hours(measures(self.site)))
        self._beat_us = self.clock.monotonic_us()
        self._schedule_pulse()

    def _resume(self) -> None:
        restart, pipeline = self._restart, self.pipeline
        pipeline.seen.update(restart.seen)
        restored = self.judge.restore(
            restart.checks, restart.incidents, at=restart.stopped_at
        )
        pipeline.take_restored(restored, restart.incidents)
        pipeline.take_restored(Batch(changes=restart.retired(self.site)))
        if restart.killed_at is not None:
            pipeline.judge_stop(
                restart.killed_at, run_stop(restart.killed_at, "killed")
            )
        now = Instant(max(self.timeline.now(), pipeline.last + 1))
        self.started = now
        pipeline.judge_start(now, run_start(now))
        self.rearrange()
        if self.site.desk.url is not None and self.site.contract is not None:
            # The site file does not say it: without this a replay would not know.
            pipeline.reopen_within(self.site.contract.tickets.reopen_us)
        if restart.stopped_at is not None:
            self.gap_us = now - restart.stopped_at
            self._note_gap(restart.stopped_at, now)

    def _note_gap(self, since: Instant, until: Instant) -> None:
        """Open incidents say that they were not measured, and are asked first."""
        for incident in self.judge.open_incidents():
            for at, text in gap_notes(since, until):
                self._say(incident, at, text)
            self.probing.hasten(incident.members)

    def adopt(self, adoption: Adoption) -> None:
        """Take over incidents that the desk has open."""
        self.pipeline.adopt(adoption)
        self._wake.set()

    def note(self, paths: Iterable[str], text: Text) -> None:
        """Add a note to every open incident with one of these checks."""
        wanted, now = set(paths), self.timeline.now()
        for incident in self.judge.open_incidents():
            if not wanted.isdisjoint(incident.members):
                self._say(incident, now, text)

    def _say(self, incident: IncidentView, at: Instant, text: Text) -> None:
        stage = note_stage(self.judge, incident, at, not_before=self.pipeline.last)
        self.pipeline.note(stage, text)

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop` is set; then stop cleanly."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _task: self._wake.set())
        while not stop.is_set():
            await self.tick()
            await self._pause()
        await stopping

    async def _pause(self) -> None:
        """Sleep to the next turn: on a grid of 100 ms, and not without need.

        Wake-ups cost: a turn comes when something is due, was reported, or when
        the clocks have not been compared for a second.
        """
        now = asyncio.get_running_loop().time()
        soon = (now // _TICK_S + 1) * _TICK_S
        if not self.pipeline.has_reports:
            idle_s = max(self._idle_us(), 0) / SECOND
            later = max(-(-(now + idle_s) // _TICK_S) * _TICK_S, soon)
            self._wake.clear()
            try:
                async with asyncio.timeout_at(later):
                    await self._wake.wait()
            except TimeoutError:
                return
        await asyncio.sleep(max(soon - asyncio.get_running_loop().time(), 0))

    def _idle_us(self) -> int:
        """How long nothing is due: no probe, no judgement, no sign of life."""
        now = self.clock.monotonic_us()
        failing = self.pipeline.commit_error is not None
        # While nothing can be stored, probing and judging go on; the commit waits.
        alive_us = self._retry_us if failing else self._alive_us + LIVENESS_US
        idle = [alive_us - now]
        if (due := self.probing.schedule.next_due_us()) is not None:
            idle.append(due - now)
        wall = self.timeline.now()
        if (judged := self.judge.next_due()) is not None:
            idle.append(judged - wall)
        if (ends := self.interventions.next_pause_end(wall)) is not None:
            idle.append(ends - wall)
        return min(idle)

    def _holds(self, at: Instant) -> tuple[Hold, ...]:
        return (*self.windows.holds(at), *self.interventions.holds(at))

    def rearrange(self) -> None:
        """Windows, mutes or pauses have changed: let judging and probing know."""
        now = self.timeline.now()
        holds, paused = self._holds(now), self.interventions.paused(now)
        if not (holds or paused or self._arranged):
            return
        self._arranged = True
        self._paused = paused
        self.pipeline.leave(holds, paused)
        self.probing.pause(paused)
        self._wake.set()

    def _look_at_the_pauses(self) -> None:
        """A pause ends by itself."""
        if self._paused:
            now = self.timeline.now()
            if self.interventions.paused(now) != self._paused:
                self.rearrange()

    def report(self, path: str, outcome: Outcome) -> None:
        """Take what a probe, or the delivery, has to say of a check."""
        if path in self._paused:
            return
        self.pipeline.report(path, outcome)
        self._wake.set()

    async def tick(self) -> Committed | None:
        """One turn: clocks, judgement, what is due, one commit."""
        async with self._turn:
            return await self._tick()

    async def reload(self, to: Prepared) -> list[Engine]:
        """Go by another version of the site file, between two turns.

        Returns engines that are needed no more. `StoreError`: the store takes nothing
        just now, and nothing was changed.
        """
        site, rules = to.site, judging_site(to.site)
        async with self._turn:
            await self._tick()
            if self.pipeline.commit_error is not None:
                raise self.pipeline.commit_error
            if rules.reopen_us != self.pipeline.reopen_us:
                self.pipeline.reopen_within(rules.reopen_us)
            # By the old file: what was reported while that was committed.
            self._follow(self.pipeline.judge_now())
            self.site = site
            self.interventions.use(site)
            unused = self.probing.reload(to)
            self.probing.hasten(self.pipeline.reload(site, rules).probe)
            follow(self.pipeline.forecaster, site, self.store.reader)
            for listener in self.on_reload:
                listener(site)
            self.rearrange()
            await wait(self.store.follow(rules.services.values()))
            await self.pipeline.commit()
            self._wake.set()
            return unused

    async def _tick(self) -> Committed | None:
        self._beat()
        self._look_at_the_clocks()
        self._look_at_the_pauses()
        before = self.clock.monotonic_us()
        batch = self.pipeline.judge_now()
        self._follow(batch)
        firings = self.probing.fire()
        for listener in self.on_fire if firings else ():
            listener(firings)
        if before < self._retry_us:
            return None
        liveness = None
        if before - self._alive_us >= LIVENESS_US:
            liveness = self._liveness()
        committed = await self.pipeline.commit(liveness)
        if committed is None:
            # The store's writer has logged why; what was judged waits.
            self._retry_us = before + RETRY_US
            for told in self.on_refused:
                told()
        elif liveness is not None:
            self._alive_us = before
            self.alive = liveness.at
        return committed

    def _follow(self, batch: Batch) -> None:
        """Probe what judging asks for, and keep the pace of re-probing."""
        if batch.probe:
            self.probing.hasten(batch.probe)
            for listener in self.on_wish:
                listener(batch.probe)
        for observation in self.pipeline.judged:
            view = self.judge.state(observation.check)
            self.probing.pace(observation.check, view.confirming)

    def _schedule_pulse(self) -> None:
        loop = asyncio.get_running_loop()
        self._beat()
        if self._suspended_us or abs(self.timeline.offset_us()) > STEP_US:
            self._wake.set()
        self._pulse = loop.call_later(_PULSE_S, self._schedule_pulse)

    def _beat(self) -> None:
        now = self.clock.monotonic_us()
        if now - self._beat_us > SUSPENDED_US:
            self._suspended_us = now - self._beat_us
        self._beat_us = now

    def _look_at_the_clocks(self) -> None:
        step = self.timeline.check()
        if step is not None:
            self._count(step)
        if step is not None and step.skipped is not None:
            self._not_measured(*step.skipped, detail="clock step or suspended machine")
        elif self._suspended_us:
            now = self.timeline.now()
            since = Instant(now - self._suspended_us)
            self._not_measured(since, now, detail="suspended")
        self._suspended_us = 0

    def _count(self, step: Step) -> None:
        direction = "forward" if step.offset_us > 0 else "back"
        self.steps[direction] += 1
        _log.warning(
            "the wall clock stepped %s by %.1f s",
            direction,
            abs(step.offset_us) / SECOND,
        )
        for listener in self.on_step:
            listener(step)

    def _not_measured(self, since: Instant, until: Instant, *, detail: str) -> None:
        """Time in which the agent was not itself: unknown, never up or down."""
        self.pipeline.disown_reports()
        self.probing.disown_runs()
        since = Instant(max(since, self.pipeline.last + 1))
        until = Instant(max(until, since + 1))
        _log.warning(
            "not measured from %s to %s: %s",
            format_instant(since),
            format_instant(until),
            detail,
        )
        self._follow(self.pipeline.judge_stop(since, run_stop(since, detail)))
        self._follow(self.pipeline.judge_start(until, run_start(until)))
        self.gap_us = until - since
        self._note_gap(since, until)

    def _liveness(self, *, clean: Instant | None = None) -> Liveness:
        return Liveness(
            at=Instant(max(self.timeline.now(), self.pipeline.last)),
            wall=self.clock.wall(),
            mono_us=self.clock.monotonic_us(),
            boot_id=self.clock.boot_id,
            offset_us=self.timeline.offset_us(),
            pid=os.getpid(),
            clean=clean,
        )

    async def close(self) -> None:
        """Stop cleanly: what was not yet judged is, and the stop is kept."""
        if self._pulse is not None:
            self._pulse.cancel()
        await self.probing.close()
        self.pipeline.judge_now()
        now = Instant(max(self.timeline.now(), self.pipeline.last + 1))
        self.pipeline.judge_stop(now, run_stop(now, "clean"))
        self.pipeline.keep_running_hours()
        await self.pipeline.commit(self._liveness(clean=now))
        if self.pipeline.commit_error is not None:
            raise self.pipeline.commit_error
