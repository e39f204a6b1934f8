"""From a judgement to what the desk is told: evidence, titles, lengths.

Judging speaks of paths and states; a ticket must be complete without asking
anyone back (`domain.md` 5). This room joins the two: it keeps the recent changes
of each check, what each was last seen to say, and writes the stages.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from scudo_agent import intervals
from scudo_agent.config import desk_answer
from scudo_agent.config.site import Check, Service, Site, ancestors
from scudo_agent.incident import Rule, check_subject, split_subject
from scudo_agent.instant import HOUR, Instant, format_instant
from scudo_agent.judge.batch import Change, IncidentStage, Member, Withdrawal
from scudo_agent.judge.forecast import Forecast, words
from scudo_agent.judge.service import check_timeline, service_timeline
from scudo_agent.model import Kind, Result, State
from scudo_agent.store.values import Seen
from scudo_agent.text import Text
from scudo_agent.wire import Cost, Evidence, Named, Outage, PendingStage

AGENT_SUBJECT = "agent"
_KEEP_US = HOUR
_WORST = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP)

_NOTICES = (Rule.S4, Rule.S5)
"""Rules of what limits nothing yet."""

Points = Sequence[tuple[State, Instant]]
"""A timeline: each state holds from its instant to the next one's."""

CostOf = Callable[[Mapping[str, Points], intervals.Interval], Cost | None]
"""Takes the timelines of contracted services, and since when to when it lasted."""

HeldNote = Callable[[IncidentStage, Mapping[str, Points]], Text]
"""Takes a stage and the timelines of the contracted services it takes along."""


def lengths(points: Points, since: Instant, until: Instant) -> dict[State, int]:
    """Microseconds of each state within `[since, until)`.

    Time before the first point is `unknown` (`domain.md` 3).
    """
    known = intervals.lengths(points, (since, until))
    spent = {state: known.get(state, 0) for state in State}
    spent[State.UNKNOWN] += max(until - since, 0) - sum(known.values())
    return spent


class Chronicle:
    """The recent changes of each check: enough for every open incident."""

    def __init__(self) -> None:
        self._changes: dict[str, list[Change | Withdrawal]] = defaultdict(list)

    def add(self, changes: Iterable[Change | Withdrawal], *, keep: Instant) -> None:
        """Note changes; what ended more than an hour before `keep` may go."""
        for change in changes:
            kept = self._changes[change.check]
            kept.append(change)
            while len(kept) > 2 and kept[1].decided < keep - _KEEP_US:
                del kept[0]

    def timeline(self, check: str) -> Points:
        """States of one check as they count, withdrawn ones left out."""
        return check_timeline(self._changes.get(check, ()))

    def service(self, service: Service) -> Points:
        """States of a service, from its members' timelines."""
        members = [self.timeline(check) for check in service.checks]
        return service_timeline(members, service.need)


class StageWriter:
    """Writes the stages of one site's incidents."""

    def __init__(
        self,
        site: Site,
        chronicle: Chronicle,
        *,
        foreseen: Callable[[str], Forecast | None] = lambda _path: None,
    ) -> None:
        self._foreseen = foreseen
        self._chronicle = chronicle
        self.use(site)
        self.held_note: HeldNote | None = None
        """Says of an opening what put it off, and how much of it counts."""
        self.cost: CostOf | None = None
        """Says of a recovery what it cost of the year's budgets."""

    def use(self, site: Site) -> None:
        """Write for another version of the site file."""
        self._site = site
        self._ancestors = ancestors(site)

    def write(
        self, stage: IncidentStage, seen: Mapping[str, Seen], *, note: Text | None
    ) -> PendingStage:
        """The stage as the desk gets it, with the evidence of this moment."""
        severity = stage.severity
        if note is None and stage.held and self.held_note is not None:
            note = self.held_note(stage, self._timelines(stage))
        return PendingStage.model_validate(
            {
                "incident_id": stage.incident,
                "kind": stage.kind,
                "at": format_instant(stage.at),
                "subject_key": stage.subject,
                "subject": self.subject(stage.subject),
                "since": format_instant(stage.since),
                "severity": severity,
                "rule": stage.rule,
                "audience": self.audience(stage.subject),
                "members": [self._evidence(m, stage, seen) for m in stage.members],
                "affected": [self._service(name) for name in stage.affected],
                "linked": list(stage.linked),
                "previous": stage.previous,
                "outage": self._outage(stage),
                "note": note.to_json() if note else None,
            }
        )

    @staticmethod
    def audience(subject: str) -> str:
        """What is about the agent or the desk is for the provider's eyes only.

        A customer can do nothing about a desk that does not answer, and hears of it
        only once it does again.
        """
        own = (AGENT_SUBJECT, check_subject(desk_answer.PATH))
        return "provider" if subject in own else "customer"

    def subject(self, subject: str) -> Named:
        """The subject as people call it: a service's title or a check's path."""
        kind, name = split_subject(subject)
        if kind == "service":
            return self._service(name)
        return Named(id=subject, title={"en": name} if name else {})

    def _service(self, name: str) -> Named:
        service = self._site.services.get(name)
        title = dict(service.title) if service else {}
        return Named(id=f"service:{name}", title=title)

    def _evidence(
        self, member: Member, stage: IncidentStage, seen: Mapping[str, Seen]
    ) -> Evidence:
        check = self._site.checks.get(member.check)
        last = seen.get(member.check)
        return Evidence(
            check=member.check,
            state=member.state,
            since=format_instant(member.since),
            kind=check.kind if check else "",
            endpoint=_endpoint(check),
            seen=self._seen(member.check, stage, last),
            # Of a warning, and of a good answer, nothing else was expected.
            expected=None if stage.rule in _NOTICES else _expected(last),
            reproduce=_reproduce(check),
            last_good=(
                format_instant(last.last_good) if last and last.last_good else None
            ),
        )

    def _seen(
        self, check: str, stage: IncidentStage, last: Seen | None
    ) -> dict[str, object] | None:
        """What was seen last; of a forecast where that leads to."""
        if stage.rule == Rule.S5 and stage.kind is not Kind.RECOVER:
            forecast = self._foreseen(check)
            if forecast is not None:
                return words(forecast).to_json()
        return last.seen.to_json() if last else None

    def _outage(self, stage: IncidentStage) -> Outage | None:
        if stage.kind is not Kind.RECOVER or stage.until is None:
            return None
        spent = self._spent(stage, stage.until)
        return Outage(
            since=format_instant(stage.since),
            until=format_instant(stage.until),
            down_us=spent[State.DOWN],
            degraded_us=spent[State.DEGRADED],
            unknown_us=spent[State.UNKNOWN],
            up_us=spent[State.UP],
            budget=self._cost(stage, stage.until),
        )

    def _cost(self, stage: IncidentStage, until: Instant) -> Cost | None:
        """None where no contracted service is part of it."""
        if self.cost is None or stage.rule in _NOTICES:
            return None
        timelines = self._timelines(stage)
        return self.cost(timelines, (stage.since, until)) if timelines else None

    def _spent(self, stage: IncidentStage, until: Instant) -> dict[State, int]:
        """Lengths of the worst contracted service that the incident took along.

        Of an incident that took none along: of all its checks together, the worst
        of them at each instant.
        """
        checks = {member.check for member in stage.members}
        timelines = list(self._timelines(stage).values())
        if not timelines or stage.rule in _NOTICES:
            timelines = [worst([self._chronicle.timeline(check) for check in checks])]
        spent = [lengths(points, stage.since, until) for points in timelines]
        return max(spent, key=lambda one: (one[State.DOWN], one[State.DEGRADED]))

    def _timelines(self, stage: IncidentStage) -> dict[str, Points]:
        """Of the contracted services that the incident takes along."""
        checks = {member.check for member in stage.members}
        return {
            service.id: self._chronicle.service(service)
            for service in self._site.services.values()
            if service.contracted and self._touches(checks, service)
        }

    def _touches(self, checks: set[str], service: Service) -> bool:
        """Whether the service has one of the checks, or one below one."""
        return any(
            check in checks or not checks.isdisjoint(self._ancestors[check])
            for check in service.checks
        )


def worst(timelines: Iterable[Points]) -> Points:
    """The worst state of several timelines at each instant: down, degraded,
    unknown, up. Before its first point a timeline is unknown."""
    changes = sorted(
        (since, place, state)
        for place, points in enumerate(timelines)
        for state, since in points
    )
    held: dict[int, State] = {}
    merged: list[tuple[State, Instant]] = []
    for since, place, state in changes:
        held[place] = state
        intervals.enter(merged, min(held.values(), key=_WORST.index), since)
    return merged


def _endpoint(check: Check | None) -> str:
    return check.settings.endpoint(check.target.address) if check else ""


def _reproduce(check: Check | None) -> str:
    return check.settings.reproduce(check.target.address) if check else ""


def _expected(seen: Seen | None) -> dict[str, object] | None:
    if seen is None or seen.expected is None or seen.result is Result.GOOD:
        return None
    return seen.expected.to_json()
