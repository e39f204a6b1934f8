"""Exact figures as JSON: fractions as decimals, never as binary floats.

A fraction with a finite decimal is printed whole. Any other is rounded to 28
significant digits: two different ratios of one year differ in them, so that a
printed figure never hides on which side of the target it lies.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

from scudo_agent.instant import SECOND

DIGITS = 28
_LONGEST = 400
"""No number of ours has so many digits; one exponent may ask for a gigabyte."""

_ROUNDED = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
_TENTH = Decimal("0.1")


def exact(value: Fraction) -> Decimal:
    """The decimal of a fraction; rounded to 28 digits where it has no end.

    >>> exact(Fraction(1, 8))
    Decimal('0.125')
    """
    twos, rest = _factor(value.denominator, 2)
    fives, rest = _factor(rest, 5)
    if rest != 1:
        return _ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator))
    places = max(twos, fives)
    whole = value.numerator * 10**places // value.denominator
    return Decimal(f"{whole}E-{places}")


def _factor(number: int, prime: int) -> tuple[int, int]:
    """How often a prime divides a number, and what remains."""
    count = 0
    while number % prime == 0:
        number //= prime
        count += 1
    return count, number


def ratio(value: Fraction | None) -> Decimal | None:
    """A ratio, always with a decimal point: `1.0`."""
    if value is None:
        return None
    found = exact(value)
    return found.quantize(_TENTH) if found == found.to_integral() else found


def seconds(duration_us: int | Fraction) -> int | Decimal:
    """A duration in seconds: whole ones as an integer, else the exact decimal."""
    value = Fraction(duration_us) / SECOND
    return value.numerator if value.denominator == 1 else exact(value)


def dumps(value: Any, *, indent: int = 2) -> str:
    """JSON in which a `Decimal` stands with all its digits, as a number."""
    return _write(value, indent, 0)


def canonical(value: Any) -> str:
    """The one way to write data down: sorted keys, no spaces, decimals as they are."""
    if isinstance(value, Mapping):
        items = (
            f"{json.dumps(key, ensure_ascii=False)}:{canonical(value[key])}"
            for key in sorted(value)
        )
        return f"{{{','.join(items)}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(canonical, value))}]"
    return _write(value, 0, 0)


def loads(text: str | bytes) -> Any:
    """JSON as `dumps` writes it: numbers with a decimal point are `Decimal`.

    Raises `ValueError` for what is no JSON, a doubled key and NaN included.
    """
    return json.loads(
        text,
        parse_float=_decimal,
        parse_constant=_no_number,
        object_pairs_hook=_once,
    )


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if abs(value.adjusted()) > _LONGEST:
        raise ValueError(f"{text[:40]} is beyond what can be meant")
    return value


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key '{twice}' stands twice")
    return found


def _write(value: Any, indent: int, depth: int) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        items = [
            f"{json.dumps(str(key), ensure_ascii=False)}: "
            f"{_write(one, indent, depth + 1)}"
            for key, one in value.items()
        ]
        return _frame("{}", items, indent, depth)
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = [_write(one, indent, depth + 1) for one in value]
        return _frame("[]", items, indent, depth)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _frame(signs: str, items: list[str], indent: int, depth: int) -> str:
    if not items:
        return signs
    inner = "\n" + " " * (indent * (depth + 1))
    outer = "\n" + " " * (indent * depth)
    return signs[0] + inner + f",{inner}".join(items) + outer + signs[1]
