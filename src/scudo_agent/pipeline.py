"""Observation → judgement → one transaction (`architecture.md`).

Reports of probes are stamped and graded as they come and judged once a tick;
what the judgement changed is committed in one transaction. Only what is
committed is shown, measured or delivered: when a commit fails, the batch waits
and goes with the next tick's.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from scudo_agent.adoption import Adoption, said
from scudo_agent.clock import Timeline
from scudo_agent.config.site import Site
from scudo_agent.errors import StoreError
from scudo_agent.grading import grade
from scudo_agent.instant import HOUR, SECOND, Instant
from scudo_agent.judge.batch import (
    Batch,
    Change,
    IncidentMemory,
    IncidentStage,
    merged,
)
from scudo_agent.judge.engine import (
    Adopted,
    AgentStart,
    AgentStop,
    Event,
    HoldsSet,
    Judge,
    PausesSet,
    ReopenSet,
)
from scudo_agent.judge.forecast import Forecast, Forecaster, HourOf
from scudo_agent.judge.holds import Hold
from scudo_agent.judge.site import JudgeSite
from scudo_agent.model import Observation, Outcome, Result
from scudo_agent.stages import Chronicle, StageWriter
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import Liveness, RunEvent, Seen, Write
from scudo_agent.text import Text
from scudo_agent.waiting import Waiting
from scudo_agent.wire import Stage


class Recorder(Protocol):
    """Writes events down so that `replay` can judge them again.

    `last` is the last instant that was already written when it was opened.
    """

    last: Instant | None

    def write(self, events: Sequence[Event]) -> None:
        """Append events, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What one tick made durable: for the screen, the metrics, the delivery."""

    observations: tuple[Observation, ...]
    batch: Batch
    stages: tuple[Stage, ...]


NOTHING = Committed(observations=(), batch=Batch(), stages=())
"""A tick in which nothing happened."""


EVENTS_KEPT = 20_000  # while the store refuses; what was judged of them waits whole


class Pipeline:
    """The one way from a probe's report to the ledger, incidents and outbox."""

    def __init__(
        self,
        site: Site,
        judge: Judge,
        store: AgentStore,
        timeline: Timeline,
        *,
        chronicle: Chronicle | None = None,
        recorder: Recorder | None = None,
        forecaster: Forecaster | None = None,
    ) -> None:
        self._site = site
        self._judge = judge
        self._store = store
        self._timeline = timeline
        self._chronicle = chronicle or Chronicle()
        self.forecaster = forecaster or Forecaster({})
        self._hours: list[HourOf] = []
        self.writer = StageWriter(site, self._chronicle, foreseen=self.forecast)
        self._recorder = recorder
        self._lasting: dict[str, tuple[Instant, Instant | None]] = {}
        contract = site.contract
        self.reopen_us = contract.tickets.reopen_us if contract else 4 * HOUR
        self._reports: list[Observation] = []
        self._arranged: list[Callable[[Instant], Event]] = []
        self._waiting = Waiting()
        self._last = Instant(0)
        self.seen: dict[str, Seen] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.judged: Sequence[Observation] = ()
        self.listeners: list[Callable[[Committed], None]] = []
        self.commit_error: StoreError | None = None

    @property
    def last(self) -> Instant:
        """The last instant that was judged; nothing later is dated before it."""
        return self._last

    @property
    def has_reports(self) -> bool:
        """Whether something was reported or arranged since the last tick."""
        return bool(self._reports or self._arranged)

    def report(self, path: str, outcome: Outcome) -> None:
        """Take a probe's report: stamped now, judged at the next tick."""
        check = self._site.checks.get(path)
        if check is not None:
            at = self._stamp()
            predicted = None
            if outcome.answered:
                predicted = self.forecaster.observe(path, outcome.values, at)
            self._reports.append(grade(check, outcome, at, predicted=predicted))

    def forecast(self, path: str) -> Forecast | None:
        """What is foreseen of a check; None: no crossing within its horizon."""
        return self.forecaster.forecast(path, self._last)

    def keep_running_hours(self) -> None:
        """A clean stop: hours that are not over are stored as they are."""
        self._hours += [*self.forecaster.finished(), *self.forecaster.running()]

    def _stamp(self) -> Instant:
        at = Instant(max(self._timeline.now(), self._last + 1))
        if self._reports:
            at = Instant(max(at, self._reports[-1].at))
        return at

    def disown_reports(self) -> None:
        """What was reported since the last tick says nothing: the agent slept."""
        self._reports = []

    def leave(self, holds: Iterable[Hold], paused: frozenset[str]) -> None:
        """These windows and mutes hold tickets back from now on, these checks rest.

        Judged at the next tick, after what was reported until then.
        """
        held = tuple(holds)
        self._arranged.append(lambda at: HoldsSet(at, held))
        self._arranged.append(lambda at: PausesSet(at, paused))

    def _events(self) -> list[Event]:
        """What was reported and arranged since the last tick, in order of time."""
        events: list[Event] = list(self._reports)
        if self._arranged:
            at = self._stamp()
            events += [arranged(at) for arranged in self._arranged]
        self.judged, self._reports, self._arranged = self._reports, [], []
        return events

    def reopen_within(self, reopen_us: int) -> None:
        """A relapse within so much time re-opens its incident, from now on.

        Judged with what was reported before, at the next tick.
        """
        self.reopen_us = reopen_us
        self._arranged.append(lambda at: ReopenSet(at, reopen_us))

    def adopt(self, adoption: Adoption) -> None:
        """Take over what the desk has open; judged and stored at the next tick."""
        self._waiting.adoptions.append(adoption)
        self._remember(adoption.remembered)
        self._arranged.append(lambda at: Adopted(at, adoption.found))

    def reload(self, site: Site, rules: JudgeSite) -> Batch:
        """Go by another site file from now on; nothing that was reported waits.

        What is forgotten of checks that are gone goes with the next commit.
        """
        at = self._stamp()
        gone = self._site.checks.keys() - site.checks.keys()
        self._site = site
        self.writer.use(site)
        batch = self._judge.reload(rules, at)
        self._last = at
        for path in gone:
            self.seen.pop(path, None)
            self.outcomes.pop(path, None)
        self._waiting.gone = (*self._waiting.gone, *sorted(gone))
        self._take(batch)
        return batch

    def judge_start(self, at: Instant, run: RunEvent) -> Batch:
        """The agent starts (or is back): judge it and keep it in the ledger."""
        return self._judge_event(AgentStart(at), run)

    def judge_stop(self, at: Instant, run: RunEvent) -> Batch:
        """The agent stopped at `at`, cleanly or not."""
        return self._judge_event(AgentStop(at), run)

    def _judge_event(self, event: AgentStart | AgentStop, run: RunEvent) -> Batch:
        batch = self._judge.feed([event])
        self._last = Instant(max(self._last, event.at))
        self._waiting.events.append(event)
        self._waiting.runs.append(run)
        self._take(batch)
        return batch

    def note(self, stage: IncidentStage, text: Text) -> None:
        """Add a note to an open incident: it travels like every other stage."""
        self._waiting.drafts.append((stage, text))

    def take_restored(
        self, batch: Batch, incidents: Iterable[IncidentMemory] = ()
    ) -> None:
        """What restoring the judge changed (retired members) is judged too.

        `incidents` are those that it was restored with: their lengths may still
        be asked for.
        """
        self._remember(incidents)
        self._take(batch)

    def _take(self, batch: Batch) -> None:
        if batch == Batch():
            return
        self._remember(batch.incidents)
        if batch.changes:
            self._chronicle.add(batch.changes, keep=self._keep())
        self._waiting.batches.append(batch)
        self._waiting.drafts.extend(said(batch.stages, self._waiting.adoptions))

    def _remember(self, incidents: Iterable[IncidentMemory]) -> None:
        """Since when each incident lasts that is open or may re-open."""
        for memory in incidents:
            self._lasting[memory.incident] = (memory.since, memory.recovered)

    def _keep(self) -> Instant:
        """Back to where changes are still needed for some incident's lengths."""
        gone = self._last - self.reopen_us - HOUR
        for incident, (_, recovered) in list(self._lasting.items()):
            if recovered is not None and recovered < gone:
                del self._lasting[incident]
        known = [self._last, *(since for since, _ in self._lasting.values())]
        if (held := self._judge.held_since()) is not None:
            known.append(held)
        return Instant(min(known))

    def judge_now(self) -> Batch:
        """Judge what was reported since the last tick, and what is due by now."""
        events = self._events()
        for seen in self.judged:
            self._note_seen(seen)
        if events:
            batch = self._judge.feed(events)
            self._last = events[-1].at
            self._waiting.events.extend(events)
            self._take(batch)
            return batch
        now = Instant(self._timeline.now())
        due = self._judge.next_due()
        if due is None or due > now or now <= self._last:
            return Batch()
        batch = self._judge.advance(now)
        self._last = now
        self._take(batch)
        return batch

    def _note_seen(self, observation: Observation) -> None:
        assert observation.outcome is not None
        outcome = observation.outcome
        before = self.seen.get(observation.check)
        failing = observation.result is Result.FAILED
        good = observation.result is Result.GOOD
        took = outcome.duration_s
        self.outcomes[observation.check] = outcome
        self.seen[observation.check] = Seen(
            at=observation.at,
            result=observation.result,
            seen=outcome.seen,
            expected=outcome.expected,
            duration_us=None if took is None else round(took * SECOND),
            failing=1 + (before.failing if before else 0) if failing else 0,
            warned=observation.warned,
            last_good=observation.at if good else _last_good(before),
        )

    async def commit(self, liveness: Liveness | None = None) -> Committed | None:
        """Make everything judged so far durable, in one transaction.

        Returns None when the store refused: `commit_error` then says why, and all
        of it waits.
        """
        waiting = self._waiting
        if waiting.empty and liveness is None:
            return NOTHING
        # What comes while this is written goes with the next commit.
        self._waiting = Waiting()
        stages: tuple[Stage, ...] = ()
        written = False
        try:
            write = self._as_write(waiting, liveness)
            if write is not None:
                stages = await self._store.acommit(write)
            written = True
        except StoreError as exc:
            self.commit_error = exc
            return None
        finally:
            if not written:
                self._waiting = waiting.then(self._waiting)
                self._waiting.join()
                if self._recorder is None:
                    # Metrics alone count them: a full disk must not fill the memory.
                    del self._waiting.events[:-EVENTS_KEPT]
        if write is not None:
            self.commit_error = None
            self._hours = []
        return self._publish(waiting, stages)

    def _publish(self, done: Waiting, stages: tuple[Stage, ...]) -> Committed | None:
        if self._recorder is not None and done.events:
            self._recorder.write(done.events)
        for adoption in done.adoptions:
            adoption.stored.set()
        observations = (e for e in done.events if isinstance(e, Observation))
        committed = Committed(
            observations=tuple(observations),
            batch=merged(done.batches),
            stages=stages,
        )
        for listener in self.listeners:
            listener(committed)
        return committed

    def _as_write(self, waiting: Waiting, liveness: Liveness | None) -> Write | None:
        batch = merged(waiting.batches)
        stages = tuple(
            self.writer.write(stage, self.seen, note=note)
            for stage, note in waiting.drafts
        )
        changed = {c.check for c in batch.changes if isinstance(c, Change)}
        seen = {path: self.seen[path] for path in changed if path in self.seen}
        judged = batch.checks or batch.changes or batch.incidents
        happened = stages or waiting.runs or waiting.adoptions or waiting.gone
        if not (judged or batch.isolation or happened or liveness):
            return None
        self._hours += self.forecaster.finished()
        return Write(
            gone=waiting.gone,
            changes=batch.changes,
            checks=batch.checks,
            incidents=batch.incidents,
            stages=stages,
            isolation=batch.isolation,
            runs=tuple(waiting.runs),
            liveness=liveness,
            seen=seen,
            hours=tuple(self._hours),
            adopted=tuple(o for one in waiting.adoptions for o in one.missing),
            behind=tuple(o for one in waiting.adoptions for o in one.behind),
        )


def _last_good(before: Seen | None) -> Instant | None:
    return None if before is None else before.last_good
