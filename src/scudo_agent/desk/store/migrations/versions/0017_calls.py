"""Calls about tickets that nobody takes: alarms, who was called, links to answer."""

import sqlalchemy as sa
from alembic import op

from scudo_agent.desk.store.migrations.row_security import protect

revision = "0017"
down_revision = "0016"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; a customer's reader sees that there was a call, and no more."""
    _alarm()
    _call()
    _link()
    protect("alarm", columns="tenant_id, alarm_id, ticket_id, begun_us")
    protect("call", columns="tenant_id, call_id, alarm_id, created_us")
    protect("call_link", columns="tenant_id, call_id, created_us")


def _alarm() -> None:
    op.create_table(
        "alarm",
        sa.Column("alarm_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("spell", sa.Integer(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("begun_us", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_how", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(ended_us IS NULL) = (ended_how IS NULL)", name=op.f("ck_alarm_ended")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ticket_id"],
            ["ticket.tenant_id", "ticket.ticket_id"],
            name=op.f("fk_alarm_ticket"),
        ),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("pk_alarm")),
        sa.UniqueConstraint(
            "tenant_id",
            "ticket_id",
            "spell",
            name=op.f("uq_alarm_tenant_id_ticket_id_spell"),
        ),
        sa.UniqueConstraint(
            "tenant_id", "alarm_id", name=op.f("uq_alarm_tenant_id_alarm_id")
        ),
    )
    op.create_index(
        "ix_alarm_running",
        "alarm",
        ["next_us"],
        unique=False,
        sqlite_where=sa.text("ended_us IS NULL"),
        postgresql_where=sa.text("ended_us IS NULL"),
    )


def _call() -> None:
    op.create_table(
        "call",
        sa.Column("call_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("alarm_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("sent_us", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'failed', 'dropped')",
            name=op.f("ck_call_state"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "alarm_id"],
            ["alarm.tenant_id", "alarm.alarm_id"],
            name=op.f("fk_call_alarm"),
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call")),
        sa.UniqueConstraint(
            "tenant_id",
            "alarm_id",
            "step",
            "target",
            name=op.f("uq_call_tenant_id_alarm_id_step_target"),
        ),
        sa.UniqueConstraint(
            "tenant_id", "call_id", name=op.f("uq_call_tenant_id_call_id")
        ),
    )
    op.create_index(
        "ix_call_open",
        "call",
        ["message_id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def _link() -> None:
    op.create_table(
        "call_link",
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "call_id"],
            ["call.tenant_id", "call.call_id"],
            name=op.f("fk_call_link_call"),
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_call_link")),
    )
    op.create_index(
        "ix_call_link_call", "call_link", ["tenant_id", "call_id"], unique=False
    )
