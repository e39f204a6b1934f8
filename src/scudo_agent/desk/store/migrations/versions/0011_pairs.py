"""A second agent of a site: its invitation, and what is set aside of a silent one."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add which agent of a site is invited, and until when an incident is set aside."""
    op.add_column(
        "invitation",
        sa.Column("number", sa.Integer(), server_default="1", nullable=False),
    )
    op.add_column("incident", sa.Column("aside_us", sa.BigInteger(), nullable=True))
