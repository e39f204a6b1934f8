"""What a webhook is told of an entry of a history; pure.

A customer's webhook hears what the customer may read, and of that only kinds that
are named here: whatever kind is new is the provider's until somebody decides.
"""

from enum import StrEnum
from typing import Any

from scudo_agent.desk.history import timeline
from scudo_agent.desk.life import MAIL_BACK, MAIL_LATE, MAIL_NOTED
from scudo_agent.desk.store.entries import Entry
from scudo_agent.desk.store.views import TicketLine, TicketView
from scudo_agent.desk.ticket_json import line_json
from scudo_agent.instant import format_instant
from scudo_agent.locale import translator
from scudo_agent.model import Kind


class HookEvent(StrEnum):
    """What a webhook may ask to be told of."""

    OPENED = "ticket.opened"
    CHANGED = "ticket.changed"
    RECOVERED = "ticket.recovered"
    REOPENED = "ticket.reopened"
    CLOSED = "ticket.closed"
    NOTE = "ticket.note"


PING = "desk.ping"
"""What a test delivery says it is."""

_UNTOLD = ("mail_accepted", "mail_refused", MAIL_BACK, MAIL_LATE, MAIL_NOTED)
_EVENTS = {
    Kind.OPEN.value: HookEvent.OPENED,
    "requested": HookEvent.OPENED,
    Kind.RECOVER.value: HookEvent.RECOVERED,
    Kind.RETIRE.value: HookEvent.RECOVERED,
    Kind.REOPEN.value: HookEvent.REOPENED,
    "insisted": HookEvent.REOPENED,
    "closed": HookEvent.CLOSED,
    "remark": HookEvent.NOTE,
    "message": HookEvent.NOTE,
}
CUSTOMERS = frozenset(kind.value for kind in Kind) | {
    "closed",
    "estimated",
    "insisted",
    "message",
    "moved",
    "moved_here",
    "redundant",
    "requested",
    "severity_set",
    "status",
    "triaged",
}
"""Kinds of entries that a customer's webhook hears of; the words that a person wrote
only where the entry says that they are `public`."""


def event_of(entry: Entry) -> HookEvent | None:
    """Which event an entry is; None if nobody is told of it."""
    if entry.kind in _UNTOLD:
        return None
    turned = entry.data.get("status")
    if isinstance(turned, dict) and turned.get("to") == "reopened":
        return HookEvent.REOPENED
    return _EVENTS.get(entry.kind, HookEvent.CHANGED)


def body_of(line: TicketLine, entry: Entry, *, internal: bool) -> dict[str, Any] | None:
    """The message; `internal`: to the provider's own. None: not for this reader."""
    event = event_of(entry)
    if event is None or not (internal or entry.kind in CUSTOMERS):
        return None
    alone = TicketView(line=line, entries=(entry,), previous=None, linked=(), mails=())
    told = timeline(alone, translator("en"))[-1]
    tells = internal or entry.stage is not None or bool(entry.data.get("public"))
    return {
        "type": event.value,
        "timestamp": format_instant(entry.at),
        "data": {
            "ticket": line_json(line) | {"customer_id": line.tenant_id},
            "entry": {
                "kind": entry.kind,
                "at": format_instant(entry.at),
                "actor": entry.actor,
                "text": told.text,
                "detail": told.detail if tells else "",
            },
        },
    }
