"""Statements that go out by mail, and from how much of the ledger they were made."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns; of what was stated before nobody knows, and no mail was sent."""
    op.add_column("statement", sa.Column("whole_us", sa.BigInteger(), nullable=True))
    op.add_column("statement", sa.Column("mail_id", sa.BigInteger(), nullable=True))
