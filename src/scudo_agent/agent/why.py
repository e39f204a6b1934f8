"""Why a service is in its state, from what is known of it: for `why` (`domain.md` 2).

Everything comes from the status document (live or stored), the store's own stages and
the desk's answer about tickets; nothing is judged again.
"""

import json
from collections.abc import Mapping
from typing import Any

from scudo_agent.agent.document import Document, text_of
from scudo_agent.config.site import Site, ancestors
from scudo_agent.errors import InputError
from scudo_agent.incident import split_subject
from scudo_agent.instant import Instant, format_instant
from scudo_agent.judge.batch import Change
from scudo_agent.model import State
from scudo_agent.store.outbox import stages_of
from scudo_agent.store.read import StoreReader
from scudo_agent.store.values import IncidentRow


def why_document(
    site: Site, service: str, status: Document, reader: StoreReader
) -> Document:
    """What is known of one service now; `status` is the status document.

    `checks` are its members with their ancestors that are not up; `incidents` the
    open ones that have to do with it, each with its stages as they were told the
    desk. Without an open incident the last one that ended stands there.
    """
    named = (one for one in status["services"] if one["service"] == service)
    found = next(named, None)
    if found is None:
        raise InputError(
            f"'{service}' is in {site.path}, and the agent does not go by that version "
            "yet: scudo-agent reload"
        )
    members = found["checks"]
    by_path = {check["check"]: check for check in status["checks"]}
    above = ancestors(site)
    causes = (up for path in members for up in above.get(path, ()) if up in by_path)
    wanted = dict.fromkeys([*members, *causes])
    changes = reader.timelines(Instant(0), Instant((1 << 62) - 1))
    checks = []
    for path in wanted:
        check = by_path[path]
        if path not in members and check["state"] in ("up", "unknown"):
            continue
        first, decided = _first(changes.get(path, ()), check["state"])
        checks.append(
            {
                **check,
                "member": path in members,
                "first_bad": first,
                "confirmed": decided,
            }
        )
    return {
        "service": found,
        "site": status["site"],
        "zone": status["zone"],
        "at": status["at"],
        "live": status["live"],
        "isolated_since": status["isolated_since"],
        "checks": checks,
        "incidents": _incidents(service, set(wanted), reader),
        "left": _left(service, set(members), status),
    }


def _first(changes: Any, state: str) -> tuple[str | None, str | None]:
    """First failure of the present bad state, and when it was confirmed."""
    if not State(state).bad:
        return None, None
    last = [one for one in changes if isinstance(one, Change)][-1:]
    if not last or str(last[0].state) != state:
        return None, None
    return format_instant(last[0].since), format_instant(last[0].decided)


def _left(service: str, members: set[str], status: Document) -> Document:
    """Windows, open and planned, mutes and pauses that touch the service."""
    orders = [*status.get("mutes", ()), *status.get("pauses", ())]
    return {
        **{
            key: [
                one
                for one in status.get(key, ())
                if not {service, "*"}.isdisjoint(one["services"])
            ]
            for key in ("windows", "planned")
        },
        "orders": [
            one
            for one in orders
            if one["name"] == service or not members.isdisjoint(one["checks"])
        ],
    }


def _incidents(service: str, paths: set[str], reader: StoreReader) -> list[Document]:
    """The open incidents that have to do with it; without any the last of all."""
    rows = reader.incidents()
    bound = [row for row in rows if _about(row.subject, service, paths)]
    known = {row.incident_id: row for row in rows if row.state.open}
    known |= {row.incident_id: row for row in bound[-1:]}
    told = reader.read(lambda db: stages_of(db, known))
    stages = {
        id_: [_stage(json.loads(body), acked) for body, acked in told.get(id_, ())]
        for id_ in known
    }
    found = [
        row
        for row in known.values()
        if row in bound
        or any(_touches(one, service, paths) for one in stages[row.incident_id])
    ]
    open_ = [row for row in found if row.state.open]
    return [_incident(row, stages[row.incident_id]) for row in open_ or found]


def _incident(row: IncidentRow, stages: list[Document]) -> Document:
    return {
        "incident": row.incident_id,
        "subject": row.subject,
        "open": row.state.open,
        "since": format_instant(row.since),
        "opened": format_instant(row.opened),
        "recovered": text_of(row.recovered),
        "severity": row.severity,
        "rule": row.rule,
        "ticket": row.ticket_ref,
        "stages": stages,
    }


def _about(subject: str, service: str, paths: set[str]) -> bool:
    kind, name = split_subject(subject)
    return name == service if kind == "service" else name in paths


def _touches(stage: Document, service: str, paths: set[str]) -> bool:
    return service in stage["affected"] or not paths.isdisjoint(stage["members"])


def _stage(body: Mapping[str, Any], acked: Instant | None) -> Document:
    return {
        "kind": body["kind"],
        "at": body["at"],
        "severity": body["severity"],
        "members": [member["check"] for member in body["members"]],
        "affected": [
            named["id"].removeprefix("service:") for named in body["affected"]
        ],
        "note": body["note"],
        "told_desk": text_of(acked),
    }
