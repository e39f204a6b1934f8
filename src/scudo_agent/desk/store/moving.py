"""A desk's records as files: taken out of one desk, put into an empty one.

What is moved is decided here, table by table: nothing that opens a door (passwords,
keys, sessions, tokens, codes), nothing that belongs to one desk's own work (cursors,
leases, kept replies). A table that stands in neither list fails a test.
"""

import base64
import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    func,
    insert,
    or_,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError, StatementError

from scudo_agent.desk.store import tables as desk_tables
from scudo_agent.desk.store import window_tables
from scudo_agent.desk.store.agent_tables import intervention
from scudo_agent.desk.store.attachment_tables import attachment
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.ledger_tables import statement
from scudo_agent.desk.store.life_tables import site_contract
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.desk.store.migrate import newest
from scudo_agent.desk.store.on_call_tables import rota, rota_swap
from scudo_agent.desk.store.people_tables import person, saved_view
from scudo_agent.desk.store.tables import PROVIDER_TENANT, tenant
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.files import private_file

FORMAT = 1
MANIFEST = "export.json"
FILES = "files"

MOVED: tuple[Table, ...] = (
    tenant,
    desk_tables.contract_version,
    desk_tables.site,
    site_contract,
    desk_tables.agent,
    person,
    saved_view,
    rota,
    rota_swap,
    desk_tables.ticket,
    desk_tables.incident,
    desk_tables.ticket_event,
    attachment,
    desk_tables.mail_outbox,
    mail_in,
    intervention,
    window_tables.window_series,
    window_tables.window,
    window_tables.window_announcement,
    window_tables.window_cancellation,
    window_tables.window_correction,
    statement,
)
"""In this order: what a row points to, stands before it."""

LEFT: Mapping[str, str] = MappingProxyType(
    {
        "agent_epoch": "agents get epochs of the desk that they speak with",
        "agent_key": "opens a door",
        "agent_run": "of the desk's own work",
        "alarm": "of the desk's own work",
        "api_token": "opens a door",
        "desk_secret": "opens a door; replies are known by Message-IDs, too",
        "call": "of the desk's own work",
        "call_channel": "its address is a secret",
        "call_link": "opens a door",
        "held_stage": "agents tell it again",
        "inbox": "agents tell it again",
        "invitation": "opens a door",
        "kept_reply": "of the desk's own work",
        "ledger": "agents tell it again, as far as they keep it",
        "ledger_mark": "agents tell it again",
        "login_code": "opens a door",
        "person_token": "opens a door",
        "security_event": "of the desk's own work",
        "site_service": "agents tell it again",
        "session": "opens a door",
        "stream_cursor": "agents tell it again",
        "ticket_word": "made anew of what is there",
        "webhook": "has a secret, and tells of what happens here",
        "webhook_outbox": "of the desk's own work",
        "window_request": "of the desk's own work",
    }
)
"""Tables that are not moved, and why."""

SECRET: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "agent": frozenset({"key_sha256", "key_us", "key_renewed", "epoch"}),
        "person": frozenset({"password_hash", "password_us"}),
        "mail_outbox": frozenset({"owner", "lease_until_us", "fence"}),
    }
)
"""Columns that stay behind."""

_AT_ONCE = 500
_SHA256 = re.compile(r"[0-9a-f]{64}")


def columns_of(table: Table) -> list[str]:
    """The columns of a table that are moved."""
    hidden = SECRET.get(table.name, frozenset())
    return [column.name for column in table.columns if column.name not in hidden]


def write_out(db: Connection, folder: Path, *, customer: str | None) -> dict[str, int]:
    """Write records into a new folder; how many of each table.

    One customer's, or all with the provider's own. `InputError` for a customer that
    there is not, and for a folder that has something in it.
    """
    if customer is not None and not _is_customer(db, customer):
        raise InputError(f"the desk has no customer '{customer}'")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder}: is not empty; name a new folder")
        (folder / FILES).mkdir(mode=0o700)
        counts = {one.name: _write_table(db, one, folder, customer) for one in MOVED}
        version = text("SELECT version_num FROM alembic_version")
        manifest = {
            "format": FORMAT,
            "schema": str(db.execute(version).scalar()),
            "customer": customer,
            "rows": counts,
        }
        # Last: a folder without it is none that was finished.
        body = json.dumps(manifest, indent=2).encode() + b"\n"
        private_file(folder / MANIFEST, body)
    except OSError as exc:
        raise ScudoError(f"{folder}: cannot be written: {exc.strerror}") from None
    return counts


def _is_customer(db: Connection, customer: str) -> bool:
    known = select(tenant.c.tenant_id).where(tenant.c.tenant_id == customer)
    return customer != PROVIDER_TENANT and db.execute(known).first() is not None


def _write_table(
    db: Connection, table: Table, folder: Path, customer: str | None
) -> int:
    names = columns_of(table)
    query = select(*(table.c[name] for name in names)).order_by(*table.primary_key)
    if table is tenant:
        # The provider's row is made by each desk, of its own settings.
        query = query.where(tenant.c.tenant_id != PROVIDER_TENANT)
    if customer is not None:
        query = query.where(_of_customer(table, customer))
    count = 0
    path = folder / f"{table.name}.jsonl"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        for row in db.execute(query.execution_options(yield_per=_AT_ONCE)):
            told = {
                name: _out(table, name, value, row, folder)
                for name, value in zip(names, row, strict=True)
            }
            file.write(json.dumps(told, ensure_ascii=False) + "\n")
            count += 1
    return count


def _of_customer(table: Table, customer: str) -> ColumnElement[bool]:
    """What is this customer's; of contracts, the versions that its sites have."""
    if table is not desk_tables.contract_version:
        return table.c.tenant_id == customer
    named = select(desk_tables.site.c.contract_id).where(
        desk_tables.site.c.tenant_id == customer,
        desk_tables.site.c.contract_id.is_not(None),
    )
    held = select(site_contract.c.contract_id).where(
        site_contract.c.tenant_id == customer
    )
    return or_(table.c.contract_id.in_(named), table.c.contract_id.in_(held))


def _out(table: Table, name: str, value: Any, row: Any, folder: Path) -> Any:
    """A value as JSON has it; a file's content goes into a file of its own."""
    if not isinstance(value, bytes):
        return value
    if table is not attachment:
        return base64.b64encode(value).decode()
    path = folder / FILES / row.sha256
    if not path.exists():
        private_file(path, value)
    return row.sha256


def read_in(database: Database, folder: Path) -> dict[str, int]:
    """Put exported records into an empty desk, all or nothing; how many of each table.

    `InputError` when the desk is not empty, or the folder is not what a desk of this
    version wrote: with the file and the line where that shows.
    """
    manifest = _manifest(folder)
    with database.write() as db:
        for table in (tenant, desk_tables.ticket, person):
            others = select(func.count()).select_from(table)
            if table is tenant:
                others = others.where(tenant.c.tenant_id != PROVIDER_TENANT)
            if db.execute(others).scalar_one():
                raise InputError("this desk is not empty: import goes into a new one")
        counts = {one.name: _read_table(db, one, folder) for one in MOVED}
        if counts != manifest["rows"]:
            raise InputError(f"{folder}: has other rows than {MANIFEST} says")
        if db.dialect.name == "postgresql":
            _go_on_counting(db)
    return counts


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise InputError(f"{folder}: is no finished export of a desk") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"{path}: is of another version")
    if found.get("schema") != newest():
        raise InputError(
            f"{path}: has schema {found.get('schema')}, and this desk {newest()}: "
            "export and import with the same version"
        )
    return found


def _read_table(db: Connection, table: Table, folder: Path) -> int:
    path = folder / f"{table.name}.jsonl"
    count, at_once = 0, 1 if table in (attachment, mail_in) else _AT_ONCE
    rows: list[dict[str, Any]] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                where = f"{path}:{number}"
                rows.append(_row(table, line, where, folder))
                if len(rows) == at_once:
                    count += _insert(db, table, rows, where)
                    rows = []
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{path}: cannot be read: {type(exc).__name__}") from None
    return count + (_insert(db, table, rows, str(path)) if rows else 0)


def _row(table: Table, line: str, where: str, folder: Path) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except ValueError:
        raise InputError(f"{where}: is no JSON") from None
    if not isinstance(given, dict) or sorted(given) != sorted(columns_of(table)):
        raise InputError(f"{where}: has other columns than '{table.name}'")
    for column in table.columns:
        if isinstance(column.type, LargeBinary):
            value = given[column.name]
            if value is None and column.nullable:
                continue
            given[column.name] = _bytes(table, value, where, folder)
    if table is desk_tables.agent:
        # Nobody's key: the agent is invited again.
        given["key_sha256"] = f"moved:{given['agent_id']}"
    return given


def _bytes(table: Table, value: Any, where: str, folder: Path) -> bytes:
    try:
        if table is not attachment:
            return base64.b64decode(value, validate=True)
        # The name is the content's fingerprint, and leads nowhere else.
        if not _SHA256.fullmatch(value):
            raise ValueError(value)
        content: bytes = (folder / FILES / str(value)).read_bytes()
    except (OSError, TypeError, ValueError):
        raise InputError(f"{where}: its content is not there") from None
    if sha256(content).hexdigest() != value:
        raise InputError(f"{where}: its file is not the one that was exported")
    return content


def _insert(
    db: Connection, table: Table, rows: list[dict[str, Any]], where: str
) -> int:
    try:
        db.execute(insert(table), rows)
    except (IntegrityError, StatementError) as exc:
        why = str(exc.orig if exc.orig is not None else exc).splitlines()[0]
        raise InputError(f"{where}: cannot stand in '{table.name}': {why}") from None
    return len(rows)


def _go_on_counting(db: Connection) -> None:
    """PostgreSQL gives numbers from a counter, which inserts do not move."""
    for table in MOVED:
        for column in table.primary_key:
            if column.autoincrement is True:
                last = select(func.max(column)).scalar_subquery()
                counter = func.pg_get_serial_sequence(table.name, column.name)
                db.execute(select(func.setval(counter, func.coalesce(last, 1))))
