"""How things stand, for a live table; nothing here changes anything."""

from dataclasses import dataclass

from scudo_agent.incident import Rule
from scudo_agent.instant import Instant
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.incidents import Incident
from scudo_agent.model import State


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """A check just now.

    `since` and `decided` are None before its first change. `run_failed`,
    `run_weak` and `run_good` are the runs that are being confirmed ("failing 1
    of 3"): failed, degraded or failed, and good observations in a row.
    `observed` is its last observation since the agent's start. `pending` is
    since when it waits to open, `held` the windows and mutes that hold it back,
    `incident` the one that it is a member of.
    """

    state: State
    since: Instant | None
    decided: Instant | None
    before: State | None
    run_failed: int
    run_weak: int
    run_good: int
    confirm: int
    recover: int
    observed: Instant | None
    pending: Instant | None
    incident: str | None
    held: tuple[str, ...] = ()

    @property
    def confirming(self) -> bool:
        """Whether a change of the check's state is being confirmed."""
        if self.state is State.DOWN:
            return self.run_good > 0
        if self.state is State.DEGRADED:
            return self.run_failed > 0 or self.run_good > 0
        return self.run_failed > 0 or self.run_weak > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentView:
    """An open incident just now; `members` in file order."""

    incident: str
    subject: str
    since: Instant
    opened: Instant
    severity: int | None
    rule: Rule | None
    members: tuple[str, ...]
    linked: tuple[str, ...]


def check_view(check: CheckState) -> CheckView:
    """The view of one check."""
    return CheckView(
        state=check.state,
        since=check.since,
        decided=check.decided,
        before=check.before,
        run_failed=check.bad.n,
        run_weak=check.weak.n,
        run_good=check.good.n,
        confirm=check.rule.confirm,
        recover=check.rule.recover,
        observed=check.observed,
        pending=None if check.pending is None else check.pending.since,
        incident=None if check.incident is None else check.incident.id,
        held=() if check.pending is None else check.pending.held,
    )


def incident_view(incident: Incident) -> IncidentView:
    """The view of one open incident."""
    return IncidentView(
        incident=incident.id,
        subject=incident.subject,
        since=incident.since,
        opened=incident.opened,
        severity=incident.severity,
        rule=incident.rule,
        members=tuple(check.path for check in incident.ordered),
        linked=tuple(incident.linked),
    )
