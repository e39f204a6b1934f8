"""The agent's tables as they are now; `docs/store.md` says what each column means.

Instants are whole microseconds in UTC (`_us`, `domain.md` 1). Tables are STRICT:
a text in an integer column is an error, never a surprise. JSON is text.
"""

from typing import Any

from sqlalchemy import (
    REAL,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()


def _whole(name: str, *rules: ForeignKey, null: bool = False) -> Column[Any]:
    return Column(name, Integer, *rules, nullable=null)


def _text(name: str, *rules: ForeignKey, null: bool = False) -> Column[Any]:
    return Column(name, Text, *rules, nullable=null)


def _real(name: str) -> Column[Any]:
    return Column(name, REAL, nullable=False)


def _key(name: str) -> Column[Any]:
    return Column(name, Text, primary_key=True, nullable=False)


def _table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(name, METADATA, *parts, sqlite_strict=True, **options)


meta = _table("meta", _key("key"), _text("value"))

liveness = _table(
    "liveness",
    Column("id", Integer, primary_key=True),
    _whole("at_us"),
    _whole("wall_us"),
    _whole("mono_us"),
    _text("boot_id"),
    _whole("offset_us"),
    _whole("pid"),
    _whole("clean_us", null=True),
    CheckConstraint("id = 1", name="one_row"),
)

check_state = _table(
    "check_state",
    _key("check"),
    _text("state"),
    _whole("since_us"),
    _whole("decided_us"),
    _text("before", null=True),
    _text("definition"),
    _text("data"),
)

check_seen = _table(
    "check_seen",
    _key("check"),
    _whole("at_us"),
    _text("result"),
    _text("seen"),
    _text("expected", null=True),
    _whole("duration_us", null=True),
    _whole("failing"),
    _whole("warned", null=True),
    _whole("last_good_us", null=True),
)

check_change = _table(
    "check_change",
    Column("id", Integer, primary_key=True),
    _text("check"),
    _text("state"),
    _whole("since_us"),
    _whole("decided_us"),
    _whole("withdrawn_at_us", null=True),
    Index("check_change_by_check", "check", "since_us"),
    sqlite_autoincrement=True,
)

agent_run = _table(
    "agent_run",
    Column("id", Integer, primary_key=True),
    _text("kind"),
    _whole("at_us"),
    _text("detail"),
    sqlite_autoincrement=True,
)

isolation = _table(
    "isolation",
    Column("since_us", Integer, primary_key=True),
    _whole("until_us", null=True),
    CheckConstraint("until_us >= since_us", name="ordered"),
)

incident = _table(
    "incident",
    _key("incident_id"),
    _text("subject_key"),
    _text("audience"),
    _whole("since_us"),
    _whole("opened_us"),
    _whole("severity", null=True),
    _text("rule", null=True),
    _text("state"),
    _whole("rev"),
    _whole("recovered_us", null=True),
    _whole("reopen_count"),
    _text("previous", null=True),
    _text("ticket_ref", null=True),
    _text("data"),
    Index("incident_by_state", "state"),
)

outbox = _table(
    "outbox",
    Column("stream", Text, primary_key=True, nullable=False),
    Column("seq", Integer, primary_key=True, nullable=False),
    _whole("epoch", null=True),
    _text("incident_id", ForeignKey("incident.incident_id")),
    _whole("rev"),
    _text("kind"),
    Column("body", LargeBinary, nullable=False),
    _text("sha256"),
    _whole("created_us"),
    _whole("acked_us", null=True),
    _whole("attempts"),
    _text("last_error", null=True),
    _whole("quarantined_us", null=True),
    UniqueConstraint("incident_id", "rev", name="one_rev"),
    CheckConstraint("seq >= 1 AND rev >= 1", name="counted_from_one"),
)

stream_head = _table(
    "stream_head",
    _key("stream"),
    _whole("head_seq"),
    _whole("acked_seq"),
    CheckConstraint("0 <= acked_seq AND acked_seq <= head_seq", name="in_order"),
)

hourly = _table(
    "hourly",
    Column("check", Text, primary_key=True, nullable=False),
    Column("hour_us", Integer, primary_key=True, nullable=False),
    _text("measure"),
    _whole("n"),
    _whole("offset_us"),
    _real("sum"),
    _real("min"),
    _real("max"),
    _real("last"),
    CheckConstraint("n >= 1", name="counted"),
)

window_copy = _table(
    "window_copy",
    Column("id", Integer, primary_key=True),
    _whole("revision"),
    _whole("fetched_us"),
    _text("body"),
    CheckConstraint("id = 1", name="one_copy"),
)

intervention = _table(
    "intervention",
    _key("id"),
    _text("kind"),
    _text("scope"),
    _text("name"),
    _whole("since_us"),
    _whole("until_us"),
    _text("reason"),
    _text("actor"),
    _whole("ended_us", null=True),
    _text("ended_by", null=True),
    CheckConstraint("until_us > since_us", name="lasting"),
    Index("intervention_by_end", "until_us"),
)

ledger_service = _table(
    "ledger_service",
    _key("service"),
    _whole("need"),
    _text("checks"),
)

ledger_outbox = _table(
    "ledger_outbox",
    Column("seq", Integer, primary_key=True, nullable=False),
    _text("service"),
    _text("state"),
    _whole("since_us"),
    _whole("decided_us"),
    _whole("undone_seq", null=True),
    Column("body", LargeBinary, nullable=False),
    _text("sha256"),
    _whole("created_us"),
    _whole("epoch", null=True),
    _whole("acked_us", null=True),
    _whole("attempts"),
    _text("last_error", null=True),
    _whole("quarantined_us", null=True),
    CheckConstraint("seq >= 1", name="counted_from_one"),
    Index("ledger_outbox_by_service", "service", "since_us"),
)
