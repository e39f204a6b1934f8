"""Stages and notices as a desk would make them."""

from typing import Any

from scudo_agent.desk.notice import Notice
from scudo_agent.text import T
from scudo_agent.wire import Evidence, Named, Outage, Stage

REF = "SC-7F3K-9QZ2"
URL = f"https://desk.example/t/{REF}"
ERP = Named(id="erp", title={"it": "Gestionale", "en": "ERP"})
OUTAGE = Outage(
    since="2026-11-23T09:41:50Z",
    until="2026-11-23T09:43:35Z",
    down_us=91_000_000,
    degraded_us=0,
    unknown_us=14_000_000,
)


def evidence(**changes: Any) -> Evidence:
    """A web page that answers 503."""
    fields: dict[str, Any] = {
        "check": "erp/web",
        "state": "down",
        "since": "2026-11-23T09:41:50Z",
        "kind": "http",
        "endpoint": "https://erp.example/login",
        "seen": T("{a}", a="503").to_json(),
        "expected": T("{a}", a="200").to_json(),
    }
    return Evidence(**(fields | changes))


def stage(kind: str = "open", **changes: Any) -> Stage:
    """A stage of an incident of severity 1 of the service `erp`."""
    fields: dict[str, Any] = {
        "seq": 1,
        "incident_id": "01900000-0000-7000-8000-000000000000",
        "rev": 1 if kind == "open" else 2,
        "kind": kind,
        "at": "2026-11-23T09:42:10Z",
        "subject_key": "service:erp",
        "subject": ERP,
        "since": "2026-11-23T09:41:50Z",
        "severity": 1,
        "rule": "S1",
        "members": [evidence()],
        "affected": [ERP],
    }
    return Stage(**(fields | changes))


def warning(kind: str = "open", **changes: Any) -> Stage:
    """A stage of the warning that a certificate ends."""
    member = evidence(
        check="web/tls", state="up", endpoint="erp.example:443", expected=None
    )
    fields: dict[str, Any] = {
        "subject_key": "warn:web/tls",
        "subject": Named(id="web/tls"),
        "severity": 3,
        "rule": "S4",
        "members": [member],
        "affected": [],
    }
    return stage(kind, **(fields | changes))


def isolated(kind: str = "open", **changes: Any) -> Stage:
    """A stage of the provider's own incident about an isolated agent."""
    fields: dict[str, Any] = {
        "subject_key": "agent",
        "subject": Named(id="agent"),
        "audience": "provider",
        "severity": None,
        "rule": None,
        "affected": [],
    }
    return stage(kind, **(fields | changes))


def notice(told: Stage, **changes: Any) -> Notice:
    """The notice of a stage."""
    fields: dict[str, Any] = {
        "ref": REF,
        "stage": told,
        "ticket_url": URL,
        "provider": "Altec",
        "site": "acme-milano",
    }
    return Notice(**(fields | changes))
