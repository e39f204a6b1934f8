"""What agent and desk say of a site: its contract, its windows, mutes and pauses.

In the manner of `wire`, whose messages are those of the streams.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from scudo_agent.wire import Message, Reply, When


class ContractState(Reply):
    """`GET /v1/agents/self/contract`: the version of the contract that holds.

    `body` is the contract file's data with its decimals as texts, `sha256` that of
    its canonical form. The reply to `hello` has the same id and revision (0: the
    desk has none), so that an agent knows when to ask.
    """

    contract_id: str
    revision: Annotated[int, Field(ge=1)]
    sha256: str
    body: dict[str, Any]


Kind = Literal["ordinary", "extraordinary", "upgrade", "occasional"]
"""The kinds of windows that there are (`domain.md` 4)."""


class WindowAnnouncement(Reply):
    """When the customer was told, and of which span."""

    announced: When
    start: When
    end: When


class WindowCorrection(Reply):
    """What somebody set right afterwards: shown apart, it excludes nothing."""

    at: When
    by: str
    change: str
    reason: str


class WindowState(Reply):
    """A maintenance window with everything that was announced of it.

    `services` may hold `*`. `reason` is what the customer read. `series` is the id
    that the occurrences of one recurring window share.
    """

    id: Annotated[str, Field(min_length=1, max_length=100)]
    kind: Kind
    services: Annotated[list[str], Field(min_length=1)]
    announcements: Annotated[list[WindowAnnouncement], Field(min_length=1)]
    cancelled: When | None = None
    peak_notice: When | None = None
    reason: str = ""
    series: str | None = None
    corrections: list[WindowCorrection] = Field(default_factory=list)


class Windows(Reply):
    """`GET /v1/agents/self/windows`: all windows of the site, at a revision.

    The revision grows with every announcement and cancellation, and no other desk,
    this one put back from a copy included, gives it for other windows; the same
    number stands in the reply to `hello`, so that an agent knows when to ask.
    """

    revision: Annotated[int, Field(ge=0)]
    windows: list[WindowState]


class WindowsTaken(Windows):
    """`Windows` as an agent takes it: `later` are windows of kinds it does not know.

    They come from a later desk, and stay as they were said: a later agent that finds
    them in its store knows them. Until then they hold nothing back.
    """

    later: list[dict[str, Any]] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _sort_out(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        told, kept = data.get("windows"), data.get("later") or []
        if not isinstance(told, list) or not isinstance(kept, list):
            return data
        known: list[Any] = []
        later: list[Any] = []
        for one in (*told, *kept):
            (later if _of_another_kind(one) else known).append(one)
        return {**data, "windows": known, "later": later}

    def named(self) -> list[str]:
        """The windows that were passed over, each with its kind, for people."""
        names = (f"{one.get('id', '?')} ({one['kind']})" for one in self.later)
        return [name[:_NAME_LIMIT] for name in names]


_NAME_LIMIT = 150


def _of_another_kind(one: Any) -> bool:
    kind = one.get("kind") if isinstance(one, Mapping) else None
    return isinstance(kind, str) and kind not in get_args(Kind)


class Intervention(Message):
    """A mute or a pause of an agent: of what, from when to when, by whom and why."""

    id: Annotated[str, Field(min_length=1, max_length=40)]
    kind: Literal["mute", "pause"]
    scope: Literal["service", "target", "check"]
    name: Annotated[str, Field(min_length=1, max_length=300)]
    since: When
    until: When
    reason: Annotated[str, Field(max_length=1000)]
    actor: Annotated[str, Field(max_length=300)]


class Interventions(Message):
    """`PUT /v1/agents/self/interventions`: all that is in force now."""

    interventions: Annotated[list[Intervention], Field(max_length=1000)]
