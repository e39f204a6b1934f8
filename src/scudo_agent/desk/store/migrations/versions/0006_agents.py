"""Agents' processes and invitations; copies, and desks put back from one."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what tells copies from restarts, and who may join."""
    for column in (
        sa.Column("key_us", sa.BigInteger(), nullable=True),
        sa.Column("cloned_us", sa.BigInteger(), nullable=True),
        sa.Column("recover_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recover_from", sa.BigInteger(), nullable=True),
        sa.Column("recover_seq", sa.BigInteger(), nullable=True),
    ):
        op.add_column("agent", column)
    of_agent = (["tenant_id", "agent_id"], ["agent.tenant_id", "agent.agent_id"])
    op.create_table(
        "agent_run",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("mono_us", sa.BigInteger(), nullable=False),
        sa.Column("strikes", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(*of_agent, name=op.f("fk_agent_run_agent")),
        sa.PrimaryKeyConstraint("agent_id", "run_id", name=op.f("pk_agent_run")),
    )
    op.create_table(
        "invitation",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(
            "replaces", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=True),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "site_id"],
            ["site.tenant_id", "site.site_id"],
            name=op.f("fk_invitation_site"),
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_invitation")),
    )
