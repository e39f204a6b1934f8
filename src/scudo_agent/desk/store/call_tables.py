"""The tables of calls: alarms of tickets that nobody takes, and who was called."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
    text,
)

from scudo_agent.desk.store.columns import SERIAL
from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import tenant as _tenant
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us
from scudo_agent.desk.store.columns import whole as _int

alarm = Table(
    "alarm",
    metadata,
    Column("alarm_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    Column("ticket_id", BigInteger, nullable=False),
    _int("spell"),
    _text("family"),
    _us("begun_us"),
    _int("step", default="0"),
    _us("next_us", null=True),
    _us("ended_us", null=True),
    _text("ended_how", null=True),
    _text("ended_by", null=True),
    UniqueConstraint("tenant_id", "ticket_id", "spell"),
    UniqueConstraint("tenant_id", "alarm_id"),
    CheckConstraint(
        "(ended_us IS NULL) = (ended_how IS NULL)",
        name="ended",
    ),
    ForeignKeyConstraint(
        ["tenant_id", "ticket_id"], ["ticket.tenant_id", "ticket.ticket_id"]
    ),
)
"""A ticket that nobody took when it opened (`spell` 0), or when it was back.

`family` is the number of the storm that it left, else its own: of one family somebody
is called once. `step` is the next one, `next_us` when it is made; null: it was the
last one.
"""
_RUNNING = "ended_us IS NULL"
Index(
    "ix_alarm_running",
    alarm.c.next_us,
    sqlite_where=text(_RUNNING),
    postgresql_where=text(_RUNNING),
)

call = Table(
    "call",
    metadata,
    Column("call_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    Column("alarm_id", BigInteger, nullable=False),
    _int("step"),
    _text("target"),
    _text("way"),
    Column("person_id", BigInteger, nullable=True),
    _text("state"),
    _us("created_us"),
    _us("sent_us", null=True),
    _text("last_error", null=True),
    _text("message_id", null=True),
    Column("channel_id", BigInteger, nullable=True),
    _us("lease_us", null=True),
    UniqueConstraint("tenant_id", "alarm_id", "step", "target"),
    UniqueConstraint("tenant_id", "call_id"),
    CheckConstraint("state IN ('pending', 'sent', 'failed', 'dropped')", name="state"),
    ForeignKeyConstraint(
        ["tenant_id", "alarm_id"], ["alarm.tenant_id", "alarm.alarm_id"]
    ),
)
"""One call: exactly one of a step to a target. `person_id` is null for the queue.

A call by a channel has no mail; `lease_us` is until when somebody makes it.
"""
_OPEN = "state = 'pending'"
Index(
    "ix_call_open",
    call.c.message_id,
    sqlite_where=text(_OPEN),
    postgresql_where=text(_OPEN),
)

call_link = Table(
    "call_link",
    metadata,
    _text("token_sha256", key=True),
    _tenant(),
    Column("call_id", BigInteger, nullable=False),
    _us("created_us"),
    _us("expires_us"),
    ForeignKeyConstraint(["tenant_id", "call_id"], ["call.tenant_id", "call.call_id"]),
)
"""A link to acknowledge that somebody was mailed, by its token's SHA-256."""
Index("ix_call_link_call", call_link.c.tenant_id, call_link.c.call_id)

call_channel = Table(
    "call_channel",
    metadata,
    Column("channel_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    Column("person_id", BigInteger, nullable=False),
    _text("kind"),
    _text("url"),
    _us("created_us"),
    UniqueConstraint("tenant_id", "person_id", "url"),
    ForeignKeyConstraint(
        ["tenant_id", "person_id"], ["person.tenant_id", "person.person_id"]
    ),
)
"""A channel by which somebody is called; `url` is a secret, and is never shown."""
