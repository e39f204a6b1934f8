"""Storm tickets, unstable ones, and what a person decides about a ticket."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add columns with which a ticket remembers how it behaved."""
    for column in (
        sa.Column("storm_us", sa.BigInteger(), nullable=True),
        sa.Column("unstable_us", sa.BigInteger(), nullable=True),
        sa.Column("relapses", sa.JSON(none_as_null=True), nullable=True),
        sa.Column(
            "edited", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("insisted_us", sa.BigInteger(), nullable=True),
    ):
        op.add_column("ticket", column)
    op.add_column(
        "mail_outbox",
        sa.Column(
            "digest", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    storm = sa.text("storm_us IS NOT NULL")
    op.create_index(
        "ix_ticket_storm",
        "ticket",
        ["tenant_id", "storm_us"],
        sqlite_where=storm,
        postgresql_where=storm,
    )
    op.drop_index("ix_incident_ticket", "incident")
    op.create_index(
        "ix_incident_ticket", "incident", ["tenant_id", "ticket_id", "condition"]
    )
    op.create_index("ix_incident_opened", "incident", ["tenant_id", "opened_us"])
    op.create_index(
        "ix_mail_outbox_folded", "mail_outbox", ["tenant_id", "folded_into"]
    )
