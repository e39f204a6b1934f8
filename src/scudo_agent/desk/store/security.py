"""What is kept of things that concern who may do what: never a password or a token."""

from typing import Any

from sqlalchemy import Connection, insert

from scudo_agent.desk.store.tables import security_event
from scudo_agent.instant import Instant

LOGIN_LOCKED = "login_locked"
PASSWORD_SET = "password_set"  # noqa: S105 - a kind of event
RESET_ASKED = "reset_asked"
INVITED = "person_invited"
ROLE_CHANGED = "role_changed"
DISABLED, ENABLED = "person_disabled", "person_enabled"


def note_security(
    db: Connection,
    tenant_id: str,
    kind: str,
    *,
    actor: str,
    now: Instant,
    **data: Any,
) -> None:
    """One entry: whose it is, what, by whom, when."""
    row = {
        "tenant_id": tenant_id,
        "kind": kind,
        "actor": actor,
        "at_us": now,
        "data": data,
    }
    db.execute(insert(security_event).values(row))
