"""The table of files at tickets: screenshots by agents, later what people attach."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from scudo_agent.desk.store.tables import metadata


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _us(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _int(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=null)


attachment = Table(
    "attachment",
    metadata,
    Column(
        "attachment_id",
        BigInteger().with_variant(Integer(), "sqlite"),
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
    UniqueConstraint("tenant_id", "incident_id", "rev", "kind"),
    ForeignKeyConstraint(
        ["tenant_id", "ticket_id"], ["ticket.tenant_id", "ticket.ticket_id"]
    ),
)
Index("ix_attachment_ticket", attachment.c.tenant_id, attachment.c.ticket_id)
