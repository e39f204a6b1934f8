"""Who is on call: a rota in versions, and swaps."""

import sqlalchemy as sa
from alembic import op

from scudo_agent.desk.store.migrations.row_security import protect

revision = "0014"
down_revision = "0013"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; nobody is on call before somebody says who."""
    op.create_table(
        "rota",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Text(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("every_days", sa.Integer(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_rota_version")),
        sa.CheckConstraint("minute BETWEEN 0 AND 1439", name=op.f("ck_rota_minute")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_rota_tenant")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "version", name=op.f("pk_rota")),
    )
    op.create_table(
        "rota_swap",
        sa.Column("swap_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("removed_us", sa.BigInteger(), nullable=True),
        sa.Column("removed_by", sa.Text(), nullable=True),
        sa.CheckConstraint("end_us > start_us", name=op.f("ck_rota_swap_span")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["person.tenant_id", "person.person_id"],
            name=op.f("fk_rota_swap_person"),
        ),
        sa.PrimaryKeyConstraint("swap_id", name=op.f("pk_rota_swap")),
    )
    op.create_index("ix_rota_swap_end", "rota_swap", ["end_us"], unique=False)
    for table in ("rota", "rota_swap"):
        protect(table)
