"""Incidents that the desk has open and this agent's memory does not know.

An agent whose store was lost begins with nothing; the desk tells it what is still
open (`reliability.md` 1.7). An adopted incident goes on as after a restart: its
members are unknown, and the first observations say which of them are still bad.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scudo_agent.incident import AGENT, Rule, split_subject
from scudo_agent.instant import Instant
from scudo_agent.judge.book import Book
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.incidents import Incident
from scudo_agent.judge.waiting import Waiting
from scudo_agent.judge.warn import Warnings
from scudo_agent.model import Kind, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundling:
    """An incident as the desk has it; `members` with the states it last heard of."""

    incident: str
    subject: str
    since: Instant
    opened: Instant
    severity: int | None
    rule: str | None
    members: Mapping[str, State]


class Adoption:
    """Puts foundlings into the book of incidents."""

    def __init__(
        self, book: Book, waiting: Waiting, notices: Iterable[Warnings]
    ) -> None:
        self._book = book
        self._waiting = waiting
        self._notices = tuple(notices)

    def take(self, found: Foundling, at: Instant) -> None:
        """Go on with an incident, or end it where nothing is left of it."""
        book = self._book
        if any(one.id == found.incident for one in book.open.values()):
            return
        book.forget(found.incident)
        incident = self._incident(found)
        standing = book.open.get(found.subject)
        if standing is not None:
            book.tie(incident, standing)
        elif found.subject == AGENT:
            # The desk answers: whatever cut the lost agent off is over.
            book.open[AGENT] = incident
            book.recover(incident, at, at)
        elif incident.rated:
            self._rated(incident, found, at)
        else:
            self._notice(incident, at)

    def _incident(self, found: Foundling) -> Incident:
        number, self._book.next_number = (
            self._book.next_number,
            self._book.next_number + 1,
        )
        incident = Incident(
            found.incident,
            found.subject,
            since=found.since,
            at=found.opened,
            number=number,
        )
        incident.severity = found.severity
        incident.rule = None if found.rule is None else Rule(found.rule)
        self._book.drafts.incidents[incident.id] = incident
        return incident

    def _rated(self, incident: Incident, found: Foundling, at: Instant) -> None:
        book = self._book
        known = [book.checks[path] for path in found.members if path in book.checks]
        free = [check for check in known if not check.member]
        taken = [check.incident for check in known if check.incident is not None]
        if not free and taken:
            book.tie(incident, taken[0])
            return
        book.open[incident.subject] = incident
        if not free:
            book.retire(incident, at)
            return
        for check in free:
            self._join(incident, check, found.members[check.path], at)
        book.drafts.stage(Kind.NOTE, incident, at=at)
        for check in free:
            if check.state is State.UP:
                book.leave(check, at)

    def _join(
        self, incident: Incident, check: CheckState, was: State, at: Instant
    ) -> None:
        if check.state is State.UNKNOWN and was.bad:
            check.before = was
        pending = at if check.pending is None else check.pending.since
        self._waiting.drop(check)
        self._book.join(incident, check, pending)
        self._book.drafts.touch(check)

    def _notice(self, incident: Incident, at: Instant) -> None:
        """A warning or a forecast, if its check is still asked for one."""
        book = self._book
        book.open[incident.subject] = incident
        check = book.checks.get(split_subject(incident.subject)[1])
        if check is not None:
            for notices in self._notices:
                notices.restore(incident, check)
        if not incident.members:
            book.retire(incident, at)
            return
        book.drafts.stage(Kind.NOTE, incident, at=at)
