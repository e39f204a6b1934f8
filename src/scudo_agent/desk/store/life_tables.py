"""What people add to tickets and sites: life, the words to find them by, contracts."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from scudo_agent.desk.store.columns import IN_CODE_ORDER, SERIAL
from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import of_site as _of_site
from scudo_agent.desk.store.columns import tenant as _tenant
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us
from scudo_agent.desk.store.columns import whole as _int


def life_columns() -> tuple[Column[Any], ...]:
    """What people decide of a ticket, and what a customer's request says.

    `version` grows with each change of the row: who changes it says which one was
    seen. `requester` has the name, mail and telephone of who asked, `request` what
    was told (`domain.md` 5: detected, url, description), `estimate_us` when the
    service is thought to be back, `redundant_us` since when a redundant system stands
    in. `provisional`: the code is the category's, before
    triage.
    """
    columns: tuple[Column[Any], ...] = (
        # Whatever changes a ticket's row, an agent's stage too, changes its version.
        Column(
            "version",
            Integer,
            nullable=False,
            server_default="1",
            onupdate=text("version + 1"),
        ),
        _int("urgency", null=True),
        _text("category", null=True),
        _text("channel", null=True),
        Column("assignee_id", BigInteger, nullable=True),
        Column("requester_id", BigInteger, nullable=True),
        Column("requester", JSON(none_as_null=True), nullable=True),
        Column("request", JSON(none_as_null=True), nullable=True),
        _us("estimate_us", null=True),
        _us("redundant_us", null=True),
        _text("mode", null=True),
        _text("mode_detail", null=True),
        Column("provisional", Boolean, nullable=False, server_default=text("false")),
        _us("due_us", null=True),
    )
    return columns


ticket_word = Table(
    "ticket_word",
    metadata,
    Column("word", IN_CODE_ORDER, primary_key=True),
    _tenant(primary_key=True),
    Column("ticket_id", BigInteger, primary_key=True, autoincrement=False),
    Column("internal", Boolean, primary_key=True, autoincrement=False),
    ForeignKeyConstraint(
        ["tenant_id", "ticket_id"], ["ticket.tenant_id", "ticket.ticket_id"]
    ),
    sqlite_with_rowid=False,
)
"""A word, in small letters and without accents, that a ticket is found by.

One table for both databases: a prefix is a range of its key. An `internal` one
stands where customers do not read, and finds the ticket for the provider alone.
"""
Index("ix_ticket_word_ticket", ticket_word.c.tenant_id, ticket_word.c.ticket_id)

site_contract = Table(
    "site_contract",
    metadata,
    Column("site_contract_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    _text("site_id"),
    _text("contract_id"),
    _text("valid_from"),
    _text("valid_until", null=True),
    _us("stored_us"),
    _text("actor"),
    UniqueConstraint("tenant_id", "site_id", "valid_from"),
    CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="order"),
    _of_site(),
)
"""Which contract holds for a site from which day on, to which day (dates, ISO)."""
