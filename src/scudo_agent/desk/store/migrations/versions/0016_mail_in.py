"""Mail that comes in, the key of reply addresses, and mails that came back."""

import sqlalchemy as sa
from alembic import op

from scudo_agent.desk.store.migrations.row_security import protect

revision = "0016"
down_revision = "0015"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; no mail that left before is known to have come back."""
    op.create_table(
        "mail_in",
        sa.Column("mail_in_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("proposed", sa.Text(), nullable=True),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("decided_us", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('landed', 'opened', 'noted', 'quarantined', 'discarded')",
            name=op.f("ck_mail_in_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_mail_in_tenant")
        ),
        sa.PrimaryKeyConstraint("mail_in_id", name=op.f("pk_mail_in")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_mail_in_fingerprint")),
    )
    op.create_index("ix_mail_in_outcome", "mail_in", ["outcome", "mail_in_id"])
    op.create_index("ix_mail_in_sender", "mail_in", ["sender", "stored_us"])
    op.create_index("ix_mail_in_ticket", "mail_in", ["ticket_id"])
    op.create_table(
        "desk_secret",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_desk_secret_tenant")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_desk_secret")),
    )
    op.add_column("mail_outbox", sa.Column("bounced_us", sa.BigInteger()))
    op.add_column("mail_outbox", sa.Column("bounce", sa.Text()))
    op.create_index("ix_mail_outbox_message", "mail_outbox", ["message_id"])
    op.create_index(
        "ix_mail_outbox_back",
        "mail_outbox",
        ["bounced_us"],
        sqlite_where=sa.text("bounced_us IS NOT NULL"),
        postgresql_where=sa.text("bounced_us IS NOT NULL"),
    )
    for table in ("mail_in", "desk_secret"):
        protect(table)
