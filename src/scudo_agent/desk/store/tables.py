"""The desk's tables, for SQLite and PostgreSQL alike.

Every table has `tenant_id` and every key that leads to another table carries it,
so that a row can only ever point to rows of its own tenant. Instants are whole
microseconds UTC in `…_us`. `docs/desk.md` explains each table.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from scudo_agent.desk.store.columns import SERIAL as _SERIAL
from scudo_agent.desk.store.columns import document as _json
from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import of_site as _of_site
from scudo_agent.desk.store.columns import tenant as _tenant
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us
from scudo_agent.desk.store.columns import whole as _int
from scudo_agent.desk.store.life_tables import life_columns as _life_columns

PROVIDER_TENANT = "@provider"
"""The tenant of the provider's own people; no customer's id begins with `@`."""

_BIG = BigInteger()

tenant = Table(
    "tenant",
    metadata,
    _tenant(primary_key=True),
    _text("name"),
    _text("mail", null=True),
    _text("language"),
    _us("created_us"),
    _us("updated_us"),
)

contract_version = Table(
    "contract_version",
    metadata,
    _tenant(primary_key=True),
    _text("contract_id", key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    _text("sha256"),
    _json("body"),
    _us("stored_us"),
    _text("actor"),
    CheckConstraint("revision >= 1", name="revision"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)

site = Table(
    "site",
    metadata,
    _tenant(primary_key=True),
    _text("site_id", key=True),
    _text("timezone"),
    _text("contract_id", null=True),
    _text("contract_title", null=True),
    _text("named_contract_id", null=True),
    _us("created_us"),
    _us("updated_us"),
    Column("windows_revision", _SERIAL, nullable=False, server_default="0"),
    _us("dropped_us", null=True),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)

agent = Table(
    "agent",
    metadata,
    _tenant(),
    _text("agent_id", key=True),
    _text("site_id"),
    _text("key_sha256"),
    _int("epoch", default="0"),
    _us("created_us"),
    _us("revoked_us", null=True),
    _us("hello_us", null=True),
    *(_us(f"{name}_us", null=True) for name in ("key", "cloned")),
    *(_us(f"recover_{name}", null=True) for name in ("epoch", "from", "seq")),
    *(_text(name, null=True) for name in ("version", "config_hash", "boot_id")),
    Column("oldest_unacked_age_us", _BIG, nullable=True),
    Column("key_renewed", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("key_sha256"),
    UniqueConstraint("tenant_id", "agent_id"),
    _of_site(),
)

agent_epoch = Table(
    "agent_epoch",
    metadata,
    _tenant(),
    _text("agent_id", key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    _text("store_id"),
    _us("granted_us"),
    UniqueConstraint("agent_id", "store_id"),
    ForeignKeyConstraint(
        ["tenant_id", "agent_id"], ["agent.tenant_id", "agent.agent_id"]
    ),
)

stream_cursor = Table(
    "stream_cursor",
    metadata,
    _tenant(),
    _text("agent_id", key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    _text("stream", key=True),
    Column("last_seq", _BIG, nullable=False),
    _us("moved_us"),
    _int("gaps", default="0"),
    ForeignKeyConstraint(
        ["tenant_id", "agent_id"], ["agent.tenant_id", "agent.agent_id"]
    ),
)

inbox = Table(
    "inbox",
    metadata,
    _tenant(),
    _text("agent_id", key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    _text("stream", key=True),
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    _text("sha256"),
    _text("incident_id"),
    _int("rev"),
    _us("stored_us"),
    _text("gap_reason", null=True),
    ForeignKeyConstraint(
        ["tenant_id", "agent_id"], ["agent.tenant_id", "agent.agent_id"]
    ),
)

ticket = Table(
    "ticket",
    metadata,
    Column("ticket_id", _SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    _text("site_id"),
    _text("ref"),
    _text("incident_id", null=True),
    _text("origin"),
    _text("audience"),
    _json("title"),
    _text("status"),
    _text("condition"),
    _int("severity", null=True),
    _text("rule", null=True),
    _us("since_us"),
    _us("received_us"),
    _us("stored_us"),
    _us("recovered_us", null=True),
    _us("closed_us", null=True),
    _int("reopen_count", default="0"),
    Column("reported_late", Boolean, nullable=False, server_default=text("false")),
    _us("storm_us", null=True),
    _us("unstable_us", null=True),
    Column("relapses", JSON(none_as_null=True), nullable=True),
    Column("edited", Boolean, nullable=False, server_default=text("false")),
    _text("closed_by", null=True),
    _us("insisted_us", null=True),
    *_life_columns(),
    UniqueConstraint("ref"),
    UniqueConstraint("tenant_id", "ticket_id"),
    UniqueConstraint("tenant_id", "incident_id"),
    CheckConstraint("severity BETWEEN 1 AND 3", name="severity"),
    CheckConstraint("audience IN ('customer', 'provider')", name="audience"),
    _of_site(),
)
Index("ix_ticket_queue", ticket.c.tenant_id, ticket.c.severity, ticket.c.received_us)
_QUIET = "condition = 'recovered' AND status != 'closed'"
Index(
    "ix_ticket_quiet",
    ticket.c.tenant_id,
    ticket.c.site_id,
    sqlite_where=text(_QUIET),
    postgresql_where=text(_QUIET),
)
_OPEN = "status != 'closed'"
Index(
    "ix_ticket_open",
    ticket.c.severity,
    ticket.c.urgency,
    ticket.c.due_us,
    ticket.c.received_us,
    sqlite_where=text(_OPEN),
    postgresql_where=text(_OPEN),
)
_CLOSED = "status = 'closed'"
Index(
    "ix_ticket_closed",
    ticket.c.closed_us,
    sqlite_where=text(_CLOSED),
    postgresql_where=text(_CLOSED),
)
_STORM = "storm_us IS NOT NULL"
Index(
    "ix_ticket_storm",
    ticket.c.tenant_id,
    ticket.c.storm_us,
    sqlite_where=text(_STORM),
    postgresql_where=text(_STORM),
)

incident = Table(
    "incident",
    metadata,
    _tenant(primary_key=True),
    _text("incident_id", key=True),
    _text("site_id"),
    _text("agent_id"),
    Column("ticket_id", _BIG, nullable=False),
    _text("subject_key"),
    Column("subject_open", Boolean, nullable=False),
    _json("title"),
    _text("audience"),
    _us("since_us"),
    _us("opened_us"),
    _int("severity", null=True),
    _text("rule", null=True),
    _text("condition"),
    _us("ended_us", null=True),
    _int("reopen_count", default="0"),
    _int("rev"),
    _text("previous", null=True),
    _us("stored_us"),
    _us("aside_us", null=True),
    CheckConstraint("severity BETWEEN 1 AND 3", name="severity"),
    ForeignKeyConstraint(
        ["tenant_id", "ticket_id"], ["ticket.tenant_id", "ticket.ticket_id"]
    ),
    _of_site(),
)
Index(
    "uq_incident_subject_open",
    incident.c.tenant_id,
    incident.c.site_id,
    incident.c.subject_key,
    unique=True,
    sqlite_where=text("subject_open"),
    postgresql_where=text("subject_open"),
)
Index(
    "ix_incident_subject",
    incident.c.tenant_id,
    incident.c.site_id,
    incident.c.subject_key,
)
Index(
    "ix_incident_ticket",
    incident.c.tenant_id,
    incident.c.ticket_id,
    incident.c.condition,
)
Index("ix_incident_opened", incident.c.tenant_id, incident.c.opened_us)

held_stage = Table(
    "held_stage",
    metadata,
    _tenant(primary_key=True),
    _text("incident_id", key=True),
    Column("rev", Integer, primary_key=True, autoincrement=False),
    _text("agent_id"),
    _json("stage"),
    _us("stored_us"),
    ForeignKeyConstraint(
        ["tenant_id", "agent_id"], ["agent.tenant_id", "agent.agent_id"]
    ),
)

ticket_event = Table(
    "ticket_event",
    metadata,
    Column("event_id", _SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    Column("ticket_id", _BIG, nullable=False),
    _text("incident_id", null=True),
    _text("kind"),
    _us("at_us"),
    _us("stored_us"),
    _text("actor"),
    _int("rev", null=True),
    _int("severity", null=True),
    _text("rule", null=True),
    _json("data"),
    UniqueConstraint("tenant_id", "event_id"),
    ForeignKeyConstraint(
        ["tenant_id", "ticket_id"], ["ticket.tenant_id", "ticket.ticket_id"]
    ),
)
Index(
    "ix_ticket_event_incident",
    ticket_event.c.tenant_id,
    ticket_event.c.incident_id,
    ticket_event.c.rev,
)
Index("ix_ticket_event_stored", ticket_event.c.stored_us)
Index("ix_ticket_event_ticket", ticket_event.c.tenant_id, ticket_event.c.ticket_id)


mail_outbox = Table(
    "mail_outbox",
    metadata,
    Column("mail_id", _SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    Column("ticket_id", _BIG, nullable=True),
    _text("incident_id", null=True),
    _text("kind"),
    _int("rev"),
    Column("event_id", _BIG, nullable=True),
    _text("state"),
    _text("message_id"),
    _text("in_reply_to", null=True),
    _text("recipient"),
    _text("language"),
    _us("created_us"),
    _us("next_us"),
    _int("attempts", default="0"),
    _text("owner", null=True),
    _us("lease_until_us", null=True),
    Column("fence", _BIG, nullable=False, server_default="0"),
    _us("sent_us", null=True),
    _text("folded_into", null=True),
    _text("fold_rule", null=True),
    _text("last_error", null=True),
    _text("window_thread", null=True),
    Column("digest", Boolean, nullable=False, server_default=text("false")),
    _us("bounced_us", null=True),
    _text("bounce", null=True),
    UniqueConstraint("tenant_id", "incident_id", "kind", "rev"),
    UniqueConstraint("tenant_id", "message_id"),
    UniqueConstraint("tenant_id", "mail_id"),
    CheckConstraint("state IN ('pending', 'sent', 'folded', 'failed')", name="state"),
    CheckConstraint(
        "(state = 'folded') = (folded_into IS NOT NULL)", name="folded_into"
    ),
    CheckConstraint(
        "ticket_id IS NOT NULL OR window_thread IS NOT NULL", name="window"
    ),
    ForeignKeyConstraint(
        ["tenant_id", "ticket_id"], ["ticket.tenant_id", "ticket.ticket_id"]
    ),
    ForeignKeyConstraint(
        ["tenant_id", "event_id"], ["ticket_event.tenant_id", "ticket_event.event_id"]
    ),
)
Index("ix_mail_outbox_ticket", mail_outbox.c.ticket_id, mail_outbox.c.state)
Index("ix_mail_outbox_window", mail_outbox.c.window_thread, mail_outbox.c.state)
Index("ix_mail_outbox_due", mail_outbox.c.state, mail_outbox.c.next_us)
_BACK = "bounced_us IS NOT NULL"
Index(
    "ix_mail_outbox_back",
    mail_outbox.c.bounced_us,
    sqlite_where=text(_BACK),
    postgresql_where=text(_BACK),
)
Index("ix_mail_outbox_message", mail_outbox.c.message_id)
Index("ix_mail_outbox_folded", mail_outbox.c.tenant_id, mail_outbox.c.folded_into)

security_event = Table(
    "security_event",
    metadata,
    Column("security_event_id", _SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    _text("kind"),
    _text("actor"),
    _us("at_us"),
    _json("data"),
)
Index(
    "ix_security_event_what",
    security_event.c.tenant_id,
    security_event.c.kind,
    security_event.c.actor,
)
