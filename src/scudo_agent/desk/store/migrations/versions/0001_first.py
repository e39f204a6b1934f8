"""Tenants, sites, agents, incidents, tickets, mails, people: the first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first version."""
    _security_event()
    _tenant()
    _login_code()
    _session()
    _site()
    _agent()
    _ticket()
    _agent_epoch()
    _held_stage()
    _inbox()
    _incident()
    _stream_cursor()
    _ticket_event()
    _mail_outbox()


def _security_event() -> None:
    op.create_table(
        "security_event",
        sa.Column(
            "security_event_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("security_event_id", name=op.f("pk_security_event")),
    )


def _tenant() -> None:
    op.create_table(
        "tenant",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mail", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant")),
    )


def _login_code() -> None:
    op.create_table(
        "login_code",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("code_sha256", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_login_code_tenant")
        ),
        sa.PrimaryKeyConstraint("code_sha256", name=op.f("pk_login_code")),
    )


def _session() -> None:
    op.create_table(
        "session",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("session_sha256", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_session_tenant")
        ),
        sa.PrimaryKeyConstraint("session_sha256", name=op.f("pk_session")),
    )


def _site() -> None:
    op.create_table(
        "site",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=True),
        sa.Column("contract_title", sa.Text(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_site_tenant")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "site_id", name=op.f("pk_site")),
    )


def _agent() -> None:
    op.create_table(
        "agent",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True),
        sa.Column("hello_us", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("config_hash", sa.Text(), nullable=True),
        sa.Column("boot_id", sa.Text(), nullable=True),
        sa.Column("oldest_unacked_age_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "site_id"],
            ["site.tenant_id", "site.site_id"],
            name=op.f("fk_agent_site"),
        ),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agent")),
        sa.UniqueConstraint("key_sha256", name=op.f("uq_agent_key_sha256")),
        sa.UniqueConstraint(
            "tenant_id", "agent_id", name=op.f("uq_agent_tenant_id_agent_id")
        ),
    )


def _ticket() -> None:
    op.create_table(
        "ticket",
        sa.Column(
            "ticket_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("title", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.Column("recovered_us", sa.BigInteger(), nullable=True),
        sa.Column("closed_us", sa.BigInteger(), nullable=True),
        sa.Column("reopen_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "reported_late",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "audience IN ('customer', 'provider')", name=op.f("ck_ticket_audience")
        ),
        sa.CheckConstraint("severity BETWEEN 1 AND 3", name=op.f("ck_ticket_severity")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "site_id"],
            ["site.tenant_id", "site.site_id"],
            name=op.f("fk_ticket_site"),
        ),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_ticket")),
        sa.UniqueConstraint("ref", name=op.f("uq_ticket_ref")),
        sa.UniqueConstraint(
            "tenant_id", "incident_id", name=op.f("uq_ticket_tenant_id_incident_id")
        ),
        sa.UniqueConstraint(
            "tenant_id", "ticket_id", name=op.f("uq_ticket_tenant_id_ticket_id")
        ),
    )
    op.create_index(
        "ix_ticket_queue",
        "ticket",
        ["tenant_id", "severity", "received_us"],
        unique=False,
    )


def _agent_epoch() -> None:
    op.create_table(
        "agent_epoch",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("granted_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.agent_id"],
            name=op.f("fk_agent_epoch_agent"),
        ),
        sa.PrimaryKeyConstraint("agent_id", "epoch", name=op.f("pk_agent_epoch")),
        sa.UniqueConstraint(
            "agent_id", "store_id", name=op.f("uq_agent_epoch_agent_id_store_id")
        ),
    )


def _held_stage() -> None:
    op.create_table(
        "held_stage",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("rev", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.agent_id"],
            name=op.f("fk_held_stage_agent"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "incident_id", "rev", name=op.f("pk_held_stage")
        ),
    )


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.Column("gap_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.agent_id"],
            name=op.f("fk_inbox_agent"),
        ),
        sa.PrimaryKeyConstraint(
            "agent_id", "epoch", "stream", "seq", name=op.f("pk_inbox")
        ),
    )


def _incident() -> None:
    op.create_table(
        "incident",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_key", sa.Text(), nullable=False),
        sa.Column("subject_open", sa.Boolean(), nullable=False),
        sa.Column("title", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("opened_us", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("reopen_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "severity BETWEEN 1 AND 3", name=op.f("ck_incident_severity")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "site_id"],
            ["site.tenant_id", "site.site_id"],
            name=op.f("fk_incident_site"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ticket_id"],
            ["ticket.tenant_id", "ticket.ticket_id"],
            name=op.f("fk_incident_ticket"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "incident_id", name=op.f("pk_incident")),
    )
    op.create_index(
        "ix_incident_subject",
        "incident",
        ["tenant_id", "site_id", "subject_key"],
        unique=False,
    )
    op.create_index(
        "ix_incident_ticket", "incident", ["tenant_id", "ticket_id"], unique=False
    )
    op.create_index(
        "uq_incident_subject_open",
        "incident",
        ["tenant_id", "site_id", "subject_key"],
        unique=True,
        sqlite_where=sa.text("subject_open"),
        postgresql_where=sa.text("subject_open"),
    )


def _stream_cursor() -> None:
    op.create_table(
        "stream_cursor",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("moved_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "agent_id"],
            ["agent.tenant_id", "agent.agent_id"],
            name=op.f("fk_stream_cursor_agent"),
        ),
        sa.PrimaryKeyConstraint(
            "agent_id", "epoch", "stream", name=op.f("pk_stream_cursor")
        ),
    )


def _ticket_event() -> None:
    op.create_table(
        "ticket_event",
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=True),
        sa.Column("severity", sa.Integer(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ticket_id"],
            ["ticket.tenant_id", "ticket.ticket_id"],
            name=op.f("fk_ticket_event_ticket"),
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_ticket_event")),
        sa.UniqueConstraint(
            "tenant_id", "event_id", name=op.f("uq_ticket_event_tenant_id_event_id")
        ),
    )
    op.create_index(
        "ix_ticket_event_incident",
        "ticket_event",
        ["tenant_id", "incident_id", "rev"],
        unique=False,
    )
    op.create_index(
        "ix_ticket_event_ticket",
        "ticket_event",
        ["tenant_id", "ticket_id"],
        unique=False,
    )


def _mail_outbox() -> None:
    op.create_table(
        "mail_outbox",
        sa.Column(
            "mail_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("in_reply_to", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until_us", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sent_us", sa.BigInteger(), nullable=True),
        sa.Column("folded_into", sa.Text(), nullable=True),
        sa.Column("fold_rule", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'folded') = (folded_into IS NOT NULL)",
            name=op.f("ck_mail_outbox_folded_into"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'folded', 'failed')",
            name=op.f("ck_mail_outbox_state"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_id"],
            ["ticket_event.tenant_id", "ticket_event.event_id"],
            name=op.f("fk_mail_outbox_ticket_event"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ticket_id"],
            ["ticket.tenant_id", "ticket.ticket_id"],
            name=op.f("fk_mail_outbox_ticket"),
        ),
        sa.PrimaryKeyConstraint("mail_id", name=op.f("pk_mail_outbox")),
        sa.UniqueConstraint(
            "tenant_id",
            "incident_id",
            "kind",
            "rev",
            name=op.f("uq_mail_outbox_tenant_id_incident_id_kind_rev"),
        ),
        sa.UniqueConstraint(
            "tenant_id", "message_id", name=op.f("uq_mail_outbox_tenant_id_message_id")
        ),
    )
    op.create_index(
        "ix_mail_outbox_due", "mail_outbox", ["state", "next_us"], unique=False
    )
    op.create_index(
        "ix_mail_outbox_ticket", "mail_outbox", ["ticket_id", "state"], unique=False
    )
