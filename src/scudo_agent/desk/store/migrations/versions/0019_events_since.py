"""Histories are read from an instant on: by programs that missed something."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_ticket_event_stored", "ticket_event", ["stored_us"])
