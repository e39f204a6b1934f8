"""What is to be left alone: the copy of the desk's windows, mutes and pauses."""

from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from scudo_agent.instant import Instant
from scudo_agent.store import schema
from scudo_agent.store.values import (
    Intervention,
    InterventionKind,
    Scope,
    WindowCopy,
)
from scudo_agent.wire_site import WindowsTaken


def keep_windows(connection: Connection, windows: WindowsTaken, *, at: Instant) -> None:
    """The desk's windows replace the ones that were kept, as a whole."""
    row = {
        "revision": windows.revision,
        "fetched_us": at,
        "body": windows.model_dump_json(),
    }
    connection.execute(
        upsert(schema.window_copy)
        .values(id=1, **row)
        .on_conflict_do_update(index_elements=["id"], set_=row)
    )


def windows(connection: Connection) -> WindowCopy | None:
    """The copy; None before the first one."""
    row = connection.execute(select(schema.window_copy)).one_or_none()
    if row is None:
        return None
    return WindowCopy(
        fetched=Instant(row.fetched_us),
        windows=WindowsTaken.model_validate_json(row.body),
    )


def begin(connection: Connection, order: Intervention) -> None:
    """A person muted or paused something."""
    connection.execute(
        insert(schema.intervention).values(
            id=order.id,
            kind=order.kind.value,
            scope=order.scope.value,
            name=order.name,
            since_us=order.since,
            until_us=order.until,
            reason=order.reason,
            actor=order.actor,
        )
    )


def end(connection: Connection, id_: str, *, at: Instant, actor: str) -> None:
    """A person ended it before its time; the first one counts."""
    table = schema.intervention
    connection.execute(
        update(table)
        .where(table.c.id == id_, table.c.ended_us.is_(None))
        .values(ended_us=at, ended_by=actor)
    )


def interventions(connection: Connection, since: Instant) -> tuple[Intervention, ...]:
    """All that were in force at `since` or later, in the order of their beginning."""
    table = schema.intervention
    rows = connection.execute(
        select(table)
        .where(table.c.until_us > since)
        .order_by(table.c.since_us, table.c.id)
    )
    known = (_of(row) for row in rows)
    return tuple(order for order in known if order.end > since)


def _of(row: Any) -> Intervention:
    return Intervention(
        id=row.id,
        kind=InterventionKind(row.kind),
        scope=Scope(row.scope),
        name=row.name,
        since=Instant(row.since_us),
        until=Instant(row.until_us),
        reason=row.reason,
        actor=row.actor,
        ended=None if row.ended_us is None else Instant(row.ended_us),
        ended_by=row.ended_by,
    )
