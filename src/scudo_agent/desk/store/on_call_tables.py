"""The tables of who is on call; all rows are the provider's."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
)

from scudo_agent.desk.store.columns import SERIAL
from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import tenant as _tenant
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us
from scudo_agent.desk.store.columns import whole as _int

rota = Table(
    "rota",
    metadata,
    _tenant(primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _text("zone"),
    _text("first_day"),
    _int("minute"),
    _int("every_days"),
    Column("people", JSON, nullable=False),
    _us("from_us"),
    _us("stored_us"),
    _text("actor"),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint("minute BETWEEN 0 AND 1439", name="minute"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)
"""A rota, never changed; of those that have begun (`from_us`) the last one holds."""

rota_swap = Table(
    "rota_swap",
    metadata,
    Column("swap_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    Column("person_id", BigInteger, nullable=False),
    _us("start_us"),
    _us("end_us"),
    _text("words"),
    _us("created_us"),
    _text("actor"),
    _us("removed_us", null=True),
    _text("removed_by", null=True),
    CheckConstraint("end_us > start_us", name="span"),
    ForeignKeyConstraint(
        ["tenant_id", "person_id"], ["person.tenant_id", "person.person_id"]
    ),
)
"""Somebody takes a part of another's turn; what was taken back stays, and says who."""
Index("ix_rota_swap_end", rota_swap.c.end_us)
