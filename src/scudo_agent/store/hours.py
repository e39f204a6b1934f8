"""Hours of the values that have a forecast (`judge.forecast`).

Written with other things, in their commit; read once, when an agent starts. Eight
weeks are kept.
"""

from collections.abc import Iterable, Mapping
from functools import cache

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import Insert, insert

from scudo_agent.instant import HOUR, Instant
from scudo_agent.judge.forecast import Hour, HourOf
from scudo_agent.judge.trend import KEPT_HOURS
from scudo_agent.store.schema import hourly


@cache
def _upsert() -> Insert:
    statement = insert(hourly)
    changed = {
        column.name: statement.excluded[column.name]
        for column in hourly.columns
        if not column.primary_key
    }
    return statement.on_conflict_do_update(
        index_elements=list(hourly.primary_key.columns), set_=changed
    )


def write(db: Connection, hours: Iterable[HourOf]) -> None:
    """Store hours; one that was stored before it was over is replaced."""
    rows = [
        {
            "check": one.check,
            "hour_us": one.hour.start,
            "measure": one.measure,
            "n": one.hour.n,
            "offset_us": one.hour.offset_us,
            "sum": one.hour.sum,
            "min": one.hour.min,
            "max": one.hour.max,
            "last": one.hour.last,
        }
        for one in hours
    ]
    if rows:
        db.execute(_upsert(), rows)


def read(db: Connection, check: str, measure: str) -> list[Hour]:
    """A check's hours, oldest first."""
    rows = db.execute(
        select(hourly)
        .where(hourly.c.check == check, hourly.c.measure == measure)
        .order_by(hourly.c.hour_us)
    )
    return [
        Hour(
            start=Instant(row.hour_us),
            n=row.n,
            offset_us=row.offset_us,
            sum=row.sum,
            min=row.min,
            max=row.max,
            last=row.last,
        )
        for row in rows
    ]


def keep(db: Connection, measures: Mapping[str, str]) -> None:
    """Drop what no forecast of the site file asks for: measures by check."""
    known = select(hourly.c.check, hourly.c.measure).distinct()
    for check, measure in db.execute(known).all():
        if measures.get(check) != measure:
            db.execute(
                delete(hourly).where(
                    hourly.c.check == check, hourly.c.measure == measure
                )
            )


def trim(db: Connection, now: Instant) -> int:
    """Drop what is older than eight weeks; how many rows that were."""
    oldest = now - KEPT_HOURS * HOUR
    return db.execute(delete(hourly).where(hourly.c.hour_us < oldest)).rowcount
