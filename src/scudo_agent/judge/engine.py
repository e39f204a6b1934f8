"""The judge: events in, changes of state and stages of incidents out.

`judging.md`, whole. Pure: no clock, no I/O; the time is that of the events. The
running agent and `replay` feed the same object.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from scudo_agent.instant import Instant
from scudo_agent.judge.batch import (
    Batch,
    CheckMemory,
    IncidentMemory,
    IncidentStage,
    Isolation,
    Withdrawal,
)
from scudo_agent.judge.book import Book
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.drafts import Drafts
from scudo_agent.judge.memory import Restorer, check_memory, incident_memory
from scudo_agent.judge.opening import Opening
from scudo_agent.judge.service import ServiceTally, service_timeline
from scudo_agent.judge.site import JudgeSite
from scudo_agent.judge.stages import fill_in
from scudo_agent.judge.topology import Topology
from scudo_agent.judge.vantage import Vantage
from scudo_agent.judge.views import CheckView, IncidentView, check_view, incident_view
from scudo_agent.judge.waiting import Waiting
from scudo_agent.judge.warn import Warnings
from scudo_agent.model import Observation, Result, State


@dataclass(frozen=True, slots=True)
class AgentStart:
    """The agent began to observe."""

    at: Instant


@dataclass(frozen=True, slots=True)
class AgentStop:
    """The agent ceased to observe: a clean stop, or a killed agent's last sign."""

    at: Instant


Event = AgentStart | AgentStop | Observation


class Judge:
    """States, isolation and incidents of one site.

    `new_id` makes the identity of an incident that opens at an instant. `held`
    tells whether a window or a mute covers a check just now; what it holds is
    looked at again with every call.
    """

    def __init__(
        self,
        site: JudgeSite,
        *,
        new_id: Callable[[Instant], str],
        held: Callable[[str], bool] | None = None,
    ) -> None:
        self._topology = topology = Topology(site)
        self._checks = {
            path: CheckState(rule, topology.order[path])
            for path, rule in site.checks.items()
        }
        self._services = {id_: ServiceTally(r) for id_, r in site.services.items()}
        self._vantage = Vantage(topology, self._checks)
        self._drafts = Drafts()
        self._stages: list[IncidentStage] = []
        self._book = Book(
            topology, self._checks, self._services, drafts=self._drafts, new_id=new_id
        )
        self._waiting = Waiting(topology, self._checks, self._vantage, held)
        self._opening = Opening(topology, self._book, self._waiting)
        self._warnings = Warnings(self._book, held)
        self._stale: list[tuple[int, int, CheckState]] = []
        self._risen: list[CheckState] = []
        self._now = Instant(0)
        self._running = False

    # What happens

    def feed(self, events: Sequence[Event]) -> Batch:
        """Take events in order of time, with all that is due by itself.

        On return the instant of the last event is over: its severities are
        rated, so that the next event must be later. An event that goes back in
        time, or of an unknown check, is the caller's fault (`ValueError`,
        `KeyError`).
        """
        for event in events:
            self._reach(event.at)
            if isinstance(event, Observation):
                if self._running:
                    self._observe(self._checks[event.check], event)
            elif isinstance(event, AgentStart):
                self._start(event.at)
            else:
                self._stop(event.at)
        return self._finish()

    def advance(self, t: Instant) -> Batch:
        """Do what is due by itself up to and including `t`; `t` is over then."""
        self._reach(t)
        return self._finish()

    def next_due(self) -> Instant | None:
        """No later than the next instant at which something is due by itself."""
        wait = self._waiting.next_due()
        if not self._stale:
            return wait
        stale = Instant(self._stale[0][0])
        return stale if wait is None else min(wait, stale)

    def restore(
        self,
        checks: Iterable[CheckMemory],
        incidents: Iterable[IncidentMemory],
        *,
        at: Instant | None = None,
    ) -> Batch:
        """Come back as the agent was left, before the first event.

        The agent counts as still running: feed `AgentStop` at its last known
        instant, then `AgentStart`. An incident whose last member is gone from
        the site ends with the kind `retire`, at `at` (default: the latest
        instant in the memories).
        """
        known = {one.check: one for one in checks if one.check in self._checks}
        kept = list(incidents)
        restorer = Restorer(self._book, self._vantage, self._waiting, self._warnings)
        restorer.incidents(kept)
        restorer.states(known)
        restorer.members(known)
        self._running = True
        latest = [memory.decided for memory in known.values()]
        latest += [memory.opened for memory in kept]
        self._now = max(latest, default=self._now)
        for incident in restorer.without_members():
            self._book.retire(incident, self._now if at is None else at)
        return self._finish()

    # How things stand

    def state(self, check: str) -> CheckView:
        """A check just now."""
        return check_view(self._checks[check])

    def service(self, service: str) -> tuple[State, Instant | None]:
        """A service's state, and since when by its members' recent timelines."""
        tally = self._services[service]
        members = [self._checks[path].recent for path in tally.rule.checks]
        timeline = service_timeline(members, tally.need)
        return tally.state, timeline[-1][1] if timeline else None

    @property
    def isolated(self) -> Instant | None:
        """Since when the agent is isolated, None while it is not."""
        return self._vantage.isolated

    def open_incidents(self) -> tuple[IncidentView, ...]:
        """Every open incident, in the order in which they opened."""
        ordered = sorted(self._book.open.values(), key=lambda one: one.number)
        return tuple(map(incident_view, ordered))

    # Events

    def _start(self, at: Instant) -> None:
        self._running = True
        self._vantage.start()
        self._stale.clear()
        for check in self._checks.values():
            check.failing = check.stale = check.queued = False
            check.observed = None
            if check.state is not State.UNKNOWN:
                check.observed = at
                self._queue(check, at)

    def _stop(self, at: Instant) -> None:
        if not self._running:
            return
        with self._book.rated_at_once(at):
            self._opening.open_all(self._waiting.held_by_ancestors_alone(), at)
        if self._vantage.isolated is not None:
            self._end_isolation(at)
        for check in self._waiting.clear():
            self._drafts.touch(check)
        for check in self._checks.values():
            if check.state is not State.UNKNOWN:
                self._change(check, State.UNKNOWN, since=at, at=at)
            check.clear_runs()
        self._warnings.clear_all()
        self._stale.clear()
        self._running = False

    def _observe(self, check: CheckState, seen: Observation) -> None:
        at, result = seen.at, seen.result
        if check.line:
            if self._vantage.isolated is not None:
                if result.answer:
                    self._end_isolation(at)
                elif check.outside:
                    return
            self._vantage.observe(check, at, result)
        check.observed = at
        check.failing = result is Result.FAILED
        check.stale = False
        if not check.queued:
            self._queue(check, at)
        change = check.observe(at, result)
        if change is not None:
            self._change(check, change[0], since=change[1], at=at)
        if result.answer:
            self._answered(check)
        elif result is Result.FAILED:
            self._ask(check)
        if seen.warned is not None:
            self._warnings.observe(check, at, seen.warned)
        self._settle(at)

    def _answered(self, check: CheckState) -> None:
        if check.path in self._topology.above:
            self._waiting.poke(check)
            if check.path in self._book.awaited:
                self._book.awaited.discard(check.path)
                self._drafts.touch(check)
        if check.line:
            for freed in self._waiting.answered(check):
                self._drafts.touch(freed)

    def _ask(self, check: CheckState) -> None:
        """Ask for probes at once when a check starts to fail."""
        if check.bad.n == 1:
            self._ask_around(check)
        if check.outside and self._vantage.all_down and not self._vantage.isolated:
            self._drafts.probe |= dict.fromkeys(self._topology.outside)

    def _ask_around(self, check: CheckState) -> None:
        wanted = dict.fromkeys(self._topology.ancestors[check.path])
        if check.line:
            wanted |= dict.fromkeys(self._topology.vantage)
        wanted.pop(check.path, None)
        self._drafts.probe |= wanted

    # What is due by itself

    def _reach(self, at: Instant) -> None:
        if at <= self._now:
            if at < self._now:
                raise ValueError(f"time goes back from {self._now} to {at}")
            return
        due = self.next_due()
        while due is not None and due <= at:
            if due > self._now:
                self._end_instant()
                self._now = due
            self._run_due(self._now)
            due = self.next_due()
        if at > self._now:
            self._end_instant()
            self._now = at

    def _run_due(self, at: Instant) -> None:
        gone = []
        while self._stale and self._stale[0][0] <= at:
            check = heappop(self._stale)[2]
            seen = check.observed
            if seen is not None and seen + check.span > at:
                # It has been observed since it was put here.
                heappush(self._stale, (seen + check.span, check.order, check))
            else:
                check.queued = False
                gone.append(check)
        for check in gone:
            check.stale = True
            check.clear_runs()
            self._warnings.clear(check)
            if check.state is not State.UNKNOWN:
                self._change(check, State.UNKNOWN, since=at, at=at)
        if self._waiting.run_due(at) or gone:
            self._settle(at)

    def _queue(self, check: CheckState, at: Instant) -> None:
        check.queued = True
        heappush(self._stale, (at + check.span, check.order, check))

    # What follows

    def _change(
        self, check: CheckState, state: State, *, since: Instant, at: Instant
    ) -> None:
        old = check.state
        check.enter(state, since, at)
        self._drafts.change(check, state, since=since, at=at)
        self._count(check, old, state)
        if state.bad:
            self._waiting.poke(check)
            if check.pending is None and not check.member:
                self._waiting.add(check, at)
                self._ask_around(check)
            return
        if check.pending is not None:
            self._waiting.drop(check)
        if state is State.UP and check.incident is not None:
            self._risen.append(check)

    def _count(self, check: CheckState, old: State, new: State) -> None:
        for id_ in self._topology.services_of.get(check.path, ()):
            tally = self._services[id_]
            was = tally.state
            tally.move(old, new)
            if tally.rule.contracted and tally.state is State.DOWN is not was:
                self._book.fell(id_)
        if check.vantage and old is not new:
            self._vantage.down += (new is State.DOWN) - (old is State.DOWN)
            if new is State.DOWN and self._vantage.all_down:
                self._drafts.probe |= dict.fromkeys(self._topology.outside)

    def _settle(self, at: Instant) -> None:
        """What the states bring about, in the order of `judging.md`."""
        if self._vantage.all_seen and self._vantage.becomes_isolated():
            self._isolate(at)
        released = self._waiting.release(at)
        if released:
            self._opening.open_all(released, at)
        if self._risen:
            risen, self._risen = self._risen, []
            for check in risen:
                if check.state is State.UP:
                    self._book.leave(check, at)

    def _isolate(self, at: Instant) -> None:
        since = self._vantage.lost
        if since is None:
            return
        self._vantage.isolated = since
        self._drafts.isolation.append(Isolation(since=since, until=None))
        for check in self._vantage.outside:
            self._blind(check, since, at)
        self._book.agent_isolated(self._vantage.vantage, since, at)
        for check in self._vantage.vantage:
            if check.pending is not None:
                self._waiting.drop(check)
                self._drafts.touch(check)

    def _blind(self, check: CheckState, since: Instant, at: Instant) -> None:
        withdrawn = check.withdraw(since)
        if withdrawn:
            self._drafts.changes.append(
                Withdrawal(check=check.path, since=since, decided=at)
            )
        if withdrawn or check.state is not State.UNKNOWN:
            self._change(check, State.UNKNOWN, since=since, at=at)
        check.clear_runs()
        self._warnings.clear(check)

    def _end_isolation(self, at: Instant) -> None:
        since = self._vantage.isolated
        if since is None:
            return
        self._vantage.isolated = None
        self._drafts.isolation.append(Isolation(since=since, until=at))
        self._book.agent_back(at)
        for check in self._vantage.vantage:
            if check.state is State.DOWN:
                self._change(check, State.UNKNOWN, since=at, at=at)
                check.clear_runs()

    # Results

    def _end_instant(self) -> None:
        self._book.rate(self._now)
        if self._drafts.drafts:
            drafts, self._drafts.drafts = self._drafts.drafts, []
            self._stages += fill_in(drafts, self._book, self._now)

    def _finish(self) -> Batch:
        if self._waiting.muted:
            self._waiting.look_at_muted()
            self._settle(self._now)
        self._end_instant()
        drafts = self._drafts
        isolated = self._vantage.isolated
        batch = Batch(
            changes=tuple(drafts.changes),
            stages=tuple(self._stages),
            isolation=tuple(drafts.isolation),
            checks=tuple(map(check_memory, drafts.checks.values())),
            incidents=tuple(
                incident_memory(one, isolated) for one in drafts.incidents.values()
            ),
            probe=tuple(drafts.probe),
        )
        self._stages = []
        drafts.clear()
        return batch
