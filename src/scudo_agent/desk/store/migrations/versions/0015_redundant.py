"""Since when a redundant system stands in for what a ticket is about."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the column; of what was noted in words before nobody knows since when."""
    op.add_column("ticket", sa.Column("redundant_us", sa.BigInteger(), nullable=True))
