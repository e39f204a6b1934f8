"""How values are written for a reader: numbers, times, sizes, foreign text."""

import unicodedata
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, get_timezone_name
from babel.numbers import format_decimal

from scudo_agent.instant import HOUR, MINUTE, SECOND, Instant, to_datetime

_NEUTRAL = "en_GB"
"""Formats of English, and of a language that Babel does not know."""

_SIZES = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_HIDDEN = {"Cf", "Cs", "Co", "Cn"}
_LARGEST = 1e15
_JOINERS = "\u200c\u200d"


@lru_cache(maxsize=32)
def babel_locale(language: str) -> Locale:
    """Babel's data for a language; British formats for English."""
    try:
        return Locale.parse(_NEUTRAL if language == "en" else language)
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_NEUTRAL)


@lru_cache(maxsize=64)
def zone_info(zone: str) -> ZoneInfo:
    """The zone of that name; UTC when there is none (a site file checks names)."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def clean(text: str) -> str:
    """Foreign text as one harmless line: no control, bidi or invisible characters.

    A device's name or a page's title is data; it may not end a line, colour a
    terminal or turn the direction of what follows.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = []
    for char in text:
        kind = unicodedata.category(char)
        if kind in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif kind not in _HIDDEN or char in _JOINERS:
            kept.append(char)
    return " ".join("".join(kept).split())


def integer(value: int, _locale: Locale) -> str:
    """A whole number without grouping: it may be a port, a code or a row."""
    return str(value)


def decimal(value: float, locale: Locale) -> str:
    """A measured number with three significant digits, more only if it is large."""
    large = abs(value) >= 100 or not value
    return _number(value, "0.#" if large else "@##", locale)


def ratio(value: float, locale: Locale) -> str:
    """A share of 0 to 1 as a percentage; almost all is never rounded to all."""
    pattern = str(locale.percent_formats[None].pattern)
    if 0.995 <= value < 1:
        value = min(value, 0.999)
    if not 0.1 <= value < 0.995:
        pattern = pattern.replace("##0", "##0.#")
    return _number(value, pattern, locale)


def milliseconds(value: float, locale: Locale) -> str:
    """`3 ms`, `0.4 ms`; from ten seconds on `12.3 s`."""
    if value >= 10_000:
        return f"{_number(value / 1000, '0.#', locale)} s"
    return f"{_number(value, '0' if abs(value) >= 1 else '@', locale)} ms"


def size(value: float, locale: Locale) -> str:
    """A size in powers of 1000: `512 B`, `1.5 GB`, `18 GB`."""
    step = 0
    while abs(value) >= 999.5 and step < len(_SIZES) - 1:
        value /= 1000
        step += 1
    pattern = "0.#" if step and abs(value) < 9.95 else "0"
    return f"{_number(value, pattern, locale)} {_SIZES[step]}"


def euro(value: float, locale: Locale) -> str:
    """An amount with its cents: `75.00 €`, in Italian `75,00 €`."""
    return f"{_number(value, '#,##0.00', locale)} €"


def _number(value: float, pattern: str, locale: Locale) -> str:
    """By Babel's pattern; what no pattern is made for, as Python writes it."""
    if not abs(value) < _LARGEST:
        return str(value)
    return str(format_decimal(value, pattern, locale=locale))


def duration(value_us: int, locale: Locale) -> str:
    """A length of time, exact to the second, without empty parts.

    Hours go beyond 24 (a year's budget is 87 h 36 min); below a second it is
    milliseconds. h, min and s are the same in every language.
    """
    if abs(value_us) < SECOND - 500:
        return milliseconds(value_us / 1000, locale) if value_us else "0 s"
    sign = "-" if value_us < 0 else ""
    whole = (abs(value_us) + SECOND // 2) // SECOND * SECOND
    hours, rest = divmod(whole, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    parts = ((hours, "h"), (minutes, "min"), (rest // SECOND, "s"))
    return sign + " ".join(f"{number} {unit}" for number, unit in parts if number)


def local(value: int, zone: str) -> datetime:
    """The local time of an instant; out of range becomes the nearest there is."""
    lowest, highest = -62_000_000_000 * SECOND, 253_000_000_000 * SECOND
    bounded = Instant(min(max(value, lowest), highest))
    return to_datetime(bounded).astimezone(zone_info(zone))


def day(at: datetime, locale: Locale) -> str:
    """`lunedì 23 novembre 2026`."""
    return str(format_date(at, "full", locale=locale))


def date_of(text: str, locale: Locale) -> str:
    """A date as people write it, of `2026-11-23` or `11-23`: `23 novembre 2026`."""
    try:
        if len(text) == len("11-23"):
            day = date.fromisoformat(f"2024-{text}")  # any leap year
            return str(format_skeleton("MMMMd", day, locale=locale))
        return str(format_date(date.fromisoformat(text), "long", locale=locale))
    except ValueError:
        return clean(text)


def percent(text: str, locale: Locale) -> str:
    """An exact percentage, of its digits: `99.95%`, in Italian `99,95%`."""
    try:
        return f"{format_decimal(Decimal(text), '0.##############', locale=locale)}%"
    except InvalidOperation:
        return clean(text)


def short_day(at: datetime, locale: Locale) -> str:
    """`23 nov 2026`."""
    return str(format_date(at, "medium", locale=locale))


def time_of_day(at: datetime, locale: Locale) -> str:
    """`10:41:50`."""
    return str(format_time(at, "HH:mm:ss", tzinfo=at.tzinfo, locale=locale))


def hour_and_minute(at: datetime, locale: Locale) -> str:
    """`10:41`: when something is due, to the minute."""
    return str(format_time(at, "HH:mm", tzinfo=at.tzinfo, locale=locale))


def zone_name(at: datetime, zone: str, locale: Locale) -> str:
    """What people call the zone."""
    if zone_info(zone).key in ("UTC", "Etc/UTC"):
        return "UTC"
    return str(get_timezone_name(zone_info(zone).key, width="long", locale=locale))


def doubled(at: datetime) -> bool:
    """Whether this local time comes twice (the hour after clocks go back)."""
    return at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset() and (
        _exists(at)
    )


def _exists(at: datetime) -> bool:
    back = at.astimezone(ZoneInfo("UTC")).astimezone(at.tzinfo)
    return back.replace(tzinfo=None) == at.replace(tzinfo=None)


def offset(at: datetime) -> str:
    """`UTC+2`, `UTC+5:30`."""
    minutes = round((at.utcoffset() or timedelta()).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")
