"""Alembic's entry: runs the steps on the connection that `migrate` opened."""

from alembic import context

from scudo_agent.desk.store import (
    agent_tables,
    attachment_tables,
    ledger_tables,
    life_tables,
    mail_tables,
    people_tables,
    program_tables,
    session_tables,
    tables,
    window_tables,
)
from scudo_agent.desk.store.columns import metadata

# Wherever a table is declared, it is in one registry.
DECLARED = (
    agent_tables,
    attachment_tables,
    ledger_tables,
    life_tables,
    mail_tables,
    people_tables,
    program_tables,
    session_tables,
    tables,
    window_tables,
)
assert all(one.metadata is metadata for one in DECLARED)
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's DDL is transactional once we begin the transaction ourselves.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
