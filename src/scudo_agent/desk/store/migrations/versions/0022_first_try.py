"""When a message to a webhook was tried first: patience begins there."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the column; what was tried before counts from when it was made."""
    column = sa.Column("first_try_us", sa.BigInteger(), nullable=True)
    op.add_column("webhook_outbox", column)
    op.execute(
        "UPDATE webhook_outbox SET first_try_us = created_us "
        "WHERE state = 'pending' AND attempts > 0"
    )
