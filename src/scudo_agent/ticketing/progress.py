"""How delivery to a desk stands, and what it tells of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scudo_agent.instant import Instant
from scudo_agent.text import T, Text
from scudo_agent.ticketing.port import DeskError, NoAnswer, Refused


class DeliveryKind(StrEnum):
    """What delivery tells of itself."""

    ANSWERED = "answered"
    LOST = "lost"
    REFUSED = "refused"
    ACKNOWLEDGED = "acknowledged"
    REWOUND = "rewound"
    QUARANTINED = "quarantined"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEvent:
    """Something happened; `tickets` are public numbers by incident."""

    kind: DeliveryKind
    text: Text
    tickets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryState:
    """How delivery stands, for `status`, metrics and people.

    `connected`: the last exchange was with a desk that knows this agent.
    `last_answer` is when the desk last said anything at all. `error` is why it
    does not go on now; `frozen` tells that only people can mend it. `mode`
    is the desk's, as it names it: another than it has now is gone by as `normal`.
    `key_since` is when the desk first saw the key in use, `key_due` whether it asks
    for another.
    """

    connected: bool = False
    last_answer: Instant | None = None
    error: Text | None = None
    frozen: bool = False
    epoch: int | None = None
    agent_id: str | None = None
    mode: str = "normal"
    key_since: Instant | None = None
    key_due: bool = False
    failures: int = 0


def words(exc: DeskError) -> Text:
    """Why it does not go on, for people."""
    if isinstance(exc, Refused):
        return T("the desk does not accept this agent: {reason}", reason=str(exc))
    if isinstance(exc, NoAnswer):
        return T("no answer from the desk: {reason}", reason=str(exc))
    return T("the desk refuses what it was told: {reason}", reason=str(exc))


def doubled() -> Text:
    """Why delivery is frozen by the desk."""
    return T(
        "another agent speaks with this one's identity, as after a copied machine: "
        "nothing is delivered until one of them is switched off and the provider "
        "lets the other in again"
    )


def strange() -> Text:
    """Why delivery is frozen."""
    return T(
        "the desk has events that this store never wrote: it was put back from a "
        "backup or copied, and is numbered anew"
    )
