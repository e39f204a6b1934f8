"""What outlives a restart, and how it comes back (`judge.batch`).

A restart clears what was being confirmed, as `agent stop` does; so runs need no
memory. Who is a member of what, since when a check is pending and when it last
answered do.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from scudo_agent.incident import AGENT, Rule, split_subject
from scudo_agent.instant import Instant
from scudo_agent.judge.batch import CheckMemory, IncidentMemory
from scudo_agent.judge.book import Book
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.incidents import Incident
from scudo_agent.judge.vantage import Vantage
from scudo_agent.judge.waiting import Waiting
from scudo_agent.judge.warn import Warnings
from scudo_agent.model import State


def check_memory(check: CheckState) -> CheckMemory:
    """A check's memory as it is now."""
    pending = check.pending
    data = {
        "incident": check.incident.id if check.incident is not None else None,
        "was": list(check.was) or None,
        "pending": _pending_since(check),
        "line": pending.line if pending is not None else None,
        "answered": check.answered,
        "cleared": check.cleared,
        "fell": check.fell,
    }
    return CheckMemory(
        check=check.path,
        state=check.state,
        since=check.since or Instant(0),
        decided=check.decided or Instant(0),
        before=check.before,
        definition=check.rule.definition,
        data={key: value for key, value in data.items() if value is not None},
    )


def incident_memory(incident: Incident, isolated: Instant | None) -> IncidentMemory:
    """An incident's memory as it is now."""
    own = incident.kind == AGENT
    data = {
        "number": incident.number,
        "started": incident.started,
        "rule": incident.rule.value if incident.rule is not None else None,
        "latest_up": incident.latest_up,
        "previous": incident.previous,
        "linked": list(incident.linked) or None,
        "retired": incident.retired or None,
        "tied_to": incident.tied_to,
        "isolated": isolated if own and incident.recovered is None else None,
        "members": [check.path for check in incident.members] if own else None,
    }
    return IncidentMemory(
        incident=incident.id,
        subject=incident.subject,
        since=incident.since,
        opened=incident.opened,
        severity=incident.severity,
        recovered=incident.recovered,
        data={key: value for key, value in data.items() if value is not None},
    )


class Restorer:
    """Puts memories back; the site file may have changed meanwhile."""

    def __init__(
        self,
        book: Book,
        vantage: Vantage,
        waiting: Waiting,
        notices: Iterable[Warnings],
    ) -> None:
        self._book = book
        self._vantage = vantage
        self._waiting = waiting
        self._notices = tuple(notices)
        self._incidents: dict[str, Incident] = {}

    def incidents(self, memories: Iterable[IncidentMemory]) -> None:
        """Open incidents, and recovered ones that may re-open, without members."""
        ordered = sorted(memories, key=lambda one: (one.opened, one.incident))
        for place, memory in enumerate(ordered, start=1):
            data: Mapping[str, Any] = memory.data
            incident = _incident(memory, place)
            self._incidents[incident.id] = incident
            self._book.next_number = max(self._book.next_number, incident.number + 1)
            if incident.retired:
                continue
            if incident.recovered is not None:
                if incident.tied_to is None:
                    self._book.remember(incident)
                continue
            if incident.tied_to is not None:
                continue
            self._book.open[incident.subject] = incident
            if incident.kind == AGENT:
                self._isolated(incident, data)
            check = self._book.checks.get(split_subject(incident.subject)[1])
            if check is not None:
                for notices in self._notices:
                    notices.restore(incident, check)
        self._tie()

    def _tie(self) -> None:
        for incident in self._incidents.values():
            to = self._incidents.get(incident.tied_to or "")
            if incident.recovered is None and to is not None:
                self._book.tie(incident, to)

    def states(self, memories: Mapping[str, CheckMemory]) -> None:
        """States and answers; a changed definition restarts confirmation."""
        for path, memory in memories.items():
            check = self._book.checks[path]
            data: Mapping[str, Any] = memory.data
            self._state(check, memory)
            check.before = memory.before
            check.answered = data.get("answered")
            check.cleared = data.get("cleared")
            check.fell = data.get("fell", check.fell)
            if memory.definition != check.rule.definition:
                check.before = check.fell = None
                check.redefined = check.state is not State.UNKNOWN

    def members(self, memories: Mapping[str, CheckMemory]) -> None:
        """Who is a member of what; what is bad and is not one is pending."""
        pending: list[tuple[Instant, CheckState, bool]] = []
        for path, memory in memories.items():
            check = self._book.checks[path]
            data: Mapping[str, Any] = memory.data
            since = data.get("pending", memory.decided)
            incident = self._incidents.get(data.get("incident", ""))
            if incident is not None and incident.recovered is None:
                self._book.join(incident, check, since)
            elif check.state.bad and not check.in_agent and not check.redefined:
                pending.append((since, check, data.get("line", True)))
            if not check.member:
                self._waiting.left_waiting(check)
            self._left(check, data)
        for since, check, line in sorted(pending, key=lambda one: one[0]):
            self._waiting.add(check, since, line=line)
        self._waiting.restored = True

    def without_members(self) -> list[Incident]:
        """Open incidents whose members have all gone out of the site file."""
        return [
            incident
            for incident in self._book.open.values()
            if not incident.members and incident.kind != AGENT
        ]

    def _state(self, check: CheckState, memory: CheckMemory) -> None:
        check.enter(memory.state, memory.since, memory.decided)
        for id_ in self._book.topology.services_of.get(check.path, ()):
            self._book.services[id_].move(State.UNKNOWN, check.state)
        if check.vantage and check.state is State.DOWN:
            self._vantage.down += 1

    def _isolated(self, incident: Incident, data: Mapping[str, Any]) -> None:
        self._vantage.isolated = Instant(data.get("isolated", incident.since))
        for path in data.get("members", ()):
            check = self._book.checks.get(path)
            if check is not None:
                check.in_agent = True
                incident.take(check, incident.started, ())

    def _left(self, check: CheckState, data: Mapping[str, Any]) -> None:
        for identity in data.get("was", ()):
            incident = self._incidents.get(identity)
            if incident is not None and incident.recovered is None:
                check.was = (*check.was, identity)
                incident.were.setdefault(check)


def _pending_since(check: CheckState) -> Instant | None:
    if check.pending is not None:
        return check.pending.since
    return None if check.incident is None else check.incident.members[check]


def _incident(memory: IncidentMemory, place: int) -> Incident:
    data: Mapping[str, Any] = memory.data
    incident = Incident(
        memory.incident,
        memory.subject,
        since=memory.since,
        at=memory.opened,
        number=data.get("number", place),
    )
    incident.started = data.get("started", memory.opened)
    incident.severity = memory.severity
    incident.rule = Rule(data["rule"]) if "rule" in data else None
    incident.recovered = memory.recovered
    incident.retired = data.get("retired", False)
    incident.latest_up = data.get("latest_up")
    incident.previous = data.get("previous")
    incident.tied_to = data.get("tied_to")
    incident.linked = dict.fromkeys(data.get("linked", ()))
    return incident
