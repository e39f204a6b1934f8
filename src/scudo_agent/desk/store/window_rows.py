"""The rows of windows, read and written within a transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update

from scudo_agent.desk.lifecycle import short_code
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import site
from scudo_agent.desk.store.window_tables import (
    site_service,
    window,
    window_announcement,
    window_cancellation,
    window_correction,
    window_series,
)
from scudo_agent.instant import Instant, format_instant
from scudo_agent.wire import SiteService
from scudo_agent.wire_site import WindowAnnouncement, WindowCorrection, WindowState

# Asked by every agent twice a minute; making a statement costs more than running it.
_REVISION = select(site.c.windows_revision).where(
    site.c.tenant_id == bindparam("tenant"), site.c.site_id == bindparam("of_site")
)


def put_services(
    db: Connection, who: AgentIdentity, services: Iterable[SiteService], now: Instant
) -> bool:
    """Keep the site's services as its file has them; false if nothing changed."""
    mine = (
        site_service.c.tenant_id == who.tenant_id,
        site_service.c.site_id == who.site_id,
    )
    wanted = list(services)
    if known_services(db, who) == wanted:
        return False
    db.execute(site_service.delete().where(*mine))
    rows = [
        {
            "tenant_id": who.tenant_id,
            "site_id": who.site_id,
            "service_id": one.id,
            "place": place,
            "title": dict(one.title),
            "contracted": one.contracted,
            "stored_us": now,
        }
        for place, one in enumerate(wanted)
    ]
    if rows:
        db.execute(insert(site_service), rows)
    return True


def known_services(db: Connection, who: AgentIdentity) -> list[SiteService]:
    """The site's services with their titles, in the order of its file."""
    rows = db.execute(
        select(
            site_service.c.service_id,
            site_service.c.title,
            site_service.c.contracted,
        )
        .where(
            site_service.c.tenant_id == who.tenant_id,
            site_service.c.site_id == who.site_id,
        )
        .order_by(site_service.c.place)
    )
    return [
        SiteService(id=row.service_id, title=row.title, contracted=row.contracted)
        for row in rows
    ]


def revision_of_windows(db: Connection, who: AgentIdentity) -> int:
    """The number of the last change at the site; 0 before the first."""
    mine = {"tenant": who.tenant_id, "of_site": who.site_id}
    return int(db.execute(_REVISION, mine).scalar() or 0)


def raise_revision(db: Connection, who: AgentIdentity, now: Instant) -> None:
    """Something changed: agents fetch the windows again.

    The number is the instant of the change, or the next one after the last: counted
    from 1, a desk that was put back from a copy would give the numbers once more
    that agents know already, for other windows.
    """
    number = max(revision_of_windows(db, who) + 1, now)
    db.execute(
        update(site)
        .where(site.c.tenant_id == who.tenant_id, site.c.site_id == who.site_id)
        .values(windows_revision=number)
    )


def zone_of(db: Connection, who: AgentIdentity) -> str:
    """The site's time zone."""
    return str(
        db.execute(
            select(site.c.timezone).where(
                site.c.tenant_id == who.tenant_id, site.c.site_id == who.site_id
            )
        ).scalar_one()
    )


def free_id(db: Connection, prefix: str, seed: str) -> str:
    """A public id that follows from the seed and that nobody has."""
    column = window_series.c.series_id if prefix == "MS" else window.c.window_id
    collision = 0
    while True:
        found = f"{prefix}-{short_code(f'{seed}#{collision}' if collision else seed)}"
        if db.execute(select(column).where(column == found)).first() is None:
            return found
        collision += 1


def states(
    db: Connection, who: AgentIdentity | None, *, ids: Sequence[str] | None = None
) -> list[WindowState]:
    """Windows with all that was said of them, oldest first; None: of all sites."""
    rows = list(db.execute(_of(select(window), who, ids)))
    told, ended, corrected = (
        _by_window(db, table, who, ids)
        for table in (window_announcement, window_cancellation, window_correction)
    )
    rows.sort(
        key=lambda row: (row.created_us, told[row.window_id][0].start_us, row.window_id)
    )
    return [
        _state(
            row,
            told[row.window_id],
            ended.get(row.window_id, []),
            corrected.get(row.window_id, []),
        )
        for row in rows
    ]


def ids_of(db: Connection, who: AgentIdentity, name: str) -> list[str]:
    """The window of that id, or all of the series of that id; empty: none."""
    query = select(window.c.window_id).where(
        window.c.tenant_id == who.tenant_id,
        window.c.site_id == who.site_id,
        or_(window.c.window_id == name, window.c.series_id == name),
    )
    return list(db.execute(query).scalars())


def next_number(db: Connection, who: AgentIdentity, table: Any, window_id: str) -> int:
    """The number of the next announcement or correction of a window, from 1."""
    query = select(func.max(table.c.number)).where(
        table.c.tenant_id == who.tenant_id, table.c.window_id == window_id
    )
    return int(db.execute(query).scalar() or 0) + 1


def _of(query: Any, who: AgentIdentity | None, ids: Sequence[str] | None) -> Any:
    if who is not None:
        query = query.where(
            window.c.tenant_id == who.tenant_id, window.c.site_id == who.site_id
        )
    return query if ids is None else query.where(window.c.window_id.in_(ids))


def _by_window(
    db: Connection, table: Any, who: AgentIdentity | None, ids: Sequence[str] | None
) -> dict[str, list[Row[Any]]]:
    query = select(table).join(
        window,
        (window.c.tenant_id == table.c.tenant_id)
        & (window.c.window_id == table.c.window_id),
    )
    order = [table.c.window_id]
    if "number" in table.c:
        order.append(table.c.number)
    found: dict[str, list[Row[Any]]] = {}
    for row in db.execute(_of(query, who, ids).order_by(*order)):
        found.setdefault(row.window_id, []).append(row)
    return found


def _state(
    row: Row[Any],
    told: Sequence[Row[Any]],
    ended: Sequence[Row[Any]],
    corrected: Sequence[Row[Any]],
) -> WindowState:
    peaks = [one.peak_notice_us for one in told if one.peak_notice_us is not None]
    return WindowState(
        id=row.window_id,
        kind=row.kind,
        services=row.services,
        announcements=[
            WindowAnnouncement(
                announced=format_instant(one.announced_us),
                start=format_instant(one.start_us),
                end=format_instant(one.end_us),
            )
            for one in told
        ],
        cancelled=format_instant(ended[0].cancelled_us) if ended else None,
        peak_notice=format_instant(peaks[-1]) if peaks else None,
        reason=row.reason,
        series=row.series_id,
        corrections=[
            WindowCorrection(
                at=format_instant(one.corrected_us),
                by=one.by_name,
                change=one.change,
                reason=one.reason,
            )
            for one in corrected
        ],
    )


def values(who: AgentIdentity, by: str, **more: Any) -> Mapping[str, Any]:
    """A row of one of the tables of windows."""
    return {
        "tenant_id": who.tenant_id,
        "actor": who.actor,
        "by_name": by,
        **more,
    }
