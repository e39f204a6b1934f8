"""Instants and durations: whole microseconds, text only at the edges.

An instant is a whole number of microseconds since 1970-01-01T00:00:00Z
(`domain.md` 1: one type, `_us` in stored columns); an interval is half-open.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NewType
from zoneinfo import ZoneInfo

from scudo_agent.errors import InputError

Instant = NewType("Instant", int)
"""Whole microseconds since the epoch, UTC."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_LONGEST = 100_000 * DAY
"""No duration that is meant is longer; it also keeps infinities out."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_UNITS = {"ms": 1_000, "s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)")
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)"
)


# What happens at once has one date, read and written again and again.
@lru_cache(maxsize=1024)
def parse_instant(text: str) -> Instant:
    """Read an RFC 3339 instant; one without an offset raises `InputError`."""
    if not _RFC3339.fullmatch(text):
        raise InputError(
            f"'{text}' is not an instant with an offset, "
            "such as 2026-03-01T10:00:00Z or 2026-03-01T11:00:00+01:00"
        )
    try:
        at = from_datetime(datetime.fromisoformat(text.upper().replace(" ", "T")))
        to_datetime(at)  # an offset may lead out of what the calendar holds
    except (ValueError, OverflowError) as exc:
        raise InputError(f"'{text}' is not an instant: {exc}") from None
    return at


def from_datetime(value: datetime) -> Instant:
    """Return the instant of an aware datetime."""
    if value.tzinfo is None:
        raise InputError(f"{value} has no offset")
    return Instant((value - _EPOCH) // _TICK)


def to_datetime(value: Instant) -> datetime:
    """Return the aware UTC datetime of an instant."""
    return _EPOCH + value * _TICK


@lru_cache(maxsize=1024)
def format_instant(value: Instant) -> str:
    """RFC 3339 in UTC with `Z`; a fraction only where there is one.

    >>> format_instant(Instant(0))
    '1970-01-01T00:00:00Z'
    """
    text = to_datetime(value).replace(tzinfo=None).isoformat(timespec="seconds")
    rest = value % SECOND
    return f"{text}.{rest:06d}".rstrip("0") + "Z" if rest else f"{text}Z"


def local_stamp(value: Instant, zone: str) -> str:
    """For a screen: to the second, by the clock of a time zone, with its offset.

    >>> local_stamp(Instant(0), "Europe/Rome")
    '1970-01-01 01:00:00 +01:00'
    """
    there = to_datetime(value).astimezone(ZoneInfo(zone))
    text = there.isoformat(sep=" ", timespec="seconds")
    return f"{text[:19]} {text[19:]}"


def parse_duration(text: str | int | float) -> int:
    """Microseconds of `60s`, `2h`, `500ms`, `1h 30m`, or of plain seconds."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        if text < 0:
            raise InputError(f"'{text}' is below zero")
        return _whole(text * SECOND, text)
    parts = _DURATION.findall(str(text))
    if not parts or _DURATION.sub("", str(text)).strip():
        raise InputError(f"'{text}' is not a duration such as 30s, 5m, 2h or 500ms")
    return sum(_whole(float(number) * _UNITS[unit], text) for number, unit in parts)


def _whole(duration_us: float, text: str | int | float) -> int:
    if not duration_us < _LONGEST:
        raise InputError(f"'{str(text)[:40]}' is too long to be meant")
    return round(duration_us)


def seconds(duration_us: int) -> int | float:
    """A duration for JSON: whole seconds as an integer, else a decimal number."""
    return duration_us // SECOND if duration_us % SECOND == 0 else duration_us / SECOND
