"""What can still be read of a damaged store, brought into a sound one.

Each table is read row by row from both ends until a page cannot be read. A row of an
event counts only with the hash that was stored with it.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DatabaseError

from scudo_agent.dbfile.sqlite import connect, module
from scudo_agent.instant import DAY
from scudo_agent.model import State
from scudo_agent.store import outbox, schema
from scudo_agent.store.apply import STREAM
from scudo_agent.wire import canonical

Row = dict[str, Any]

_PLAIN: tuple[Table, ...] = (
    schema.incident,
    schema.check_state,
    schema.check_seen,
    schema.agent_run,
    schema.isolation,
    schema.intervention,
    schema.window_copy,
    schema.hourly,
    schema.liveness,
)
"""A row of the damaged store is newer than the same one of a backup."""


@dataclass(slots=True, kw_only=True)
class Salvaged:
    """How many rows were read, and how many were not at most (None: unknown)."""

    kept: int = 0
    lost: int | None = 0

    def miss(self, count: int | None) -> None:
        """Some rows are not there; None: nobody knows how many."""
        self.lost = None if self.lost is None or count is None else self.lost + count


@dataclass(slots=True, kw_only=True)
class _Read:
    """Rows of one table in their order; `gap` is where they break off, and go on."""

    rows: list[Row] = field(default_factory=list)
    gap: tuple[int, int | None] | None = None
    none: bool = False


def site_of(old: Path) -> str | None:
    """Whose store it is; None when that cannot be read."""
    try:
        with closing(connect(old, mode="rw")) as db:
            row = db.execute("SELECT value FROM meta WHERE key = 'site'").fetchone()
    except module().DatabaseError:
        return None
    return None if row is None or not isinstance(row[0], str) else row[0]


def salvage(connection: Connection, old: Path) -> Salvaged:
    """Bring what can be read of `old` into the open transaction of a sound store.

    Its outbox is told anew as a whole, under another identity: the desk knows each
    stage by its incident and `rev`.
    """
    found = Salvaged()
    try:
        with closing(connect(old, mode="rw")) as db:
            db.execute("PRAGMA query_only = ON")
            _bring(connection, db, found)
    except module().DatabaseError:
        found.miss(None)
    _alive(connection)
    outbox.renew(connection, str(uuid.uuid4()))
    return found


def _bring(connection: Connection, db: Any, found: Salvaged) -> None:
    for table in _PLAIN:
        read = _read(db, table)
        found.kept += _put(connection, table, read.rows, found)
        if read.none or read.gap is not None:
            found.miss(_between(read.gap))
    _changes(connection, db, found)
    _events(connection, db, found)


def _between(gap: tuple[int, int | None] | None) -> int | None:
    if gap is None or gap[1] is None:
        return None
    return gap[1] - gap[0] - 1


def _put(
    connection: Connection, table: Table, rows: Iterable[Row], found: Salvaged
) -> int:
    kept = 0
    for row in rows:
        known = {key: row[key] for key in row if key in table.columns}
        keys = list(table.primary_key.columns)
        statement = upsert(table).values(known)
        others = {key: value for key, value in known.items() if key not in keys}
        try:
            with connection.begin_nested():
                connection.execute(
                    statement.on_conflict_do_update(index_elements=keys, set_=others)
                )
        except DatabaseError:
            found.miss(1)
        else:
            kept += 1
    return kept


def _read(db: Any, table: Table) -> _Read:
    """All rows that can be read, by both ends."""
    read = _Read()
    try:
        names = [row[1] for row in db.execute(f'PRAGMA table_info("{table.name}")')]
    except module().DatabaseError:
        names = []
    if not names:
        read.none = True
        return read
    upward, broke = _run(db, table.name, names, "ASC", None)
    read.rows = [row for _, row in upward]
    if not broke:
        return read
    last = upward[-1][0] if upward else 0
    downward, _ = _run(db, table.name, names, "DESC", last)
    read.rows += [row for _, row in reversed(downward)]
    read.gap = (last, downward[-1][0] if downward else None)
    return read


def _run(
    db: Any, table: str, names: list[str], way: str, above: int | None
) -> tuple[list[tuple[int, Row]], bool]:
    """Rows one by one until the end, or until one cannot be read (then True)."""
    out: list[tuple[int, Row]] = []
    bound = "" if above is None else f"WHERE rowid > {above}"
    cursor = db.cursor()
    try:
        cursor.execute(
            f'SELECT rowid, * FROM "{table}" NOT INDEXED {bound} ORDER BY rowid {way}'  # noqa: S608 - names of our own schema
        )
        while (row := cursor.fetchone()) is not None:
            out.append((row[0], dict(zip(names, row[1:], strict=True))))
    except (module().DatabaseError, UnicodeDecodeError):
        return out, True
    finally:
        cursor.close()
    return out, False


def _changes(connection: Connection, db: Any, found: Salvaged) -> None:
    """The ledger: whole up to where it breaks off, and unknown from there on."""
    table = schema.check_change
    read = _read(db, table)
    newest = connection.execute(select(func.max(table.c.id))).scalar() or 0
    gap = (0, None) if read.none else read.gap or _hole(db, read.rows)
    broken = gap is not None and (gap[1] is None or newest < gap[1] - 1)
    rows = read.rows
    if broken and gap is not None:
        rows = [row for row in rows if _id(row) <= max(gap[0], newest)]
        after = len(read.rows) - len(rows)
        missing = _between((max(gap[0], newest), gap[1]))
        found.miss(None if missing is None else missing + after)
    found.kept += _put(connection, table, rows, found)
    if broken:
        _unknown(connection)


def _hole(db: Any, rows: list[Row]) -> tuple[int, int | None] | None:
    """The first numbers that are not there, though every page could be read.

    Numbers are given without gaps; only what is older than a ledger is kept may
    lack some.
    """
    last = _number(db, "SELECT seq FROM sqlite_sequence WHERE name = 'check_change'")
    if not rows:
        return (0, None) if last is None else (0, last + 1) if last else None
    latest = max(_whole(row["decided_us"]) for row in rows)
    before = None
    for row in rows:
        here = _id(row)
        recent = _whole(row["decided_us"]) > latest - 4_000 * DAY
        if before is not None and recent and here != before + 1:
            return before, here
        before = here
    if last is not None and before is not None and before < last:
        return before, last + 1
    return None


def _number(db: Any, query: str) -> int | None:
    """A whole number, if it can be read."""
    try:
        row = db.execute(query).fetchone()
    except module().DatabaseError:
        return None
    return row[0] if row is not None and isinstance(row[0], int) else None


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _id(row: Row) -> int:
    return row["id"] if isinstance(row["id"], int) else 0


def _unknown(connection: Connection) -> None:
    """Nothing is known of any check from its last change that could be read."""
    table = schema.check_change
    at = connection.execute(select(func.max(table.c.decided_us))).scalar()
    if at is None:
        return
    last = select(func.max(table.c.id)).group_by(table.c.check)
    rows = connection.execute(
        select(table.c.check).where(
            table.c.id.in_(last), table.c.state != State.UNKNOWN.value
        )
    )
    state, since = State.UNKNOWN.value, at + 1
    for check in rows.scalars().all():
        connection.execute(
            insert(table).values(
                check=check, state=state, since_us=since, decided_us=since
            )
        )


def _alive(connection: Connection) -> None:
    """A store with a past needs an instant from which on nothing was measured."""
    if connection.execute(select(schema.liveness.c.id)).first() is not None:
        return
    at = connection.execute(select(func.max(schema.check_change.c.decided_us))).scalar()
    if at is not None:
        connection.execute(
            insert(schema.liveness).values(
                id=1, at_us=at, wall_us=at, mono_us=0, boot_id="", offset_us=0, pid=0
            )
        )


def _events(connection: Connection, db: Any, found: Salvaged) -> None:
    """All events of both stores, numbered anew from 1."""
    table = schema.outbox
    read = _read(db, table)
    if read.none or read.gap is not None:
        found.miss(_between(read.gap))
    else:
        found.miss(_unread(db, read.rows))
    before = [dict(row._mapping) for row in connection.execute(select(table))]
    merged: dict[tuple[str, int], Row] = {}
    for row in (*before, *read.rows):
        if _sound(row):
            merged[row["incident_id"], row["rev"]] = row
        else:
            found.miss(1)
    incidents = set(connection.execute(select(schema.incident.c.incident_id)).scalars())
    connection.execute(table.delete())
    seq = 0
    for row in _in_order(merged.values()):
        if row["incident_id"] not in incidents:
            found.miss(1)
            continue
        seq += 1
        connection.execute(insert(table).values(_numbered(row, seq)))
    found.kept += seq
    _count_revs(connection)
    connection.execute(
        upsert(schema.stream_head)
        .values(stream=STREAM, head_seq=seq, acked_seq=0)
        .on_conflict_do_update(
            index_elements=["stream"], set_={"head_seq": seq, "acked_seq": 0}
        )
    )


def _unread(db: Any, rows: list[Row]) -> int | None:
    """How many events are not there, though every page could be read."""
    query = f"SELECT head_seq FROM stream_head WHERE stream = '{STREAM}'"  # noqa: S608 - ours
    last = _number(db, query)
    if last is None or not rows:
        return last
    first = min(_whole(row["seq"]) for row in rows)
    return max(0, last - first + 1 - len(rows))


def _sound(row: Row) -> bool:
    body = row.get("body")
    return (
        isinstance(body, bytes)
        and hashlib.sha256(body).hexdigest() == row.get("sha256")
        and row.get("stream") == STREAM
    )


def _in_order(rows: Iterable[Row]) -> Iterator[Row]:
    yield from sorted(rows, key=lambda row: (row["created_us"], row["seq"]))


def _numbered(row: Row, seq: int) -> Row:
    body = canonical({**json.loads(row["body"]), "seq": seq})
    digest = hashlib.sha256(body).hexdigest()
    known = {key: row[key] for key in row if key in schema.outbox.columns}
    return {**known, "seq": seq, "body": body, "sha256": digest, "epoch": None}


def _count_revs(connection: Connection) -> None:
    """An incident has at least as many stages as the outbox has of it."""
    connection.execute(
        text(
            "UPDATE incident SET rev = max(rev, coalesce((SELECT max(o.rev) FROM "
            "outbox o WHERE o.incident_id = incident.incident_id), 0))"
        )
    )
