"""Maintenance windows, and mails that belong to a window instead of a ticket."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what windows at the desk need."""
    op.add_column(
        "site",
        sa.Column("windows_revision", sa.Integer(), server_default="0", nullable=False),
    )
    _mails_of_windows()
    _site_service()
    _window_series()
    _window()
    _window_announcement()
    _window_cancellation()
    _window_correction()
    _window_request()
    if op.get_bind().dialect.name == "sqlite":
        for name in (
            "window_series",
            "window",
            "window_announcement",
            "window_cancellation",
            "window_correction",
        ):
            _guard(name)


def _guard(name: str) -> None:
    """Keep a table's rows as they were written."""
    op.execute(
        f"CREATE TRIGGER {name}_stands BEFORE UPDATE ON {name} "
        f"BEGIN SELECT RAISE(ABORT, '{name} is never changed'); END"
    )
    op.execute(
        f"CREATE TRIGGER {name}_stays BEFORE DELETE ON {name} "
        f"BEGIN SELECT RAISE(ABORT, '{name} is never deleted'); END"
    )


def _mails_of_windows() -> None:
    """A mail has a ticket, or else a window's thread. SQLite needs a new table."""
    with op.batch_alter_table("mail_outbox", copy_from=_outbox_before()) as batch:
        batch.alter_column("ticket_id", existing_type=sa.BigInteger(), nullable=True)
        batch.alter_column("event_id", existing_type=sa.BigInteger(), nullable=True)
        batch.add_column(sa.Column("window_thread", sa.Text(), nullable=True))
        batch.create_unique_constraint(
            op.f("uq_mail_outbox_tenant_id_mail_id"), ["tenant_id", "mail_id"]
        )
        batch.create_check_constraint(
            op.f("ck_mail_outbox_window"),
            "ticket_id IS NOT NULL OR window_thread IS NOT NULL",
        )
        batch.create_index("ix_mail_outbox_window", ["window_thread", "state"])


def _outbox_before() -> sa.Table:
    """The outbox as the first step made it: SQLite cannot tell its checks."""
    table = sa.Table(
        "mail_outbox",
        sa.MetaData(),
        sa.Column(
            "mail_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
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
            name="ck_mail_outbox_folded_into",
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'folded', 'failed')",
            name="ck_mail_outbox_state",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_id"],
            ["ticket_event.tenant_id", "ticket_event.event_id"],
            name="fk_mail_outbox_ticket_event",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ticket_id"],
            ["ticket.tenant_id", "ticket.ticket_id"],
            name="fk_mail_outbox_ticket",
        ),
        sa.PrimaryKeyConstraint("mail_id", name="pk_mail_outbox"),
        sa.UniqueConstraint(
            "tenant_id",
            "incident_id",
            "kind",
            "rev",
            name="uq_mail_outbox_tenant_id_incident_id_kind_rev",
        ),
        sa.UniqueConstraint(
            "tenant_id", "message_id", name="uq_mail_outbox_tenant_id_message_id"
        ),
    )
    sa.Index("ix_mail_outbox_due", table.c.state, table.c.next_us)
    sa.Index("ix_mail_outbox_ticket", table.c.ticket_id, table.c.state)
    return table


def _site_service() -> None:
    op.create_table(
        "site_service",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("title", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        _of_site("site_service"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "site_id", "service_id", name=op.f("pk_site_service")
        ),
    )


def _window_series() -> None:
    op.create_table(
        "window_series",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Text(), nullable=False),
        sa.Column("last_day", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        _of_site("window_series"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "series_id", name=op.f("pk_window_series")
        ),
        sa.UniqueConstraint("series_id", name=op.f("uq_window_series_series_id")),
    )


def _window() -> None:
    op.create_table(
        "window",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("window_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("services", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=True),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        _of_site("window"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "series_id"],
            ["window_series.tenant_id", "window_series.series_id"],
            name=op.f("fk_window_window_series"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "window_id", name=op.f("pk_window")),
        sa.UniqueConstraint("window_id", name=op.f("uq_window_window_id")),
    )
    op.create_index("ix_window_site", "window", ["tenant_id", "site_id"], unique=False)


def _window_announcement() -> None:
    op.create_table(
        "window_announcement",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("window_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("announced_us", sa.BigInteger(), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=False),
        sa.Column("peak_notice_us", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("mail_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "end_us > start_us", name=op.f("ck_window_announcement_span")
        ),
        _of_mail("window_announcement"),
        _of_window("window_announcement"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "window_id", "number", name=op.f("pk_window_announcement")
        ),
    )
    op.create_index(
        "ix_window_announcement_mail",
        "window_announcement",
        ["tenant_id", "mail_id"],
        unique=False,
    )


def _window_cancellation() -> None:
    op.create_table(
        "window_cancellation",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("window_id", sa.Text(), nullable=False),
        sa.Column("cancelled_us", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("mail_id", sa.BigInteger(), nullable=False),
        _of_mail("window_cancellation"),
        _of_window("window_cancellation"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "window_id", name=op.f("pk_window_cancellation")
        ),
    )


def _window_correction() -> None:
    op.create_table(
        "window_correction",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("window_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("corrected_us", sa.BigInteger(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        _of_window("window_correction"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "window_id", "number", name=op.f("pk_window_correction")
        ),
    )


def _window_request() -> None:
    op.create_table(
        "window_request",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("request_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("windows", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        _of_site("window_request"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "site_id", "request_key", name=op.f("pk_window_request")
        ),
    )


def _of_site(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "site_id"],
        ["site.tenant_id", "site.site_id"],
        name=op.f(f"fk_{table}_site"),
    )


def _of_window(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "window_id"],
        ["window.tenant_id", "window.window_id"],
        name=op.f(f"fk_{table}_window"),
    )


def _of_mail(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "mail_id"],
        ["mail_outbox.tenant_id", "mail_outbox.mail_id"],
        name=op.f(f"fk_{table}_mail_outbox"),
    )
