"""The judge: events in, changes of state and stages of incidents out.

`judging.md`, whole. Pure: no clock, no I/O; the time is that of the events. The
running agent and `replay` feed the same object.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scudo_agent.instant import Instant
from scudo_agent.judge.adoption import Foundling
from scudo_agent.judge.batch import (
    Batch,
    CheckMemory,
    IncidentMemory,
    IncidentStage,
)
from scudo_agent.judge.holds import Hold
from scudo_agent.judge.memory import Restorer, check_memory, incident_memory
from scudo_agent.judge.reload import reload
from scudo_agent.judge.scene import Scene
from scudo_agent.judge.service import service_timeline
from scudo_agent.judge.site import JudgeSite
from scudo_agent.judge.stages import fill_in
from scudo_agent.judge.views import CheckView, IncidentView, check_view, incident_view
from scudo_agent.model import Observation, State


@dataclass(frozen=True, slots=True)
class AgentStart:
    """The agent began to observe."""

    at: Instant


@dataclass(frozen=True, slots=True)
class AgentStop:
    """The agent ceased to observe: a clean stop, or a killed agent's last sign."""

    at: Instant


@dataclass(frozen=True, slots=True)
class HoldsSet:
    """These windows and mutes hold openings back, from now on; no others do."""

    at: Instant
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class PausesSet:
    """These checks are not probed from now on; all others are.

    A check that becomes one of them is unknown since this instant. What is
    observed of it meanwhile is ignored; isolation is told without it.
    """

    at: Instant
    checks: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReopenSet:
    """A relapse within so much time re-opens its incident, from now on.

    A contract that its desk changed says so. Incidents that ended before are held
    against it too, as far as they are still remembered.
    """

    at: Instant
    reopen_us: int


@dataclass(frozen=True, slots=True)
class Adopted:
    """The desk has these incidents open, and the agent's store was lost."""

    at: Instant
    found: tuple[Foundling, ...]


Event = (
    AgentStart | AgentStop | HoldsSet | PausesSet | ReopenSet | Adopted | Observation
)


class Judge:
    """States, isolation and incidents of one site.

    `new_id` makes the identity of an incident that opens at an instant. `holds`
    are the windows and mutes that are known before the first event.
    """

    def __init__(
        self,
        site: JudgeSite,
        *,
        new_id: Callable[[Instant], str],
        holds: Iterable[Hold] = (),
    ) -> None:
        self._scene = Scene(site, new_id=new_id, holds=holds)
        self._stages: list[IncidentStage] = []
        self._now = Instant(0)

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
                self._scene.observe(event)
            elif isinstance(event, AgentStart):
                self._scene.start(event.at)
            elif isinstance(event, HoldsSet):
                self._scene.hold(event.holds, event.at)
            elif isinstance(event, PausesSet):
                self._scene.pause(event.checks, event.at)
            elif isinstance(event, Adopted):
                self._scene.adopt(event.found, event.at)
            elif isinstance(event, ReopenSet):
                self._scene.book.topology.reopen_within(event.reopen_us)
            else:
                self._scene.stop(event.at)
        return self._finish()

    def advance(self, t: Instant) -> Batch:
        """Do what is due by itself up to and including `t`; `t` is over then."""
        self._reach(t)
        return self._finish()

    def next_due(self) -> Instant | None:
        """No later than the next instant at which something is due by itself."""
        return self._scene.next_due()

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
        scene = self._scene
        known = {one.check: one for one in checks if one.check in scene.checks}
        kept = list(incidents)
        notices = (scene.warnings, scene.forecasts)
        restorer = Restorer(scene.book, scene.vantage, scene.waiting, notices)
        restorer.incidents(kept)
        restorer.states(known)
        restorer.members(known)
        scene.running = True
        latest = [memory.decided for memory in known.values()]
        latest += [memory.opened for memory in kept]
        self._now = max(latest, default=self._now)
        for incident in restorer.without_members():
            scene.book.retire(incident, self._now if at is None else at)
        return self._finish()

    def reload(self, site: JudgeSite, at: Instant) -> Batch:
        """Judge by another site file from `at` on, which is no earlier than any
        event so far. What it says as the old one did stays as it is.
        """
        self._reach(at)
        reload(self._scene, site, at)
        return self._finish()

    # How things stand

    def state(self, check: str) -> CheckView:
        """A check just now."""
        return check_view(self._scene.checks[check])

    def service(self, service: str) -> tuple[State, Instant | None]:
        """A service's state, and since when by its members' recent timelines."""
        scene = self._scene
        tally = scene.services[service]
        members = [scene.checks[path].recent for path in tally.rule.checks]
        timeline = service_timeline(members, tally.need)
        return tally.state, timeline[-1][1] if timeline else None

    @property
    def isolated(self) -> Instant | None:
        """Since when the agent is isolated, None while it is not."""
        return self._scene.vantage.isolated

    def held_since(self) -> Instant | None:
        """The earliest date of a bad state that only a window or a mute hides."""
        return self._scene.waiting.held_since()

    def open_incidents(self) -> tuple[IncidentView, ...]:
        """Every open incident, in the order in which they opened."""
        ordered = sorted(self._scene.book.open.values(), key=lambda one: one.number)
        return tuple(map(incident_view, ordered))

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
            self._scene.run_due(self._now)
            due = self.next_due()
        if at > self._now:
            self._end_instant()
            self._now = at

    # Results

    def _end_instant(self) -> None:
        scene = self._scene
        scene.book.rate(self._now)
        if scene.drafts.drafts:
            happened, scene.drafts.drafts = scene.drafts.drafts, []
            self._stages += fill_in(happened, scene.book, self._now)

    def _finish(self) -> Batch:
        scene = self._scene
        self._end_instant()
        drafts, isolated = scene.drafts, scene.vantage.isolated
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
