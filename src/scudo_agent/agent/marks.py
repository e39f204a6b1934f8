"""What the runtime itself puts down: its own runs, and notes of open incidents."""

import resource
import secrets
from dataclasses import dataclass

from scudo_agent.incident import incident_id
from scudo_agent.instant import Instant
from scudo_agent.judge.batch import IncidentStage, Member
from scudo_agent.judge.engine import Judge
from scudo_agent.judge.views import IncidentView
from scudo_agent.model import Kind
from scudo_agent.pipeline import Recorder
from scudo_agent.store.values import RunEvent, RunKind


@dataclass(slots=True)
class FileTaken:
    """The site file: when it was last taken, and why it was not since, if so."""

    at: Instant
    refused_at: Instant | None = None
    why: tuple[str, ...] = ()


def fresh_id(at: Instant) -> str:
    """The identity of an incident that opens at an instant."""
    return incident_id(at, secrets.randbits(74))


def run_start(at: Instant) -> RunEvent:
    """The agent began to observe."""
    return RunEvent(kind=RunKind.START, at=at)


def run_stop(at: Instant, why: str) -> RunEvent:
    """The agent ceased to observe."""
    return RunEvent(kind=RunKind.STOP, at=at, detail={"why": why})


def recorded(recorder: Recorder | None) -> Instant | None:
    """The last instant that the record had when it was opened."""
    return None if recorder is None else recorder.last


def note_stage(
    judge: Judge, incident: IncidentView, at: Instant, *, not_before: Instant
) -> IncidentStage:
    """An open incident as it stands, to hang a note on.

    A check without any change is in its state since `not_before`.
    """
    return IncidentStage(
        incident=incident.incident,
        kind=Kind.NOTE,
        at=at,
        subject=incident.subject,
        since=incident.since,
        severity=incident.severity,
        rule=incident.rule,
        members=tuple(_member(judge, path, not_before) for path in incident.members),
        linked=incident.linked,
    )


def _member(judge: Judge, path: str, not_before: Instant) -> Member:
    view = judge.state(path)
    return Member(check=path, state=view.state, since=view.since or not_before)


def more_descriptors() -> None:
    """An SNMP session or a connection each: the usual 1,024 are soon used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65_536)), hard))
