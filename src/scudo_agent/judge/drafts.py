"""What one batch collects, and the stages of one instant (`judge.batch`).

A stage is written down when it happens and filled in at the end of its instant:
severity, members and services as they stand then.
"""

from dataclasses import dataclass, field

from scudo_agent.instant import Instant
from scudo_agent.judge.batch import Change, Isolation, Withdrawal
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.incidents import Incident
from scudo_agent.model import Kind, State


@dataclass(slots=True, kw_only=True)
class Draft:
    """A stage that has happened in the instant that is not over yet."""

    incident: Incident
    kind: Kind
    at: Instant
    joined: str | None = None
    until: Instant | None = None


@dataclass(slots=True)
class Drafts:
    """Everything that has changed since the last batch was taken.

    `drafts` are the stages of the present instant; `checks` and `incidents`
    those whose memory must be written anew.
    """

    changes: list[Change | Withdrawal] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    isolation: list[Isolation] = field(default_factory=list)
    checks: dict[str, CheckState] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    probe: dict[str, None] = field(default_factory=dict)

    def change(
        self, check: CheckState, state: State, *, since: Instant, at: Instant
    ) -> None:
        """A check's change of state."""
        self.changes.append(
            Change(check=check.path, state=state, since=since, decided=at)
        )
        self.checks[check.path] = check

    def stage(
        self,
        kind: Kind,
        incident: Incident,
        *,
        at: Instant,
        joined: str | None = None,
        until: Instant | None = None,
    ) -> None:
        """A stage of an incident."""
        self.drafts.append(
            Draft(incident=incident, kind=kind, at=at, joined=joined, until=until)
        )
        self.incidents[incident.id] = incident

    def touch(self, check: CheckState) -> None:
        """The check's memory has changed, though not its state."""
        self.checks[check.path] = check

    def clear(self) -> None:
        """A batch has been taken."""
        self.changes.clear()
        self.isolation.clear()
        self.checks.clear()
        self.incidents.clear()
        self.probe.clear()
