"""The tables of who is let in: login codes of the command line, and sessions."""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Table

from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import tenant as _tenant
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us

login_code = Table(
    "login_code",
    metadata,
    _tenant(),
    _text("code_sha256", key=True),
    _text("role"),
    _text("actor"),
    _us("created_us"),
    _us("expires_us"),
    _us("used_us", null=True),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)

session = Table(
    "session",
    metadata,
    _tenant(),
    _text("session_sha256", key=True),
    _text("role"),
    _text("actor"),
    Column("person_id", BigInteger, nullable=True),
    _text("language", null=True),
    _us("created_us"),
    _us("expires_us"),
    _us("revoked_us", null=True),
    _text("browser", null=True),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)
