"""The table of files at tickets: screenshots by agents, and what people attach."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
)
from sqlalchemy import text as sql_text

from scudo_agent.desk.store.columns import SERIAL
from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us
from scudo_agent.desk.store.columns import whole as _int

attachment = Table(
    "attachment",
    metadata,
    Column(
        "attachment_id",
        SERIAL,
        primary_key=True,
        autoincrement=True,
    ),
    _text("tenant_id"),
    Column("ticket_id", BigInteger, nullable=False),
    _text("incident_id", null=True),
    _int("rev", null=True),
    _text("kind"),
    _text("media_type"),
    _text("source", null=True),
    _int("size"),
    _int("width", null=True),
    _int("height", null=True),
    _text("sha256"),
    Column("content", LargeBinary, nullable=False),
    _us("taken_us"),
    _us("stored_us"),
    _text("actor"),
    _text("name", null=True),
    Column("public", Boolean, nullable=False, server_default=sql_text("true")),
    UniqueConstraint("tenant_id", "incident_id", "rev", "kind"),
    ForeignKeyConstraint(
        ["tenant_id", "ticket_id"], ["ticket.tenant_id", "ticket.ticket_id"]
    ),
)
Index("ix_attachment_ticket", attachment.c.tenant_id, attachment.c.ticket_id)
