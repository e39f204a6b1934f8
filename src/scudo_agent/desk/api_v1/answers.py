"""What the API answers with, as its description says it; instants are RFC 3339."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scudo_agent.contract.model import Unit, Until
from scudo_agent.desk.clocks import Mark
from scudo_agent.desk.life import Mode
from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.rights import Role

When = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, description="RFC 3339, UTC")
]
Ref = Annotated[str, Field(examples=["SC-7F3K-9QZ2"])]


class Answer(BaseModel):
    """Keys may be added; those that are there keep their meaning."""

    model_config = ConfigDict(frozen=True)


class ProblemDetails(BaseModel):
    """An error (RFC 9457): `detail` says what is wrong and what would be right."""

    model_config = ConfigDict(extra="allow")

    title: Annotated[str, Field(examples=["Unprocessable Content"])]
    status: Annotated[int, Field(examples=[422])]
    detail: Annotated[str, Field(examples=["the severity is 1, 2 or 3"])]


class Me(Answer):
    """Who the token's person is, and what the token may."""

    person: int
    name: str
    role: Role
    customer: Annotated[str | None, Field(description="None: the provider's")]
    language: str | None
    rights: list[str]
    scopes: list[str]


class AssigneeOut(Answer):
    """Who has a ticket in hand."""

    id: int
    name: str


class TicketLineOut(Answer):
    """One ticket of a list."""

    ref: Ref
    customer: str
    customer_id: Annotated[str, Field(examples=["acme"])]
    site: str
    zone: Annotated[str, Field(examples=["Europe/Rome"])]
    subject: str
    title: dict[str, str]
    origin: str
    status: Status
    condition: Condition
    severity: int | None
    rule: str | None
    since: When
    opened: When
    recovered: When | None
    closed: When | None
    reopen_count: int
    reported_late: bool
    storm: bool
    unstable: bool
    version: Annotated[int, Field(description="What `If-Match` names", examples=[7])]
    urgency: int | None
    category: str | None
    provisional: bool
    channel: str | None
    assignee: AssigneeOut | None
    requester: dict[str, Any] | None
    request: dict[str, Any] | None
    estimate: When | None
    mode: Mode | None
    mode_detail: str | None
    due: When | None
    redundant: Annotated[
        When | None, Field(description="Since when a redundant system stands in")
    ]


class HistoryEntry(Answer):
    """One entry of a history: when, what in words, and who did it."""

    at: When
    kind: str
    text: str
    detail: str
    actor: str
    name: Annotated[str, Field(description="The actor's name, where it is a person")]
    readers: Annotated[str, Field(description="internal or customer: who reads it")]


class AttachmentOut(Answer):
    """A file at a ticket; its content is below `attachments/{id}`."""

    id: Annotated[str, Field(examples=["9f86d081884c7d65"])]
    kind: str
    name: str | None
    public: bool
    media_type: str
    source: str | None
    size: int
    sha256: str
    taken: When


class VersionOut(Answer):
    """A version of a contract."""

    id: str
    revision: int


class ClockOut(Answer):
    """One clock; `used_s` and `left_s` are working time, `due` null while it pauses."""

    name: str
    until: Until
    within: int
    unit: Unit
    state: Mark
    due: When | None
    ended: When | None
    used_s: int
    left_s: int


class PromisedOut(Answer):
    """What was promised of a ticket, by the contract that held at its receipt."""

    contract: VersionOut | None
    contract_ended: Annotated[
        str | None, Field(description="Last day of the contract that was over")
    ]
    clocks: list[ClockOut]


class TicketOut(TicketLineOut):
    """One ticket with what happened, oldest first."""

    previous: str | None
    linked: list[str]
    history: list[HistoryEntry]
    history_left_out: Annotated[int, Field(description="Entries in the middle")]
    incidents: Annotated[
        list[dict[str, Any]], Field(description="The first 100 of a storm")
    ]
    mails_waiting: Annotated[
        list[dict[str, Any]], Field(description="For the provider's people only")
    ]
    attachments: list[AttachmentOut]
    promised: PromisedOut


class CustomerOut(Answer):
    """A customer."""

    id: str
    name: str
    mail: str | None
    language: str


class SiteOut(Answer):
    """A site of a customer, and which contract holds there."""

    id: str
    customer_id: str
    zone: str
    contract: str | None
    contract_title: str | None


class CoverOut(Answer):
    """A contract of a site, from `since` to `until` (null: nobody knows), included."""

    contract: str
    since: Annotated[str, Field(json_schema_extra={"format": "date"})]
    until: Annotated[str | None, Field(description="Its last day")]


class ContractOut(Answer):
    """A version of a contract; `body` is the contract file's content."""

    id: str
    revision: int
    sha256: str
    stored: When
    body: dict[str, Any]


class PersonOut(Answer):
    """Somebody who may log in."""

    id: int
    customer_id: Annotated[str | None, Field(description="None: the provider's")]
    name: str
    mail: str
    role: Role
    language: str | None
    phone: str | None
    disabled: When | None


class SavedViewOut(Answer):
    """What a person looks for again and again in the list of tickets."""

    name: str
    query: Annotated[str, Field(description="Behind the `?` of the list's address")]
    preferred: bool


class OnCallPerson(Answer):
    """One of the provider's people who may be called."""

    id: int
    name: str


class OnCallTurn(Answer):
    """Somebody's time on call; `swapped`: not what the rota says."""

    person: OnCallPerson
    start: When
    end: When
    swapped: bool


class OnCallOut(Answer):
    """Who is called first now, who next, and the turns of the next four weeks."""

    at: When
    line: list[OnCallPerson]
    turns: list[OnCallTurn]


class RequestOut(Answer):
    """The ticket that a request made."""

    ref: Ref


class WindowOut(Answer):
    """A maintenance window, all that was announced of it included."""

    customer: str
    site: str
    zone: str
    window: dict[str, Any]


class StatementLine(Answer):
    """One revision of what was stated of a period."""

    period: Annotated[str, Field(examples=["2026-11"])]
    revision: int
    sha256: str
    made: When
    by: str
    why: str | None


class Page(Answer):
    """Part of a list; `next` is where the rest is, None at its end."""

    next: str | None


class TicketPage(Page):
    """Tickets, the newest first."""

    tickets: list[TicketLineOut]


class EventsPage(Page):
    """What happened, oldest first, as webhooks are told it."""

    events: list[dict[str, Any]]


class MissedOut(Answer):
    """What a webhook was not told while it stood still, and where it can be read."""

    since: When
    until: When
    fetch: Annotated[str, Field(examples=["/v1/desk/events?since=…"])]


class CustomerPage(Page):
    """Customers by their id."""

    customers: list[CustomerOut]


class PersonPage(Page):
    """People by their number."""

    people: list[PersonOut]


class WebhookOut(Answer):
    """A webhook; `stopped`: it is told nothing more, and `why`."""

    id: int
    customer_id: Annotated[str | None, Field(description="None: the provider's")]
    url: str
    events: Annotated[list[str], Field(description="Empty: everything")]
    created: When
    stopped: When | None
    why: str | None
    waiting: int
    failed: int


class NewWebhookOut(WebhookOut):
    """A webhook that was just added; `secret` is what it signs with."""

    secret: Annotated[str, Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])]


class DeliveryOut(Answer):
    """One message to a webhook, and what became of it so far."""

    id: int
    event: str
    state: str
    created: When
    next: When
    attempts: int
    sent: When | None
    error: str | None


class RetriedOut(Answer):
    """How many messages are sent again; `missed` of one that had been stopped."""

    again: int
    missed: MissedOut | None
