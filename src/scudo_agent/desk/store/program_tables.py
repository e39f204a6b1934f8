"""The tables of programs that talk with the desk: tokens, replies, webhooks."""

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
    event,
)

from scudo_agent.desk.store.columns import SERIAL
from scudo_agent.desk.store.columns import document as _json
from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import tenant as _tenant
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us
from scudo_agent.desk.store.columns import whole as _int

api_token = Table(
    "api_token",
    metadata,
    Column("token_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    Column("person_id", BigInteger, nullable=False),
    _text("name"),
    _text("token_sha256"),
    Column("scopes", JSON, nullable=False),
    _us("created_us"),
    _us("expires_us", null=True),
    _us("revoked_us", null=True),
    _us("used_us", null=True),
    UniqueConstraint("token_sha256"),
    ForeignKeyConstraint(
        ["tenant_id", "person_id"], ["person.tenant_id", "person.person_id"]
    ),
)
"""A program's credential: never more than its person may, and of that its scopes."""

kept_reply = Table(
    "kept_reply",
    metadata,
    _tenant(primary_key=True),
    _text("owner", key=True),
    _text("key_sha256", key=True),
    _text("request_sha256"),
    _int("status"),
    _json("body"),
    _us("stored_us"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)
"""What a request with an idempotency key was answered; asked again, the same."""

webhook = Table(
    "webhook",
    metadata,
    Column("webhook_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    _text("url"),
    Column("events", JSON, nullable=False),
    _text("secret"),
    _us("created_us"),
    _us("disabled_us", null=True),
    _text("disabled_why", null=True),
    _text("actor"),
    UniqueConstraint("tenant_id", "webhook_id"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)
"""Where the desk tells what happens to tickets; the provider's hears of everybody's."""

webhook_outbox = Table(
    "webhook_outbox",
    metadata,
    Column("delivery_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    Column("webhook_id", BigInteger, nullable=False),
    _text("event"),
    Column("event_id", BigInteger, nullable=True),
    Column("body", JSON(none_as_null=True), nullable=True),
    _text("state"),
    _us("created_us"),
    _us("next_us"),
    _int("attempts", default="0"),
    _text("owner", null=True),
    _us("lease_until_us", null=True),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    _us("sent_us", null=True),
    _text("last_error", null=True),
    _us("first_try_us", null=True),
    CheckConstraint("state IN ('pending', 'sent', 'failed')", name="state"),
    ForeignKeyConstraint(
        ["tenant_id", "webhook_id"], ["webhook.tenant_id", "webhook.webhook_id"]
    ),
)
Index("ix_webhook_outbox_due", webhook_outbox.c.state, webhook_outbox.c.next_us)
Index("ix_webhook_outbox_hook", webhook_outbox.c.webhook_id, webhook_outbox.c.state)

TELLS = """
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
"""Whoever writes an entry of a history, its webhooks have a row in the same
transaction; what is said, and whether to this webhook at all, is decided later."""

event.listen(
    metadata,
    "after_create",
    DDL(TELLS).execute_if(dialect="sqlite"),  # type: ignore[no-untyped-call]
)
