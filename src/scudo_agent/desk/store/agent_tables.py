"""Tables about agents beside their own: invitations, and their processes.

`docs/desk.md` explains each column.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    Table,
    Text,
    text,
)

from scudo_agent.desk.store.tables import metadata as metadata


def _text(name: str, *, null: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null, primary_key=key)


def _us(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


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
    Column("strikes", Integer, nullable=False, server_default="0"),
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
    _us("created_us"),
    _us("expires_us"),
    _us("used_us", null=True),
    _text("used_by", null=True),
    ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
)
