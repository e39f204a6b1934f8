"""The book of incidents: who is a member of which, and what happened to them.

Membership, openings, recoveries and severity (`judging.md` 4). Which incident a
check opens or joins is decided in `judge.opening`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from scudo_agent.incident import AGENT, Rule, forecast_subject, warn_subject
from scudo_agent.instant import Instant
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.drafts import Drafts
from scudo_agent.judge.incidents import Incident
from scudo_agent.judge.service import ServiceTally
from scudo_agent.judge.topology import Topology
from scudo_agent.model import Kind, State

_REMEMBERED = 8
"""Recovered incidents of one subject that may still re-open, the latest ones."""

_LEFT = 4
"""Incidents that a check has left and whose recovery names it, the latest ones."""


class Book:
    """Open incidents by subject, recovered ones that may re-open, and ratings.

    `open` holds every open incident; those of checks and services in the order
    of their numbers. `awaited` are ancestors of members that have not answered
    since the member became pending: a later root turns on that answer.
    """

    def __init__(
        self,
        topology: Topology,
        checks: Mapping[str, CheckState],
        services: Mapping[str, ServiceTally],
        *,
        drafts: Drafts,
        new_id: Callable[[Instant], str],
    ) -> None:
        self.topology = topology
        self.checks = checks
        self.services = services
        self.drafts = drafts
        self.open: dict[str, Incident] = {}
        self.awaited: set[str] = set()
        self.next_number = 1
        self._new_id = new_id
        self._recovered: dict[str, list[Incident]] = {}
        self._joined: dict[Incident, dict[CheckState, None]] = {}
        self._fallen: dict[str, None] = {}

    def use(self, topology: Topology) -> None:
        """Go by another site file; its checks and services are in place."""
        self.topology = topology
        self.awaited &= topology.above
        self.awaited |= {
            path
            for incident in self.open.values()
            if incident.kind != AGENT
            for check, pending in incident.members.items()
            if check.incident is incident
            for path in topology.ancestors[check.path]
            if not self.checks[path].answered_since(pending)
        }

    # Beginning and ending

    def begin(self, subject: str, since: Instant, at: Instant) -> Incident:
        """A new incident of the subject; its members are taken next."""
        number, self.next_number = self.next_number, self.next_number + 1
        identity = self._new_id(at)
        incident = Incident(identity, subject, since=since, at=at, number=number)
        last = self.last_recovered(subject)
        incident.previous = None if last is None else last.id
        self.open[subject] = incident
        self.drafts.stage(Kind.OPEN, incident, at=at)
        return incident

    def begin_again(self, incident: Incident, at: Instant) -> None:
        """A recovered incident re-opens."""
        self._recovered[incident.subject].remove(incident)
        for check in incident.were:
            check.was = tuple(id_ for id_ in check.was if id_ != incident.id)
            self.drafts.touch(check)
        incident.restart(at)
        self.open[incident.subject] = incident
        self.drafts.stage(Kind.REOPEN, incident, at=at)

    def last_recovered(self, subject: str) -> Incident | None:
        """The subject's recovered incident with the latest date.

        Of equal ones the one that opened first.
        """
        known = self._recovered.get(subject)
        return max(known, key=_latest, default=None) if known else None

    def may_reopen(self, subject: str, since: Instant) -> Incident | None:
        """The recovered incident that a relapse dated `since` re-opens."""
        last = self.last_recovered(subject)
        if last is None or last.recovered is None:
            return None
        near = since - last.recovered < self.topology.site.reopen_us
        return last if near else None

    def recover(self, incident: Incident, at: Instant, until: Instant) -> None:
        """The incident ends, dated `until`."""
        del self.open[incident.subject]
        incident.recovered = until
        self.remember(incident)
        self.drafts.stage(Kind.RECOVER, incident, at=at, until=until)
        for other in incident.untie():
            other.recovered = until
            self.drafts.stage(Kind.RECOVER, other, at=at, until=until)

    def remember(self, incident: Incident) -> None:
        """A recovered incident may re-open."""
        known = self._recovered.setdefault(incident.subject, [])
        known.append(incident)
        known.sort(key=_latest)
        del known[:-_REMEMBERED]

    def recovered(self) -> Iterator[Incident]:
        """Recovered incidents that may re-open."""
        for known in self._recovered.values():
            yield from known

    def retire(self, incident: Incident, at: Instant) -> None:
        """Its last member went out of the site file: not measured any more."""
        del self.open[incident.subject]
        incident.recovered = at
        incident.retired = True
        self.drafts.stage(Kind.RETIRE, incident, at=at)
        for other in incident.untie():
            other.recovered = at
            other.retired = True
            self.drafts.stage(Kind.RETIRE, other, at=at)

    def tie(self, incident: Incident, to: Incident) -> None:
        """The incident has no members of its own: it ends when the other does."""
        incident.tied_to = to.id
        to.tied = (*to.tied, incident)
        self.drafts.incidents[incident.id] = incident

    def forget(self, identity: str) -> None:
        """A recovered incident may re-open no more."""
        for known in self._recovered.values():
            known[:] = [one for one in known if one.id != identity]

    def rename(self, incident: Incident, subject: str) -> None:
        """The incident takes another subject."""
        del self.open[incident.subject]
        incident.subject = subject
        incident.kind = "check"
        self.open[subject] = incident

    # Members

    def take(self, incident: Incident, check: CheckState, at: Instant) -> None:
        """The check becomes a member; what it waited for is over."""
        since = check.since if check.since is not None else at
        incident.since = min(incident.since, since)
        pending = at if check.pending is None else check.pending.since
        self.join(incident, check, pending)
        self.link_notices(incident, check, at)
        self._joined.setdefault(incident, {})[check] = None
        self.drafts.touch(check)
        self.drafts.incidents[incident.id] = incident

    def join(self, incident: Incident, check: CheckState, pending: Instant) -> None:
        """Write the membership down, new or restored."""
        check.incident = incident
        check.was = tuple(id_ for id_ in check.was if id_ != incident.id)
        incident.take(check, pending, self.topology.under.get(check.path, ()))
        for path in self.topology.ancestors[check.path]:
            above = self.checks[path]
            if above.answered_since(pending):
                self.drafts.touch(above)
            else:
                self.awaited.add(path)

    def link(self, one: Incident, other: Incident) -> None:
        """Each incident names the other."""
        for this, that in ((one, other), (other, one)):
            this.linked[that.id] = None
            self.drafts.incidents[this.id] = this

    def link_notices(self, incident: Incident, check: CheckState, at: Instant) -> None:
        """Link an incident to the check's open warning and forecast."""
        for subject in (warn_subject(check.path), forecast_subject(check.path)):
            notice = self.open.get(subject)
            if notice not in (None, incident) and notice.id not in incident.linked:
                self.link(incident, notice)
                self.drafts.stage(Kind.NOTE, notice, at=at)

    def leave(self, check: CheckState, at: Instant) -> None:
        """A member that is up leaves; the last one lets the incident recover."""
        incident = check.incident
        if incident is None or check.since is None:
            return
        self.part(incident, check)
        latest = incident.latest_up
        incident.latest_up = check.since if latest is None else max(latest, check.since)
        if not incident.members:
            self.recover(incident, at, incident.latest_up)

    def part(self, incident: Incident, check: CheckState) -> None:
        """Take the membership away."""
        incident.release(check, self.topology.under.get(check.path, ()))
        check.incident = None
        check.was = (*check.was, incident.id)[-_LEFT:]
        self.drafts.touch(check)
        self.drafts.incidents[incident.id] = incident

    # The agent's own incident

    def agent_isolated(
        self, members: Iterable[CheckState], since: Instant, at: Instant
    ) -> None:
        """The incident with subject `agent` opens or re-opens."""
        incident = self.may_reopen(AGENT, since)
        if incident is None:
            incident = self.begin(AGENT, since, at)
        else:
            self.begin_again(incident, at)
            incident.since = min(incident.since, since)
        for check in members:
            check.in_agent = True
            incident.take(check, at, ())

    def agent_back(self, at: Instant) -> None:
        """The agent's incident recovers."""
        incident = self.open[AGENT]
        for check in list(incident.members):
            check.in_agent = False
            incident.release(check, ())
        self.recover(incident, at, at)

    # Severity

    def fell(self, service: str) -> None:
        """A contracted service went down in this instant."""
        self._fallen[service] = None

    def rate(self, at: Instant) -> None:
        """Severity at the end of the instant: 1 or 2, and it never falls."""
        for incident, joined in self._joined.items():
            if incident.recovered is None:
                present = [c for c in joined if c.incident is incident]
                self._rate(incident, present, at)
            elif incident.severity is None:
                incident.severity, incident.rule = 2, Rule.S3
        for service in self._fallen:
            if self.services[service].state is State.DOWN:
                for path in self.topology.watchers[service]:
                    touched = self.checks[path].incident
                    if touched is not None:
                        self._worsen(touched, 1, at)
        self._joined.clear()
        self._fallen.clear()

    @contextmanager
    def rated_at_once(self, at: Instant) -> Iterator[None]:
        """Rate what opens or is joined inside, before the instant is over."""
        before, self._joined = self._joined, {}
        yield
        for incident in self._joined:
            self._rate(incident, incident.members, at)
        for incident, joined in before.items():
            self._joined.setdefault(incident, {}).update(joined)

    def _rate(
        self, incident: Incident, members: Iterable[CheckState], at: Instant
    ) -> None:
        services = {
            service
            for check in members
            for service in self.topology.under.get(check.path, ())
        }
        down = any(self.services[id_].state is State.DOWN for id_ in services)
        self._worsen(incident, 1 if down else 2, at)

    def _worsen(self, incident: Incident, severity: int, at: Instant) -> None:
        if incident.severity is not None and incident.severity <= severity:
            return
        raised = incident.severity is not None and incident.started != at
        incident.severity = severity
        if raised:
            self.drafts.stage(Kind.RAISE, incident, at=at)
        self.drafts.incidents[incident.id] = incident


def _latest(incident: Incident) -> tuple[int, int]:
    return incident.recovered or 0, -incident.number
