"""In which time zone a person reads, and with which browser a session began."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the columns; nobody has chosen a zone yet, and of old sessions none knows."""
    op.add_column("person", sa.Column("timezone", sa.Text(), nullable=True))
    op.add_column("session", sa.Column("browser", sa.Text(), nullable=True))
