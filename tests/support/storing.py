"""A clock that stands where it is put, and writes as the pipeline makes them."""

from pathlib import Path

from scudo_agent.clock import Clock
from scudo_agent.instant import SECOND, Instant
from scudo_agent.judge.batch import IncidentMemory
from scudo_agent.model import Kind, State
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import Write
from scudo_agent.wire import Evidence, Named, PendingStage

T0 = Instant(1_772_359_200 * SECOND)
"""2026-03-01T10:00:00Z."""


class StoppedClock:
    """Both clocks move together, by `pass_s`."""

    boot_id = "boot-1"

    def __init__(self) -> None:
        self.now = T0

    def wall(self) -> Instant:
        """The time it was put to."""
        return self.now

    def monotonic_us(self) -> int:
        """The same, counted from elsewhere."""
        return self.now - T0 + 77

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.now = Instant(self.now + round(seconds * SECOND))


def incident_id(number: int) -> str:
    """A UUIDv7 for tests."""
    return f"01957000-0000-7000-8000-{number:012x}"


def stage(number: int, kind: Kind = Kind.OPEN, severity: int = 1) -> PendingStage:
    """A stage of incident `number` about one check."""
    member = Evidence(
        check="web/http",
        state=State.DOWN,
        since="2026-03-01T10:00:00Z",
        kind="http",
        endpoint="http://web.example/",
        seen={"id": "connection refused ({endpoint})", "values": {"endpoint": "web"}},
    )
    return PendingStage.model_validate(
        {
            "incident_id": incident_id(number),
            "kind": kind,
            "at": "2026-03-01T10:00:10Z",
            "subject_key": f"service:s{number}",
            "subject": Named(id=f"s{number}", title={"it": "Sito", "en": "Site"}),
            "since": "2026-03-01T10:00:00Z",
            "severity": severity,
            "rule": "S1",
            "members": [member],
        }
    )


def memory(number: int, *, recovered: Instant | None = None) -> IncidentMemory:
    """What the judge remembers of incident `number`."""
    return IncidentMemory(
        incident=incident_id(number),
        subject=f"service:s{number}",
        since=T0,
        opened=Instant(T0 + 10 * SECOND),
        severity=1,
        recovered=recovered,
        data={"members": ["web/http"], "first": 0},
    )


def told(number: int, kind: Kind = Kind.OPEN) -> Write:
    """The write of one stage of incident `number`."""
    closes = kind in (Kind.RECOVER, Kind.RETIRE)
    recovered = Instant(T0 + 60 * SECOND) if closes else None
    return Write(
        incidents=(memory(number, recovered=recovered),), stages=(stage(number, kind),)
    )


def opened(folder: Path, clock: Clock | None = None) -> AgentStore:
    """The store of `acme-milano` without a thread."""
    return AgentStore.open(
        folder, site="acme-milano", clock=clock or StoppedClock(), inline=True
    )
