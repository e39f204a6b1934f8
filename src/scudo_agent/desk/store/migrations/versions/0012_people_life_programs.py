"""People, the programs that they let in, and what both add to tickets."""

import datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_IN_CODE_ORDER = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TELLS = """
CREATE TRIGGER ticket_event_told AFTER INSERT ON ticket_event
WHEN EXISTS (
  SELECT 1 FROM webhook
  WHERE disabled_us IS NULL AND tenant_id IN (NEW.tenant_id, '@provider')
)
BEGIN
  INSERT INTO webhook_outbox
    (tenant_id, webhook_id, event, event_id, state, created_us, next_us)
  SELECT tenant_id, webhook_id, NEW.kind, NEW.event_id, 'pending',
    NEW.stored_us, NEW.stored_us
  FROM webhook
  WHERE disabled_us IS NULL AND tenant_id IN (NEW.tenant_id, '@provider');
END
"""


def upgrade() -> None:
    """Add the tables and columns; nobody has a password before somebody sets one."""
    _people()
    _programs()
    _life()
    _keeping()
    _coverage()


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("person_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("mail", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("password_us", sa.BigInteger(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("disabled_us", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(tenant_id = '@provider') = (role NOT IN ('customer', 'referent'))",
            name=op.f("ck_person_side"),
        ),
        sa.CheckConstraint(
            "role IN ('customer', 'referent', 'technician', 'dispatcher',"
            " 'manager', 'admin')",
            name=op.f("ck_person_role"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_person_tenant")
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_person")),
        sa.UniqueConstraint("mail", name=op.f("uq_person_mail")),
        sa.UniqueConstraint(
            "tenant_id", "person_id", name=op.f("uq_person_tenant_id_person_id")
        ),
    )
    op.create_table(
        "person_token",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('invite', 'reset')", name=op.f("ck_person_token_purpose")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["person.tenant_id", "person.person_id"],
            name=op.f("fk_person_token_person"),
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_person_token")),
    )
    op.create_index(
        "ix_person_token_person",
        "person_token",
        ["tenant_id", "person_id"],
        unique=False,
    )
    op.create_table(
        "saved_view",
        sa.Column("view_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column(
            "preferred", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["person.tenant_id", "person.person_id"],
            name=op.f("fk_saved_view_person"),
        ),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint(
            "tenant_id",
            "person_id",
            "name",
            name=op.f("uq_saved_view_tenant_id_person_id_name"),
        ),
    )
    op.add_column("session", sa.Column("person_id", sa.BigInteger(), nullable=True))


def _programs() -> None:
    op.create_table(
        "kept_reply",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_kept_reply_tenant")
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "owner", "key_sha256", name=op.f("pk_kept_reply")
        ),
    )
    op.create_table(
        "webhook",
        sa.Column("webhook_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("disabled_us", sa.BigInteger(), nullable=True),
        sa.Column("disabled_why", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_webhook_tenant")
        ),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhook")),
        sa.UniqueConstraint(
            "tenant_id", "webhook_id", name=op.f("uq_webhook_tenant_id_webhook_id")
        ),
    )
    op.create_table(
        "api_token",
        sa.Column("token_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True),
        sa.Column("used_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["person.tenant_id", "person.person_id"],
            name=op.f("fk_api_token_person"),
        ),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_api_token_token_sha256")),
    )
    op.create_table(
        "webhook_outbox",
        sa.Column("delivery_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until_us", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sent_us", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'failed')",
            name=op.f("ck_webhook_outbox_state"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "webhook_id"],
            ["webhook.tenant_id", "webhook.webhook_id"],
            name=op.f("fk_webhook_outbox_webhook"),
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_webhook_outbox")),
    )
    op.create_index(
        "ix_webhook_outbox_due", "webhook_outbox", ["state", "next_us"], unique=False
    )
    op.create_index("ix_webhook_outbox_hook", "webhook_outbox", ["webhook_id", "state"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_TELLS)


def _life() -> None:
    op.create_table(
        "site_contract",
        sa.Column("site_contract_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Text(), nullable=True),
        sa.Column("stored_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_until >= valid_from",
            name=op.f("ck_site_contract_order"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "site_id"],
            ["site.tenant_id", "site.site_id"],
            name=op.f("fk_site_contract_site"),
        ),
        sa.PrimaryKeyConstraint("site_contract_id", name=op.f("pk_site_contract")),
        sa.UniqueConstraint(
            "tenant_id",
            "site_id",
            "valid_from",
            name=op.f("uq_site_contract_tenant_id_site_id_valid_from"),
        ),
    )
    op.create_table(
        "ticket_word",
        sa.Column("word", _IN_CODE_ORDER, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("internal", sa.Boolean(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ticket_id"],
            ["ticket.tenant_id", "ticket.ticket_id"],
            name=op.f("fk_ticket_word_ticket"),
        ),
        sa.PrimaryKeyConstraint(
            "word",
            "tenant_id",
            "ticket_id",
            "internal",
            name=op.f("pk_ticket_word"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_ticket_word_ticket", "ticket_word", ["tenant_id", "ticket_id"], unique=False
    )
    op.add_column("attachment", sa.Column("name", sa.Text(), nullable=True))
    op.add_column(
        "attachment",
        sa.Column(
            "public", sa.Boolean(), server_default=sa.text("true"), nullable=False
        ),
    )
    op.add_column(
        "ticket", sa.Column("version", sa.Integer(), server_default="1", nullable=False)
    )
    op.add_column("ticket", sa.Column("urgency", sa.Integer(), nullable=True))
    op.add_column("ticket", sa.Column("category", sa.Text(), nullable=True))
    op.add_column("ticket", sa.Column("channel", sa.Text(), nullable=True))
    op.add_column("ticket", sa.Column("assignee_id", sa.BigInteger(), nullable=True))
    op.add_column("ticket", sa.Column("requester_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "ticket", sa.Column("requester", sa.JSON(none_as_null=True), nullable=True)
    )
    op.add_column(
        "ticket", sa.Column("request", sa.JSON(none_as_null=True), nullable=True)
    )
    op.add_column("ticket", sa.Column("estimate_us", sa.BigInteger(), nullable=True))
    op.add_column("ticket", sa.Column("mode", sa.Text(), nullable=True))
    op.add_column("ticket", sa.Column("mode_detail", sa.Text(), nullable=True))
    op.add_column(
        "ticket",
        sa.Column(
            "provisional", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    op.add_column("ticket", sa.Column("due_us", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_ticket_open",
        "ticket",
        ["severity", "urgency", "due_us", "received_us"],
        unique=False,
        sqlite_where=sa.text("status != 'closed'"),
        postgresql_where=sa.text("status != 'closed'"),
    )
    op.create_index(
        "ix_ticket_closed",
        "ticket",
        ["closed_us"],
        unique=False,
        sqlite_where=sa.text("status = 'closed'"),
        postgresql_where=sa.text("status = 'closed'"),
    )


def _keeping() -> None:
    op.add_column("site", sa.Column("dropped_us", sa.BigInteger(), nullable=True))
    op.add_column(
        "stream_cursor",
        sa.Column("gaps", sa.Integer(), server_default="0", nullable=False),
    )
    # What was counted at each scrape until now.
    for table, stream in (("inbox", "inbox.stream"), ("ledger", "'L'")):
        counted = (
            f"SELECT count(*) FROM {table} WHERE gap_reason IS NOT NULL"  # noqa: S608
            f" AND {table}.agent_id = stream_cursor.agent_id"
            f" AND {table}.epoch = stream_cursor.epoch"
            f" AND {stream} = stream_cursor.stream"
        )
        op.execute(f"UPDATE stream_cursor SET gaps = gaps + ({counted})")  # noqa: S608
    op.create_index(
        "ix_security_event_what",
        "security_event",
        ["tenant_id", "kind", "actor"],
        unique=False,
    )


def _coverage() -> None:
    """The contract that each site names holds from its first contract year on."""
    op.add_column("site", sa.Column("named_contract_id", sa.Text(), nullable=True))
    version = sa.table(
        "contract_version",
        sa.column("contract_id", sa.Text()),
        sa.column("revision", sa.Integer()),
        sa.column("body", sa.JSON()),
    )
    site = sa.table(
        "site",
        *(sa.column(n, sa.Text()) for n in ("tenant_id", "site_id", "contract_id")),
        sa.column("named_contract_id", sa.Text()),
        sa.column("created_us", sa.BigInteger()),
    )
    held = sa.table(
        "site_contract",
        *(sa.column(n, sa.Text()) for n in ("tenant_id", "site_id", "contract_id")),
        *(sa.column(n, sa.Text()) for n in ("valid_from", "valid_until", "actor")),
        sa.column("stored_us", sa.BigInteger()),
    )
    db = op.get_bind()
    query = sa.select(version.c.contract_id, version.c.body)
    begins = {
        name: body["year_start"]
        for name, body in db.execute(query.order_by(version.c.revision)).all()
        if isinstance(body, dict) and isinstance(body.get("year_start"), str)
    }
    db.execute(sa.update(site).values(named_contract_id=site.c.contract_id))
    rows = db.execute(sa.select(site).where(site.c.contract_id.is_not(None))).all()
    day = datetime.timedelta(days=1)
    epoch = datetime.date(1970, 1, 1)
    for row in rows:
        known = epoch + day * (row.created_us // 86_400_000_000)
        values = {
            "tenant_id": row.tenant_id,
            "site_id": row.site_id,
            "contract_id": row.contract_id,
            "valid_from": begins.get(row.contract_id, known.isoformat()),
            "valid_until": None,
            "stored_us": row.created_us,
            "actor": "desk",
        }
        db.execute(sa.insert(held).values(values))
