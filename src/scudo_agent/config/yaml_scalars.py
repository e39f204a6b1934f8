"""The scalars of YAML 1.2's core schema (YAML 1.2.2, 10.3.2)."""

import math
import re
from collections.abc import Callable
from typing import Any

CORE = "tag:yaml.org,2002:"

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True}
_BOOL |= {"false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_FIRST = frozenset("-+.0123456789")
_MAX_DIGITS = 30


class Unreadable(ValueError):
    """A scalar that its own form forbids; the text says why."""


def plain(text: str) -> Any:
    """The value of an unquoted scalar."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in _FIRST:
        return text
    if _INT.fullmatch(text):
        return _int(text)
    return _float(text) if _FLOAT.fullmatch(text) else text


def explicit(tag: str, text: str) -> Any:
    """The value of a scalar with a tag such as `!!str`."""
    reader = _READERS.get(tag.removeprefix(CORE)) if tag.startswith(CORE) else None
    if reader is None:
        raise Unreadable(f"the tag '{shown_tag(tag)}' means nothing here; leave it out")
    try:
        return reader(text)
    except (KeyError, ValueError):
        raise Unreadable(f"this is no {shown_tag(tag)}") from None


def shown_tag(tag: str) -> str:
    """A tag as people write it."""
    return "!!" + tag.removeprefix(CORE) if tag.startswith(CORE) else tag


def _int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise Unreadable("this number is too long to be meant")
    if text.startswith("0o"):
        return int(text[2:], 8)
    return int(text[2:], 16) if text.startswith("0x") else int(text)


def _float(text: str) -> float:
    value = math.inf if text[-1] in "fFnN" else float(text)
    if not math.isfinite(value):
        raise Unreadable("an infinite number or none at all means nothing here")
    return value


def _null(text: str) -> None:
    if text not in _NULL:
        raise ValueError


_READERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": _int,
    "float": _float,
    "bool": _BOOL.__getitem__,
    "null": _null,
}
