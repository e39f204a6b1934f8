"""The tables of maintenance windows (`domain.md` 4): nothing in them ever changes.

What was announced, cancelled or corrected is a row of its own, and the database
itself refuses to change or to delete one. `docs/desk.md` explains each table.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    event,
    true,
)

from scudo_agent.desk.store.columns import document as _json
from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import number
from scudo_agent.desk.store.columns import of_site as _of_site
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us


def _number() -> Column[int]:
    return number("number", key=True)


def _of_window() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "window_id"], ["window.tenant_id", "window.window_id"]
    )


def _by_mail() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "mail_id"], ["mail_outbox.tenant_id", "mail_outbox.mail_id"]
    )


site_service = Table(
    "site_service",
    metadata,
    _text("tenant_id", key=True),
    _text("site_id", key=True),
    _text("service_id", key=True),
    Column("place", Integer, nullable=False),
    _json("title"),
    Column("contracted", Boolean, nullable=False, server_default=true()),
    _us("stored_us"),
    _of_site(),
)

window_series = Table(
    "window_series",
    metadata,
    _text("tenant_id", key=True),
    _text("series_id", key=True),
    _text("site_id"),
    _text("rule"),
    _text("first_day"),
    _text("last_day"),
    _text("zone"),
    _us("created_us"),
    _text("actor"),
    _text("by_name"),
    UniqueConstraint("series_id"),
    _of_site(),
)

window = Table(
    "window",
    metadata,
    _text("tenant_id", key=True),
    _text("window_id", key=True),
    _text("site_id"),
    _text("kind"),
    _json("services"),
    _text("reason"),
    _text("series_id", null=True),
    _text("thread"),
    _us("created_us"),
    _text("actor"),
    _text("by_name"),
    UniqueConstraint("window_id"),
    _of_site(),
    ForeignKeyConstraint(
        ["tenant_id", "series_id"],
        ["window_series.tenant_id", "window_series.series_id"],
    ),
)
Index("ix_window_site", window.c.tenant_id, window.c.site_id)

window_announcement = Table(
    "window_announcement",
    metadata,
    _text("tenant_id", key=True),
    _text("window_id", key=True),
    _number(),
    _us("announced_us"),
    _us("start_us"),
    _us("end_us"),
    _us("peak_notice_us", null=True),
    _text("actor"),
    _text("by_name"),
    Column("mail_id", BigInteger, nullable=False),
    CheckConstraint("end_us > start_us", name="span"),
    _of_window(),
    _by_mail(),
)
Index(
    "ix_window_announcement_mail",
    window_announcement.c.tenant_id,
    window_announcement.c.mail_id,
)

window_cancellation = Table(
    "window_cancellation",
    metadata,
    _text("tenant_id", key=True),
    _text("window_id", key=True),
    _us("cancelled_us"),
    _text("reason"),
    _text("actor"),
    _text("by_name"),
    Column("mail_id", BigInteger, nullable=False),
    _of_window(),
    _by_mail(),
)

window_correction = Table(
    "window_correction",
    metadata,
    _text("tenant_id", key=True),
    _text("window_id", key=True),
    _number(),
    _us("corrected_us"),
    _text("change"),
    _text("reason"),
    _text("actor"),
    _text("by_name"),
    _of_window(),
)

window_request = Table(
    "window_request",
    metadata,
    _text("tenant_id", key=True),
    _text("site_id", key=True),
    _text("request_key", key=True),
    _text("sha256"),
    _json("windows"),
    _us("stored_us"),
    _of_site(),
)

APPEND_ONLY = (
    window_series,
    window,
    window_announcement,
    window_cancellation,
    window_correction,
)
"""What is written there stands for good."""


def guards(name: str) -> tuple[str, str]:
    """SQL of the two triggers that keep a table's rows as they were written."""
    return (
        f"CREATE TRIGGER {name}_stands BEFORE UPDATE ON {name} "
        f"BEGIN SELECT RAISE(ABORT, '{name} is never changed'); END",
        f"CREATE TRIGGER {name}_stays BEFORE DELETE ON {name} "
        f"BEGIN SELECT RAISE(ABORT, '{name} is never deleted'); END",
    )


for _table in APPEND_ONLY:
    for _sql in guards(_table.name):
        _ddl = DDL(_sql)  # type: ignore[no-untyped-call]
        event.listen(_table, "after_create", _ddl.execute_if(dialect="sqlite"))
