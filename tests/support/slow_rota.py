"""Who is on call, worked out minute by minute: slow, and without any of our code."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def slow_turn(
    zone: str, first: date, minute: int, every_days: int, at: datetime
) -> int | None:
    """The turn that a clock on the wall of `zone` would have begun last.

    It watches the clock from two days before the first turn on, minute by minute: a
    turn begins at the first minute of real time at which the clock shows its day and
    time or, where that time is skipped, a later one.
    """
    wall = ZoneInfo(zone)
    now = datetime.combine(first, datetime.min.time(), UTC) - timedelta(days=2)
    turn, step = -1, timedelta(minutes=1)
    while now <= at:
        shown = now.astimezone(wall).replace(tzinfo=None)
        day = first + timedelta(days=(turn + 1) * every_days)
        due = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
        if shown >= due:
            turn += 1
        now += step
    return None if turn < 0 else turn
