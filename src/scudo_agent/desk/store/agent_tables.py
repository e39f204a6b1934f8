"""Tables about agents beside their own: invitations, processes, mutes, pauses, keys.

`docs/desk.md` explains each column.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Table,
    text,
)

from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import of_site as _of_site
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us
from scudo_agent.desk.store.columns import whole as _whole


def _of_agent() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "agent_id"], ["agent.tenant_id", "agent.agent_id"]
    )


agent_run = Table(
    "agent_run",
    metadata,
    _text("tenant_id"),
    _text("agent_id", key=True),
    _text("run_id", key=True),
    _us("first_us"),
    _us("mono_us"),
    _whole("strikes", default="0"),
    _of_agent(),
)

invitation = Table(
    "invitation",
    metadata,
    _text("tenant_id"),
    _text("token_sha256", key=True),
    _text("site_id"),
    _text("actor"),
    Column("replaces", Boolean, nullable=False, server_default=text("false")),
    _whole("number", default="1"),
    _us("created_us"),
    _us("expires_us"),
    _us("used_us", null=True),
    _text("used_by", null=True),
    _of_site(),
)

intervention = Table(
    "intervention",
    metadata,
    _text("tenant_id"),
    _text("agent_id", key=True),
    _text("intervention_id", key=True),
    *(_text(name) for name in ("site_id", "kind", "scope", "name")),
    *(_us(name) for name in ("since_us", "until_us")),
    *(_text(name) for name in ("reason", "actor")),
    _us("told_us"),
    _of_agent(),
    _of_site(),
)

agent_key = Table(
    "agent_key",
    metadata,
    _text("tenant_id"),
    _text("agent_id"),
    _text("key_sha256", key=True),
    _text("state"),
    _us("made_us"),
    _us("until_us", null=True),
    _us("told_us", null=True),
    _of_agent(),
)
