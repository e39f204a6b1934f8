"""A customer's reader on PostgreSQL sees since when a colleague has a password.

Lists of people say whether somebody can come in; of the password itself nothing is
shown. On SQLite nothing changes.
"""

from alembic import op

from scudo_agent.desk.store.migrations.row_security import on_postgresql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the column to those that the reader's role may read."""
    if on_postgresql():
        op.execute("GRANT SELECT (password_us) ON person TO scudo_tenant")
