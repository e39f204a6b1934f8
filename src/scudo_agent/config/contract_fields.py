"""The kinds of values that contract files have, each with its JSON Schema.

As in `config.fields`: a wrong value raises `ValueError` with the sentence that a
person reads. Decimals are exact: the digits that stand in the file.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from scudo_agent.config.suggest import did_you_mean
from scudo_agent.contract.model import DayRule, Span
from scudo_agent.instant import HOUR, MINUTE

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
YEARS = range(1970, 2201)
"""Years that a contract can speak of."""

_DIGITS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_SPAN = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")
_DATE = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_EASTER = re.compile(r"easter([+-][0-9]{1,3})?")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LEAP = 2024
_FARTHEST = 180
"""No feast hangs on Easter over more days than that."""


def exact(value: Any) -> Decimal | None:
    """The decimal that a value is, digit by digit; None for anything else."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float):
        return exact(Decimal(repr(value)))
    return Decimal(value) if _DIGITS.fullmatch(str(value)) else None


def _decimal(
    least: int, most: int, *, places: int, what: str, above: bool = False
) -> Callable[[Any], Decimal]:
    def check(value: Any) -> Decimal:
        number = exact(value)
        low = number is not None and (number < least or (above and number == least))
        if number is None or low or number > most:
            raise ValueError(f"{what} is needed{_not(value)}")
        if -int(number.as_tuple().exponent) > places:
            many = f"at most {places} decimals are needed"
            raise ValueError(f"{many}{_not(value)}")
        return number

    return check


def _not(value: Any) -> str:
    shown = isinstance(value, str | int | float | Decimal) and len(str(value)) <= 60
    return f", not '{value}'" if shown and not isinstance(value, bool) else ""


def day_numbers(key: str) -> tuple[int, ...]:
    """The days of a key of hours, Monday 0: `mon-fri`, `sat`, `mon,wed-thu`."""
    found: list[int] = []
    for part in key.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        low = _day(first)
        high = _day(last) if dash else low
        if high < low:
            right = f"'{first}-sun,mon-{last}'" if high else f"'{first}-sun,mon'"
            raise ValueError(
                f"'{part.strip()}' runs over the week's end; write {right}"
            )
        found += range(low, high + 1)
    return tuple(found)


def _day(word: str) -> int:
    if word not in DAYS:
        short = word.lower()[:3]
        meant = did_you_mean(short) if short in DAYS else ""
        hint = meant or f"; days are {', '.join(DAYS)}"
        raise ValueError(f"'{word}' is no day of the week{hint}")
    return DAYS.index(word)


def _day_key(value: Any) -> str:
    day_numbers(str(value))
    return str(value)


def _span(value: Any) -> Span:
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"hours such as 09:00-18:00 are needed{_not(value)}")
    hour, minute, last_hour, last_minute = map(int, found.groups())
    start, end = hour * 60 + minute, last_hour * 60 + last_minute
    if minute > 59 or last_minute > 59 or start >= 1440 or end > 1440:
        raise ValueError(f"'{value}' leaves the day, which is 00:00 to 24:00")
    if end <= start:
        what = "ends where it starts" if end == start else "ends before it starts"
        right = "" if end == start else "; a span over midnight is written as two"
        raise ValueError(f"'{value}' {what}{right}")
    return start, end


def _offset(value: Any) -> int:
    found = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:
        raise ValueError(f'an offset such as "+01:00" is needed{_not(value)}')
    length = int(found[2]) * HOUR + int(found[3]) * MINUTE
    return -length if found[1] == "-" else length


def _date(value: Any) -> date:
    try:
        if not isinstance(value, str) or len(value) != len("2026-01-01"):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("a date is needed, such as 2026-01-01") from None
    if day.year not in YEARS:
        raise ValueError(f"'{value}' is not between {YEARS[0]} and {YEARS[-1]}")
    return day


def _day_rule(value: Any) -> DayRule:
    text = value if isinstance(value, str) else ""
    if found := _EASTER.fullmatch(text):
        days = int(found[1] or 0)
        if abs(days) > _FARTHEST:
            raise ValueError(f"'{text}' is more than {_FARTHEST} days from Easter")
        return DayRule(text=text, easter=days)
    parts = _DATE.fullmatch(text)
    if parts is None:
        forms = "12-25, 2026-12-24, easter or easter+1"
        raise ValueError(f"a day such as {forms} is needed{_not(value)}")
    year = int(parts[1]) if parts[1] else None
    month, day = int(parts[2]), int(parts[3])
    if year is not None and year not in YEARS:
        raise ValueError(f"'{text}' is not between {YEARS[0]} and {YEARS[-1]}")
    in_month = monthrange(year or _LEAP, month)[1] if 1 <= month <= 12 else 0
    if not 1 <= day <= in_month:
        raise ValueError(f"there is no day '{text}'")
    return DayRule(text=text, month=month, day=day, year=year)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        what = "a name of small letters, digits, '_' and '-' is needed"
        raise ValueError(f"{what}{_not(value)}")
    return value


def _included(value: Any) -> int | None:
    if value == "all":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100_000:
        return value
    raise ValueError(f"'all' or a number of minutes is needed{_not(value)}")


def _schema(**keys: Any) -> WithJsonSchema:
    return WithJsonSchema(keys)


def _number(pattern: str, **bounds: Any) -> WithJsonSchema:
    digits = {"type": "string", "pattern": pattern}
    return _schema(anyOf=[{"type": "number", **bounds}, digits])


_ANY = r"^[0-9]+(\.[0-9]+)?$"
Target = Annotated[
    Decimal,
    BeforeValidator(
        _decimal(
            0,
            100,
            places=6,
            above=True,
            what="a percentage, more than 0 and at most 100,",
        )
    ),
    _number(_ANY, exclusiveMinimum=0, maximum=100),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(_decimal(0, 100, places=6, what="a percentage from 0 to 100")),
    _number(_ANY, minimum=0, maximum=100),
]
Rate = Annotated[
    Decimal,
    BeforeValidator(
        _decimal(0, 100_000, places=2, what='euro an hour, such as "75.00",')
    ),
    _number(r"^[0-9]+(\.[0-9]{1,2})?$", minimum=0, maximum=100_000),
]
_DAY = rf"({'|'.join(DAYS)})"
_PART = rf" *{_DAY} *(- *{_DAY} *)?"
DayKey = Annotated[
    str,
    BeforeValidator(_day_key),
    _schema(type="string", pattern=f"^{_PART}(,{_PART})*$"),
]
_DAY_SPAN = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
SpanField = Annotated[
    Span, BeforeValidator(_span), _schema(type="string", pattern=_DAY_SPAN)
]
Offset = Annotated[
    int,
    BeforeValidator(_offset),
    _schema(type="string", pattern="^[+-](0[0-9]|1[0-4]):[0-5][0-9]$"),
]
Date = Annotated[date, BeforeValidator(_date), _schema(type="string", format="date")]
DayRuleField = Annotated[
    DayRule,
    BeforeValidator(_day_rule),
    _schema(
        type="string",
        pattern=r"^(([0-9]{4}-)?[0-9]{2}-[0-9]{2}|easter([+-][0-9]{1,3})?)$",
    ),
]
Name = Annotated[
    str,
    BeforeValidator(_name),
    _schema(type="string", pattern=f"^{_NAME.pattern}$"),
]
Included = Annotated[
    int | None,
    BeforeValidator(_included),
    _schema(
        anyOf=[{"const": "all"}, {"type": "integer", "minimum": 0, "maximum": 100_000}]
    ),
]
Minutes = Annotated[int, Field(ge=0, le=100_000, strict=True)]
Months = Annotated[int, Field(ge=1, le=240, strict=True)]
WorkingDays = Annotated[int, Field(ge=0, le=366, strict=True)]
