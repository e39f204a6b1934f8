"""Contract versions, and an index of the tickets that wait to be closed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what closing a quiet ticket needs."""
    op.create_table(
        "contract_version",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_contract_version_revision")),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenant.tenant_id"],
            name=op.f("fk_contract_version_tenant"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id",
            "contract_id",
            "revision",
            name=op.f("pk_contract_version"),
        ),
    )
    quiet = sa.text("condition = 'recovered' AND status != 'closed'")
    op.create_index(
        "ix_ticket_quiet",
        "ticket",
        ["tenant_id", "site_id"],
        unique=False,
        sqlite_where=quiet,
        postgresql_where=quiet,
    )
