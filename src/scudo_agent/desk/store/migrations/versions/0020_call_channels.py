"""Channels other than mail by which people are called, and calls by them."""

import sqlalchemy as sa
from alembic import op

from scudo_agent.desk.store.migrations.row_security import protect

revision = "0020"
down_revision = "0019"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table and the columns; no customer's reader sees an address."""
    op.create_table(
        "call_channel",
        sa.Column("channel_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["person.tenant_id", "person.person_id"],
            name=op.f("fk_call_channel_person"),
        ),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_call_channel")),
        sa.UniqueConstraint(
            "tenant_id",
            "person_id",
            "url",
            name=op.f("uq_call_channel_tenant_id_person_id_url"),
        ),
    )
    protect("call_channel", columns="tenant_id, channel_id")
    op.add_column("call", sa.Column("channel_id", sa.BigInteger(), nullable=True))
    op.add_column("call", sa.Column("lease_us", sa.BigInteger(), nullable=True))
