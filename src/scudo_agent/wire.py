"""What an agent and a desk say to each other (`reliability.md` 1.3).

Instants are RFC 3339 in UTC with `Z`; texts are `Text.to_json()`. What an agent says
has no unknown keys: a field that is not understood is a fault, not a surprise. In what
a desk answers they are passed over: a desk may be newer than its agents.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from scudo_agent.errors import InputError
from scudo_agent.instant import format_instant, parse_instant
from scudo_agent.model import Kind, State


@lru_cache(maxsize=1024)
def _instant(text: str) -> str:
    try:
        return format_instant(parse_instant(text))
    except InputError as exc:
        # Pydantic makes a fault of the message of a ValueError alone.
        raise ValueError(str(exc)) from None


When = Annotated[str, AfterValidator(_instant)]
Sentence = dict[str, Any]
"""`Text.to_json()`."""


class Message(BaseModel):
    """What is said: unknown keys are refused, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reply(BaseModel):
    """What a desk answers: an agent passes over what a later desk says more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Named(Message):
    """A thing with an id and titles by language (`{"it": …, "en": …}`)."""

    id: str
    title: dict[str, str] = {}


class SiteService(Named):
    """A service of a site; a contract counts it unless `contracted` is false."""

    contracted: bool = True


class Evidence(Message):
    """What is known of one member of an incident when the stage happened."""

    check: str
    state: State
    since: When
    kind: str
    endpoint: str
    seen: Sentence | None = None
    expected: Sentence | None = None
    reproduce: str = ""
    last_good: When | None = None


class Cost(Message):
    """What an incident cost of the year's budgets, all in microseconds.

    Sums over the contracted services that it took along, by their ids; `used_us` is
    all that was lost in the year so far, this included.
    """

    cost_us: int
    used_us: int
    allowed_us: int
    services: list[str]


class Outage(Message):
    """An incident's length, in whole microseconds, from `since` to `until`.

    down + degraded + unknown + up add up to until - since; `up` is time between
    two outages of one incident (after a recovery and a re-opening). `budget` is there
    when a contracted service was part of it and the contract is known.
    """

    since: When
    until: When
    down_us: int
    degraded_us: int
    unknown_us: int
    up_us: int = 0
    budget: Cost | None = None


class PendingStage(Message):
    """One stage of one incident, before the store has numbered it.

    `at` is when it happened (a recovery's date is `outage.until`). `severity`
    and `rule` are what holds after it. `audience` `provider` is seen by no
    customer.
    """

    incident_id: Annotated[
        str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}$")
    ]
    kind: Kind
    at: When
    subject_key: Annotated[str, Field(min_length=1, max_length=300)]
    subject: Named
    since: When
    severity: Literal[1, 2, 3] | None
    rule: Literal["S1", "S2", "S3", "S4", "S5"] | None
    audience: Literal["customer", "provider"] = "customer"
    members: list[Evidence] = []
    affected: list[Named] = []
    linked: list[str] = []
    previous: str | None = None
    outage: Outage | None = None
    note: Sentence | None = None


class Stage(PendingStage):
    """One stage as it is sent: an event of stream I.

    `rev` counts an incident's stages from 1 (the opening) without gaps; `seq`
    counts the agent's stream without gaps. The store gives both, in the
    transaction that records the stage.
    """

    seq: Annotated[int, Field(ge=1)]
    rev: Annotated[int, Field(ge=1)]


class Batch(Message):
    """`POST /v1/agents/self/streams/I/events`."""

    epoch: Annotated[int, Field(ge=1)]
    first_seq: Annotated[int, Field(ge=1)]
    events: Annotated[list[Stage], Field(min_length=1, max_length=200)]


GENESIS = "0" * 64
"""What the first row of a ledger builds on."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LedgerEvent(Message):
    """An event of stream L: from `since` on the service is in `state`.

    What was told of the service from `since` on is undone by it. `prev` is the
    SHA-256 of the event before it (`GENESIS` for the first one): its own hash
    therefore stands for all that was told so far.
    """

    seq: Annotated[int, Field(ge=1)]
    prev: Sha256
    service: Annotated[str, Field(min_length=1, max_length=300)]
    state: State
    since: When
    decided: When


class LedgerBatch(Message):
    """`POST /v1/agents/self/streams/L/events`."""

    epoch: Annotated[int, Field(ge=1)]
    first_seq: Annotated[int, Field(ge=1)]
    events: Annotated[list[LedgerEvent], Field(min_length=1, max_length=200)]


class LedgerGap(Message):
    """`POST /v1/agents/self/streams/L/gaps`: as `Gap`; `sha256` is the last one's.

    `service` and `since`, where known, are of the event that never comes: the service
    is unknown from then on. Without them all are, from what came before it on.
    """

    epoch: Annotated[int, Field(ge=1)]
    seq: Annotated[int, Field(ge=1)]
    until: Annotated[int, Field(ge=1)] | None = None
    sha256: Sha256
    reason: str
    service: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    since: When | None = None


class Gap(Message):
    """`POST /v1/agents/self/streams/I/gaps`: `seq`, refused for good, never comes.

    With `until` all up to there are no longer kept (`incident_id` is empty then).
    """

    epoch: Annotated[int, Field(ge=1)]
    seq: Annotated[int, Field(ge=1)]
    until: Annotated[int, Field(ge=1)] | None = None
    incident_id: str
    rev: Annotated[int, Field(ge=1)]
    sha256: str
    reason: str


class StageResult(Reply):
    """What became of one event: the public number of its ticket."""

    seq: int
    ticket: str


class BatchReply(Reply):
    """Everything up to and including `ack_seq` is durable at the desk."""

    ack_seq: int
    results: list[StageResult]


class EvidenceReply(Reply):
    """`PUT /v1/agents/self/incidents/{incident_id}/evidence/{rev}`: it is kept."""

    ticket: str


_NAME_LIMIT = 100


class Hello(Message):
    """`POST /v1/agents/self/hello`, every 30 s.

    `epoch` is null until the desk has granted one to this store. `head_seq` and
    `acked_seq` are by stream, `I` and `L`. `anchors` are hashes of the ledger's rows
    by number, the head's among them: the desk holds them against its own.
    `run_id` names the process that speaks, at random: two that speak in turns are two
    agents. `damaged`: what last befell the store; `unstored`: that it takes nothing.
    """

    epoch: int | None
    store_id: str
    head_seq: dict[str, int]
    acked_seq: dict[str, int]
    anchors: dict[int, Sha256] = {}
    wall: When
    mono_us: int
    boot_id: str
    oldest_unacked_age_s: float = 0
    config_hash: str = ""
    version: str = ""
    run_id: str = ""
    damaged: Sentence | None = None
    unstored: Sentence | None = None


class HelloReply(Reply):
    """What the desk has: the agent trusts it over its own mark.

    `agent_id`, `tenant_id` and `site_id` are those bound to the credential.
    `adoptable` is how many open incidents of this agent the desk has that another
    store than this one has told of: they are to be taken over. `frozen`: there are
    two of this agent, nothing is taken. `renew_key`: the key is to be replaced, which
    is in use since `key_since` (null: before the desk noted that).
    `contract_sha256` tells versions apart that a desk put back from a copy numbered
    alike. A later desk's other mode counts as `normal`: `later_mode` has its name.
    """

    epoch: int
    last_contiguous_seq: dict[str, int]
    desk_wall: When
    mode: Literal["normal", "recovery"] = "normal"
    agent_id: str
    tenant_id: str
    site_id: str
    windows_revision: Annotated[int, Field(ge=0)] = 0
    contract_id: str | None = None
    contract_revision: Annotated[int, Field(ge=0)] = 0
    contract_sha256: Sha256 | None = None
    adoptable: Annotated[int, Field(ge=0)] = 0
    frozen: bool = False
    renew_key: bool = False
    key_since: When | None = None
    _later_mode: str | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _pass_over(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        later = None
        if isinstance(data, Mapping) and isinstance(said := data.get("mode"), str):
            later = None if said in ("normal", "recovery") else said[:_NAME_LIMIT]
        if later is None:
            return handler(data)
        reply = handler({**data, "mode": "normal"})
        reply._later_mode = later
        return reply

    @property
    def later_mode(self) -> str | None:
        """The mode that a later desk is in, which this version does not know."""
        return self._later_mode


class KeyRenewal(Message):
    """`POST /v1/agents/self/key`: the hash of the agent's next key."""

    key_sha256: Sha256


class KeyTaken(Reply):
    """Its answer: the key with this hash counts from its first use on."""

    key_sha256: Sha256


class OpenIncident(Reply):
    """One of `GET /v1/agents/self/incidents`: bad, as far as the desk has heard.

    `rev` is the number of its last stage, `members` the states that this stage
    gave its checks, `ticket` the public number of its ticket.
    """

    incident_id: str
    rev: Annotated[int, Field(ge=1)]
    subject_key: str
    since: When
    opened: When
    severity: Literal[1, 2, 3] | None
    rule: Literal["S1", "S2", "S3", "S4", "S5"] | None
    audience: Literal["customer", "provider"]
    reopen_count: int
    ticket: str
    members: dict[str, State]


def canonical(event: BaseModel | Mapping[str, Any]) -> bytes:
    """The one way to write an event down: sorted keys, no spaces, UTF-8.

    The event's identity is the SHA-256 of this. A receiver hashes what it parsed
    as plain JSON, not its own model of it: a later version's model has more keys.
    What a device can say and a desk cannot keep never stops an event: NUL becomes
    the replacement character, a lone surrogate `?`, a NaN or an infinity its name
    as text, and a whole number beyond 63 bits its digits as text.
    """
    data = event.model_dump() if isinstance(event, BaseModel) else event
    try:
        text = _dumps(data)
    except ValueError:
        text = _dumps(_kept(data))
    if _DOUBTFUL.search(text):
        text = _dumps(_kept(data))
    return text.encode("utf-8", "replace")


_DOUBTFUL = re.compile(r"\\u0000|\d{19}")
"""Where it is worth a look: a NUL, or a number that may be too long."""

_WHOLE_LIMIT = 1 << 63


def _dumps(data: Any) -> str:
    return json.dumps(
        data,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )


def _kept(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {_kept(key): _kept(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_kept(value) for value in data]
    if isinstance(data, str):
        return data.replace("\x00", "\ufffd")
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, int) and not -_WHOLE_LIMIT <= data < _WHOLE_LIMIT:
        return str(data)
    return data
