"""The words of a ticket's life: its states' needs, the acts of people, what they do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.rights import Role
from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant
from scudo_agent.text import Text

WORDS_LIMIT = 2000
"""Signs of a reason or a note."""

MAIL_LIMIT = 10_000
"""Signs of what somebody said in a mail; what is longer goes along as a file."""

DETAIL_LIMIT = 100
"""Signs of the tool that a remote session uses, or of where the work is done."""


class Mode(StrEnum):
    """How work is done while it is in progress."""

    PHONE = "phone"
    REMOTE = "remote"
    ON_SITE = "on_site"
    WORKSHOP = "workshop"
    VENDOR = "vendor"


class Thing(StrEnum):
    """What a remote session is about."""

    DESKTOP = "desktop"
    DEVICE = "device"


class Mail(StrEnum):
    """Why a person's act makes a mail."""

    MESSAGE = "message"
    ESTIMATE = "estimate"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed_told"
    CODE = "code"
    REDUNDANT = "redundant"
    """A redundant system was put into service, or is out of it again."""
    RECEIPT = "receipt"
    """A request was taken down: its number, what holds for it, what is missing."""
    ANSWER = "answer"
    """The customer wrote; it goes to who has the ticket, or to the provider."""


class ActError(ScudoError):
    """What was asked cannot be done to this ticket as it is; `text` says why."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.id.format_map(text.values))
        self.text = text


class RightError(ActError):
    """Who asks sees the ticket, but has no right to this."""


class StaleError(ActError):
    """The ticket has changed since the version that was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What people decide of a ticket, and what they decide it by."""

    status: Status
    condition: Condition
    severity: int | None
    rule: str | None = None
    edited: bool = False
    urgency: int | None = None
    category: str | None = None
    provisional: bool = False
    assignee_id: int | None = None
    estimate: Instant | None = None
    mode: Mode | None = None
    mode_detail: str | None = None
    redundant: bool = False
    audience: str = "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """Set severity, urgency and category; None leaves each as it is."""

    severity: int | None = None
    urgency: int | None = None
    category: str | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Give the ticket to one of the provider's people; None: to nobody."""

    person_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Tell the customer when the service is thought to be back."""

    at: Instant
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Go to another state, with what that one needs.

    `estimate` for diagnosing; `mode` for in_progress, with `thing` and `detail` (the
    tool) when it is remote; `words` for waiting_customer, resolved, closed and
    reopened; `redundant`: resolved while the original is not back.
    """

    to: Status
    words: str = ""
    estimate: Instant | None = None
    mode: Mode | None = None
    thing: Thing | None = None
    detail: str = ""
    redundant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Write something down; `public`: the customer reads it; `by_mail`: it came so."""

    words: str
    public: bool
    by_mail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Redundant:
    """Put a redundant system into service (`on`), or take it out again."""

    on: bool
    words: str = ""


Act = Triage | Assign | Estimate | Move | Note | Redundant


@dataclass(frozen=True, slots=True, kw_only=True)
class Doer:
    """Who does it: role and number (None: the administrator by a login link)."""

    role: Role
    person_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an act does: the ticket then, the entry of its history, and a mail or none.

    `data` has `public: True` where the customer may read its `words`.
    """

    life: Life
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    mail: Mail | None = None


TRIAGED, ASSIGNED, ESTIMATED = "triaged", "assigned", "estimated"
REDUNDANT = "redundant"
STATUS, CLOSED, REMARK, MESSAGE = "status", "closed", "remark", "message"
"""Kinds of the entries that acts of people leave in a ticket's history."""

MAIL_BACK, MAIL_LATE, MAIL_NOTED = "mail_back", "mail_late", "mail_noted"
"""Kinds of what programs tell by mail: one of ours came back or is late; or an
automatic answer."""

CALL_ENTRIES = frozenset({"called", "call_failed", "call_acknowledged", "calls_spent"})
"""Who was called when nobody took the ticket, and who said that he knows."""

INTERNAL_KINDS = frozenset({REMARK, MAIL_BACK, MAIL_LATE, MAIL_NOTED}) | CALL_ENTRIES
"""Entries that only the provider's people ever see."""
