"""Which incident a bad check opens, joins or re-opens (`judging.md` 4)."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from scudo_agent.incident import check_subject, service_subject, split_subject
from scudo_agent.instant import Instant
from scudo_agent.judge.book import Book
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.incidents import Incident
from scudo_agent.judge.topology import Topology
from scudo_agent.judge.waiting import Waiting
from scudo_agent.model import Kind, State


class Opening:
    """The rules of opening, applied to checks that nothing holds."""

    def __init__(self, topology: Topology, book: Book, waiting: Waiting) -> None:
        self._topology = topology
        self._book = book
        self._waiting = waiting

    def use(self, topology: Topology) -> None:
        """Go by another site file."""
        self._topology = topology

    def open_all(self, released: Iterable[CheckState], at: Instant) -> None:
        """Open one after the other, ancestors first, else in file order."""
        for check in self._in_turn(list(released)):
            if check.pending is not None:
                self._open(check, at)

    def _in_turn(self, released: list[CheckState]) -> Iterable[CheckState]:
        if len(released) < 2:
            return released
        checks = {check.path: check for check in released}
        before: dict[str, int] = {}
        after: dict[str, list[CheckState]] = {}
        for check in released:
            above = [p for p in self._topology.ancestors[check.path] if p in checks]
            before[check.path] = len(above)
            for path in above:
                after.setdefault(path, []).append(check)
        ready = [(c.order, c.path) for c in released if not before[c.path]]
        heapify(ready)
        out: list[CheckState] = []
        while ready:
            path = heappop(ready)[1]
            out.append(checks[path])
            for check in after.get(path, ()):
                before[check.path] -= 1
                if not before[check.path]:
                    heappush(ready, (check.order, check.path))
        return out

    def _open(self, check: CheckState, at: Instant) -> None:
        root = self._root(check)
        subject = self._subject(check, root)
        incident = self._standing(check, root, subject)
        if incident is not None:
            self._join(incident, check, at)
            if root is not None and not root.member:
                self._join(incident, root, at)
            return
        cause = root if root is not None else check
        incident = self._below(cause)
        if incident is not None:
            self._book.rename(incident, check_subject(cause.path))
            self._take(incident, cause, at)
            self._book.drafts.stage(Kind.ROOT, incident, at=at, joined=cause.path)
            if check is not cause:
                self._join(incident, check, at)
            return
        since = check.since if check.since is not None else at
        incident = self._book.may_reopen(subject, since)
        if incident is not None:
            self._book.begin_again(incident, at)
        else:
            incident = self._book.begin(subject, since, at)
        self._take(incident, check, at)
        if root is not None and not root.member:
            self._take(incident, root, at)

    def _root(self, check: CheckState) -> CheckState | None:
        """The topmost ancestor that is as bad as the check."""
        checks = self._book.checks
        if check.state is State.DOWN:
            root = self._topology.root(
                check.path, lambda path: checks[path].state is State.DOWN
            )
        else:
            root = self._topology.root(check.path, lambda path: checks[path].state.bad)
        return None if root is None else checks[root]

    def _subject(self, check: CheckState, root: CheckState | None) -> str:
        if root is not None:
            return check_subject(root.path)
        for service in self._topology.services_of.get(check.path, ()):
            tally = self._book.services[service]
            if tally.rule.contracted and tally.state is not State.UP:
                return service_subject(service)
        return check_subject(check.path)

    def _standing(
        self, check: CheckState, root: CheckState | None, subject: str
    ) -> Incident | None:
        """The open incident that the check joins by its root or its subject."""
        if root is not None and root.incident is not None:
            return root.incident
        if root is None:
            own = self._book.open.get(check_subject(check.path))
            if own is not None:
                return own
        return self._book.open.get(subject)

    def _below(self, cause: CheckState) -> Incident | None:
        """The open incident of which `cause` turns out to be the root."""
        if cause.path not in self._topology.above:
            return None
        for incident in sorted(self._book.open.values(), key=lambda one: one.number):
            if incident.rated and self._explains(cause, incident):
                return incident
        return None

    def _explains(self, cause: CheckState, incident: Incident) -> bool:
        below = self._topology.below
        kind, name = split_subject(incident.subject)
        if kind != "service" and not below(name, cause.path):
            return False
        if not all(below(member.path, cause.path) for member in incident.members):
            return False
        earliest = min(incident.members.values())
        return cause.cleared is None or cause.cleared < earliest

    def _join(self, incident: Incident, check: CheckState, at: Instant) -> None:
        self._take(incident, check, at)
        self._book.drafts.stage(Kind.JOIN, incident, at=at, joined=check.path)

    def _take(self, incident: Incident, check: CheckState, at: Instant) -> None:
        if check.pending is not None and incident.started == at:
            held = (*incident.held, *check.pending.held)
            incident.held = tuple(dict.fromkeys(held))
        self._book.take(incident, check, at)
        self._waiting.drop(check)
