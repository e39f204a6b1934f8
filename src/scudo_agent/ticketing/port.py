"""The port to a ticket system that takes the stream of stages: our own desk.

Foreign desks, which know tickets and no stages (open, raise, note, recover,
reopen, retire, find), come behind the same port with a store of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scudo_agent.instant import Instant
from scudo_agent.wire import BatchReply, Gap, Hello, HelloReply, LedgerGap

BATCH_LIMIT = 200
"""Events in one request, at most (`reliability.md` 1.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Contiguous events of one stream: the very bytes that the store holds."""

    stream: str
    epoch: int
    first_seq: int
    bodies: Sequence[bytes]

    @property
    def last_seq(self) -> int:
        """The number of the last event."""
        return self.first_seq + len(self.bodies) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A screenshot that belongs to the stage `rev` of an incident."""

    incident_id: str
    rev: int
    check: str
    taken: Instant
    content: bytes


class EvidenceTaker(Protocol):
    """A desk that keeps pictures beside the tickets."""

    async def exhibit(self, exhibit: Exhibit) -> None:
        """Deliver a picture, again and again the same; the errors are those below.

        `NoAnswer` also while the desk does not have the stage yet.
        """


class TicketSystem(Protocol):
    """What delivery needs. Each call ends within its own deadline, and raises
    one of the errors below when the desk did not do what was asked.
    """

    async def hello(self, hello: Hello) -> HelloReply:
        """Say who is here and how far; hear the epoch and how far the desk is."""

    async def send(self, parcel: Parcel) -> BatchReply:
        """Deliver events; what the reply acknowledges is durable."""

    async def gap(self, stream: str, gap: Gap | LedgerGap) -> BatchReply:
        """Tell that an event in quarantine will never come."""

    async def close(self) -> None:
        """Let go of connections."""


class DeskError(Exception):
    """The desk did not do what was asked; `str` says why, without a secret."""


class NoAnswer(DeskError):
    """Nobody answered, or nobody who is a desk: the same bytes again, later.

    `retry_after_s` is what the desk asked for.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Refused(DeskError):
    """The desk does not take this agent's key (401, 403), or its certificate is
    not to be trusted: nothing was lost, nothing is dropped.
    """


class Conflict(DeskError):
    """The desk expects another number (409); None: it is busy with the same."""

    def __init__(self, reason: str, *, expected_seq: int | None) -> None:
        super().__init__(reason)
        self.expected_seq = expected_seq


class Rejected(DeskError):
    """The desk will never take this as it is (400, 413, 422).

    `seq` names the event at fault, or `index` its place in the request from 0,
    when the desk told.
    """

    def __init__(
        self, reason: str, *, seq: int | None = None, index: int | None = None
    ) -> None:
        super().__init__(reason)
        self.seq = seq
        self.index = index
