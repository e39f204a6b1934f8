"""Tickets as JSON: for the API, and for commands."""

from typing import Any

from scudo_agent.desk.history import timeline
from scudo_agent.desk.store.attachments import Attachment
from scudo_agent.desk.store.views import TicketLine, TicketView
from scudo_agent.instant import format_instant
from scudo_agent.locale import Translator


def line_json(line: TicketLine) -> dict[str, Any]:
    """One ticket of a list; instants RFC 3339."""
    return {
        "ref": line.ref,
        "customer": line.customer,
        "site": line.site_id,
        "zone": line.zone,
        "subject": line.subject,
        "title": line.title,
        "origin": line.origin,
        "status": line.status.value,
        "condition": line.condition.value,
        "severity": line.severity,
        "rule": line.rule,
        "since": format_instant(line.since),
        "opened": format_instant(line.received),
        "recovered": None if line.recovered is None else format_instant(line.recovered),
        "closed": None if line.closed is None else format_instant(line.closed),
        "reopen_count": line.reopen_count,
        "reported_late": line.reported_late,
        "storm": line.storm,
        "unstable": line.unstable,
    } | _life_json(line)


def _life_json(line: TicketLine) -> dict[str, Any]:
    """What people decide of a ticket; `version` is what a change of it names."""
    assignee = None
    if line.assignee_id is not None:
        assignee = {"id": line.assignee_id, "name": line.assignee or ""}
    return {
        "version": line.version,
        "urgency": line.urgency,
        "category": line.category,
        "provisional": line.provisional,
        "channel": line.channel,
        "assignee": assignee,
        "requester": line.requester,
        "request": line.request,
        "estimate": None if line.estimate is None else format_instant(line.estimate),
        "mode": line.mode,
        "mode_detail": line.mode_detail,
        "due": None if line.due is None else format_instant(line.due),
        "redundant": None if line.redundant is None else format_instant(line.redundant),
    }


def view_json(view: TicketView, translator: Translator) -> dict[str, Any]:
    """One ticket with its history, as stored and in words."""
    return line_json(view.line) | {
        "previous": view.previous,
        "linked": list(view.linked),
        "history": [
            {
                "at": format_instant(happening.at),
                "kind": happening.kind,
                "text": happening.text,
                "detail": happening.detail,
                "actor": happening.actor,
                "name": happening.name,
                "readers": happening.readers,
            }
            for happening in timeline(view, translator)
        ],
        "attachments": [attachment_json(one) for one in view.attachments],
        "incidents": _incidents_json(view, translator),
        "history_left_out": view.left_out,
        "mails_waiting": [
            {
                "kind": mail.kind,
                "state": mail.state,
                "error": mail.error,
                "next": format_instant(mail.next),
            }
            for mail in view.mails
        ],
    }


def attachment_json(one: Attachment) -> dict[str, Any]:
    """A file at a ticket; its bytes are elsewhere."""
    return {
        "id": one.mark,
        "kind": one.kind,
        "name": one.name,
        "public": one.public,
        "media_type": one.media_type,
        "source": one.source,
        "size": one.size,
        "sha256": one.sha256,
        "taken": format_instant(one.taken),
    }


def _incidents_json(view: TicketView, translator: Translator) -> list[dict[str, Any]]:
    """A page of a storm's incidents; of any other ticket none."""
    if view.storm is None:
        return []
    return [
        {
            "subject": one.name,
            "title": translator.title(one.title, one.name),
            "site": one.site_id,
            "severity": one.severity,
            "condition": one.condition.value,
            "since": format_instant(one.since),
            "until": None if one.ended is None else format_instant(one.ended),
        }
        for one in view.storm.lines
    ]
