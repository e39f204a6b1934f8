"""The incidents of a storm ticket, page by page."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, select

from scudo_agent.desk.lifecycle import Condition
from scudo_agent.desk.store.tables import incident
from scudo_agent.instant import Instant

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """One incident of a storm, with its own start and end."""

    title: dict[str, str]
    name: str
    site_id: str
    severity: int | None
    condition: Condition
    since: Instant
    ended: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StormPage:
    """One page of a storm's incidents: what goes on first, then by start.

    `page` counts from 1 to `pages`.
    """

    lines: tuple[IncidentLine, ...]
    page: int
    pages: int
    total: int
    bad: int


def storm_page(
    db: Connection, tenant_id: str, ticket_id: int, *, page: int
) -> StormPage:
    """That page, or the nearest one that there is."""
    mine = and_(incident.c.tenant_id == tenant_id, incident.c.ticket_id == ticket_id)
    counts = {
        condition: int(count)
        for condition, count in db.execute(
            select(incident.c.condition, func.count())
            .where(mine)
            .group_by(incident.c.condition)
        )
    }
    total = sum(counts.values())
    pages = max(-(-total // PAGE), 1)
    page = min(max(page, 1), pages)
    rows = db.execute(
        select(incident)
        .where(mine)
        .order_by(
            case((incident.c.condition == Condition.BAD.value, 0), else_=1),
            incident.c.severity.is_(None),
            incident.c.severity,
            incident.c.since_us,
            incident.c.incident_id,
        )
        .limit(PAGE)
        .offset((page - 1) * PAGE)
    )
    return StormPage(
        lines=tuple(
            IncidentLine(
                title=row.title,
                name=row.subject_key.partition(":")[2],
                site_id=row.site_id,
                severity=row.severity,
                condition=Condition(row.condition),
                since=Instant(row.since_us),
                ended=row.ended_us,
            )
            for row in rows
        ),
        page=page,
        pages=pages,
        total=total,
        bad=counts.get(Condition.BAD.value, 0),
    )
