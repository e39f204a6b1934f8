"""Alembic's entry: runs the steps on the connection that `migrate` opened."""

from alembic import context

from scudo_agent.desk.store import agent_tables, attachment_tables, window_tables

# All tables, wherever they are declared, are in one metadata.
assert attachment_tables.attachment.metadata is window_tables.metadata
assert agent_tables.invitation.metadata is window_tables.metadata
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=window_tables.metadata,
    # SQLite's DDL is transactional once we begin the transaction ourselves.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
