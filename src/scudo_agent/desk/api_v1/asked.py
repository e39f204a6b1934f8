"""What programs ask the desk to do: every key is named here, and no other is taken."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from scudo_agent.desk.life import DETAIL_LIMIT, WORDS_LIMIT, Mode, Thing
from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.webhook_body import HookEvent
from scudo_agent.desk.webhook_target import URL_LIMIT
from scudo_agent.errors import InputError
from scudo_agent.instant import parse_instant
from scudo_agent.locale.formats import clean


def _plain(text: str) -> str:
    """A text without what a screen would not show; lines stay lines."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(clean(line) for line in lines).strip()


def _plain_or_none(text: str | None) -> str | None:
    return None if text is None else _plain(text) or None


def _instant(text: str) -> str:
    try:
        parse_instant(text)
    except InputError as exc:
        raise ValueError(str(exc)) from None
    return text


At = Annotated[
    str,
    Field(
        max_length=40,
        json_schema_extra={"format": "date-time"},
        examples=["2026-11-23T18:00:00+01:00"],
    ),
    AfterValidator(_instant),
]
"""An instant with its offset."""

Words = Annotated[str, Field(max_length=WORDS_LIMIT), AfterValidator(_plain)]
Code = Literal[1, 2, 3]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewNote(_Asked):
    """Write something down; `public`: the customer reads it, and gets it by mail."""

    words: Annotated[Words, Field(min_length=1, examples=["Il tecnico è partito."])]
    public: bool


class NewTriage(_Asked):
    """Set severity, urgency and category; what is left out stays as it is.

    Lowering a severity needs `words` that say why.
    """

    severity: Annotated[Code | None, Field(examples=[2])] = None
    urgency: Code | None = None
    category: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    words: Words = ""


class NewAssignment(_Asked):
    """Give the ticket to one of the provider's people; null: to nobody."""

    person: Annotated[int | None, Field(ge=1, lt=1 << 63, examples=[7])]


class NewEstimate(_Asked):
    """Tell the customer when the service is thought to be back."""

    at: At
    words: Words = ""


class NewState(_Asked):
    """Go to another state, with what that one needs.

    `estimate` for diagnosing; `mode` for in_progress, with `thing` and `detail` (the
    tool) when it is remote; `words` for waiting_customer, resolved, closed and
    reopened; `redundant`: resolved while the original is not back.
    """

    to: Annotated[Status, Field(examples=["closed"])]
    words: Annotated[Words, Field(examples=["risolto con il cliente"])] = ""
    estimate: At | None = None
    mode: Mode | None = None
    thing: Thing | None = None
    detail: Annotated[str, Field(max_length=DETAIL_LIMIT), AfterValidator(_plain)] = ""
    redundant: bool = False


class NewRedundant(_Asked):
    """A redundant system is put into service (`on`), or is out of it again."""

    on: bool
    words: Annotated[Words, Field(examples=["Lavorate sul muletto."])] = ""


class Contact(_Asked):
    """Who asks, where that is nobody with an account."""

    name: Annotated[Words, Field(max_length=200)] = ""
    mail: Annotated[str, Field(max_length=254), AfterValidator(_plain)] = ""
    phone: Annotated[str, Field(max_length=50), AfterValidator(_plain)] = ""


class NewRequest(_Asked):
    """Open a request: a ticket that no agent measures.

    `received` (when a call began, a mail arrived; without it: now), `channel`,
    `severity` and `requester` are for the provider's people. What the contract wants
    to know and is missing is asked for in the receipt.
    """

    customer: Annotated[str, Field(min_length=1, max_length=200, examples=["acme"])]
    site: Annotated[str, Field(min_length=1, max_length=200, examples=["acme-milano"])]
    description: Annotated[
        str,
        Field(min_length=1, max_length=10_000, examples=["Il gestionale è lento."]),
        AfterValidator(_plain),
    ]
    category: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    url: Annotated[str | None, Field(max_length=500)] = None
    detected: At | None = None
    software_version: Annotated[
        str | None, Field(max_length=500), AfterValidator(_plain_or_none)
    ] = None
    conformity: Annotated[
        bool, Field(description="Hardware and system conform to the guidelines")
    ] = False
    backup: Annotated[bool, Field(description="A backup was made")] = False
    channel: (
        Literal[
            "phone",
            "voicemail",
            "weekend_number",
            "whatsapp",
            "software",
            "mail",
            "portal",
            "other",
        ]
        | None
    ) = None
    received: At | None = None
    severity: Code | None = None
    requester: Contact | None = None


class NewWebhook(_Asked):
    """Tell this URL what happens to tickets.

    Without `events`: everything. With `customer` it hears what that customer may
    read of its own tickets, without it everything of all.
    """

    url: Annotated[
        str,
        Field(min_length=1, max_length=URL_LIMIT, examples=["https://hook.example/"]),
    ]
    events: Annotated[list[HookEvent], Field(max_length=20)] = []
    customer: Annotated[str | None, Field(min_length=1, max_length=200)] = None
