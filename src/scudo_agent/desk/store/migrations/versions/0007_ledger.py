"""Stream L: the ledgers of agents, how far they are whole, and statements of them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the tables; every service that is known so far counts as contracted."""
    _ledger()
    _ledger_mark()
    _statement()
    op.add_column(
        "site_service",
        sa.Column("contracted", sa.Boolean(), nullable=False, server_default=sa.true()),
    )


def _site(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "site_id"],
        ["site.tenant_id", "site.site_id"],
        name=op.f(f"fk_{table}_site"),
    )


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("since_us", sa.BigInteger(), nullable=True),
        sa.Column("decided_us", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("gap_reason", sa.Text(), nullable=True),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "service IS NOT NULL OR gap_reason IS NOT NULL",
            name=op.f("ck_ledger_told_or_gap"),
        ),
        _site("ledger"),
        sa.PrimaryKeyConstraint("agent_id", "epoch", "seq", name=op.f("pk_ledger")),
    )
    op.create_index(
        "ix_ledger_site", "ledger", ["tenant_id", "site_id", "service"], unique=False
    )


def _ledger_mark() -> None:
    op.create_table(
        "ledger_mark",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("head_seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("said_us", sa.BigInteger(), nullable=False),
        sa.Column("whole_us", sa.BigInteger(), nullable=True),
        _site("ledger_mark"),
        sa.PrimaryKeyConstraint("agent_id", "epoch", name=op.f("pk_ledger_mark")),
    )


def _statement() -> None:
    op.create_table(
        "statement",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        _site("statement"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "site_id", "period", "revision", name=op.f("pk_statement")
        ),
    )
