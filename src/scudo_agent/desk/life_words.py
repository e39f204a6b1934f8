"""What people do with a ticket, in words: states, modes, entries of its history."""

from collections.abc import Iterator, Mapping
from typing import Any

from scudo_agent.desk.life import (
    ASSIGNED,
    CLOSED,
    ESTIMATED,
    MESSAGE,
    REDUNDANT,
    REMARK,
    STATUS,
    TRIAGED,
    Mode,
    Thing,
)
from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.notice_words import inner
from scudo_agent.text import T, Text

STATES: Mapping[Status, Text] = {
    Status.NEW: T("new"),
    Status.TRIAGED: T("triaged"),
    Status.DIAGNOSING: T("looking for the cause"),
    Status.IN_PROGRESS: T("in progress"),
    Status.WAITING_CUSTOMER: T("waiting for the customer"),
    Status.RESOLVED: T("resolved"),
    Status.CLOSED: T("closed"),
    Status.REOPENED: T("opened again"),
}
"""Where a ticket stands."""

MODES: Mapping[Mode, Text] = {
    Mode.PHONE: T("by telephone"),
    Mode.REMOTE: T("remotely"),
    Mode.ON_SITE: T("on site"),
    Mode.WORKSHOP: T("in our workshop"),
    Mode.VENDOR: T("with the manufacturer"),
}
"""How work is done."""

THINGS: Mapping[Thing, Text] = {
    Thing.DESKTOP: T("a desktop"),
    Thing.DEVICE: T("a device"),
}
"""What a remote session is about."""

NEXT: Mapping[Status, Text] = {
    Status.NEW: T("Next: somebody takes it and says how severe and urgent it is."),
    Status.TRIAGED: T("Next: we look for the cause, and say when we expect it back."),
    Status.DIAGNOSING: T("Next: the work itself begins."),
    Status.IN_PROGRESS: T("We are working on it."),
    Status.WAITING_CUSTOMER: T("We need an answer from the customer to go on."),
    Status.RESOLVED: T("Next: it is closed, if nobody says that it is not so."),
    Status.CLOSED: T("Nothing more is to do."),
    Status.REOPENED: T("It is back: somebody has to look at it again."),
}
"""What happens next, by where a ticket stands."""

ACTS = frozenset(
    {TRIAGED, ASSIGNED, ESTIMATED, STATUS, CLOSED, REMARK, MESSAGE, REDUNDANT}
)
"""Kinds of entries that these words are for, when a person made them."""


def done_words(
    kind: str, data: Mapping[str, Any], names: Mapping[int, str], actor: str
) -> Iterator[Text]:
    """What an entry says, one sentence after the other; `names` are people's."""
    if kind == TRIAGED:
        yield from _triaged(data)
    elif kind == ASSIGNED:
        yield _assigned(data, names, actor)
    elif kind == ESTIMATED:
        yield T("expected back: {when}", when={"instant": int(data["estimate_us"])})
    elif kind == STATUS:
        yield _status(data)
        if (at := data.get("estimate_us")) is not None:
            yield T("expected back: {when}", when={"instant": int(at)})
    else:
        yield _plain(kind, data)
    if kind in (MESSAGE, REMARK) and "mail_in" in data:
        yield T("by mail")
    if kind == MESSAGE and _reopens(data):
        yield STATES[Status.REOPENED]


def _plain(kind: str, data: Mapping[str, Any]) -> Text:
    """What is one sentence, whatever it says beside."""
    if kind == REDUNDANT:
        if data.get("on"):
            return T("a redundant system put into service")
        return T("the original is back: redundant system out of service")
    if kind == CLOSED:
        bad = data.get("condition") == "bad"
        return T("closed while it is not up") if bad else T("closed")
    if kind != MESSAGE:
        return T("note")
    if data.get("by_customer"):
        return T("message from the customer")
    return T("message to the customer")


def _reopens(data: Mapping[str, Any]) -> bool:
    return bool(data.get("status", {}).get("to") == Status.REOPENED)


def mode_words(mode: Mode, detail: str | None) -> Text:
    """How the work is done: `remotely (a desktop, TeamViewer)`."""
    if not detail:
        return MODES[mode]
    thing, colon, tool = detail.partition(": ")
    if mode is Mode.REMOTE and colon and thing in set(Thing):
        return T(
            "{mode} ({thing}, {tool})",
            mode=inner(MODES[mode]),
            thing=inner(THINGS[Thing(thing)]),
            tool=tool,
        )
    return T("{mode} ({detail})", mode=inner(MODES[mode]), detail=detail)


def _triaged(data: Mapping[str, Any]) -> Iterator[Text]:
    if severity := data.get("severity"):
        if severity["from"] is None:
            yield T("severity set to {after}", after=severity["to"])
        else:
            yield T(
                "severity set from {before} to {after}",
                before=severity["from"],
                after=severity["to"],
            )
    if (urgency := data.get("urgency")) and urgency["to"] is not None:
        yield T("urgency {urgency}", urgency=urgency["to"])
    if (category := data.get("category")) and category["to"]:
        yield T("category {category}", category=category["to"])
    if not any(name in data for name in ("severity", "urgency", "category")):
        yield T("triaged")


def _assigned(data: Mapping[str, Any], names: Mapping[int, str], actor: str) -> Text:
    to = data.get("to")
    if to is None:
        return T("given back to the queue")
    if actor == f"person:{to}":
        return T("taken")
    return T("given to {name}", name=names.get(to, str(to)))


def _status(data: Mapping[str, Any]) -> Text:
    to = Status(data["status"]["to"])
    if to is Status.IN_PROGRESS and data.get("mode"):
        how = mode_words(Mode(data["mode"]), data.get("mode_detail"))
        return T("in progress, {mode}", mode=inner(how))
    if to is Status.RESOLVED and data.get("redundant"):
        return T("resolved: a redundant system stays in service")
    return STATES[to]
