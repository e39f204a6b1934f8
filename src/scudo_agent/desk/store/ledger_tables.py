"""The tables of stream L and of the statements that follow from it.

Eleven contract years are kept of both. `docs/desk.md` explains each table.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    Table,
)

from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import number as _number
from scudo_agent.desk.store.columns import of_site as _of_site
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us

ledger = Table(
    "ledger",
    metadata,
    _text("agent_id", key=True),
    _number("epoch", key=True),
    _number("seq", key=True),
    _text("tenant_id"),
    _text("site_id"),
    _text("service", null=True),
    _text("state", null=True),
    _us("since_us", null=True),
    _us("decided_us", null=True),
    _text("sha256"),
    _text("gap_reason", null=True),
    _us("stored_us"),
    CheckConstraint(
        "service IS NOT NULL OR gap_reason IS NOT NULL", name="told_or_gap"
    ),
    _of_site(),
)
Index("ix_ledger_site", ledger.c.tenant_id, ledger.c.site_id, ledger.c.service)

ledger_mark = Table(
    "ledger_mark",
    metadata,
    _text("agent_id", key=True),
    _number("epoch", key=True),
    _text("tenant_id"),
    _text("site_id"),
    _number("head_seq"),
    _us("said_us"),
    _us("whole_us", null=True),
    _of_site(),
)
"""How far each store of an agent has told: `whole_us` is the instant up to which
nothing is missing, `head_seq` the number that it had written at `said_us`."""

statement = Table(
    "statement",
    metadata,
    _text("tenant_id", key=True),
    _text("site_id", key=True),
    _text("period", key=True),
    _number("revision", key=True),
    _text("sha256"),
    Column("body", LargeBinary, nullable=False),
    _us("made_us"),
    _text("actor"),
    _text("why", null=True),
    _us("whole_us", null=True),
    Column("mail_id", BigInteger(), nullable=True),
    _of_site(),
)
"""`whole_us`: up to when the ledger was whole when it was made; `mail_id`: the mail
that brings it to the customer, written in the same transaction. It is no foreign key:
SQLite would need another table for it."""
