"""Looks at JSON before pydantic does: what no database can hold is refused."""

import json
import math
import re
from typing import Any

from scudo_agent.desk.problems import Problem

INTEGER_LIMIT = 1 << 63
_HALF = re.compile("[\ud800-\udfff]")
"""Half of a character that needs two: JSON can say it, and nothing can keep it."""


def look(body: bytes) -> None:
    """Refuse what no database can hold; name the event that has it."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return  # The framework says so, with the same words for every route.
    events = data.pop("events", None) if isinstance(data, dict) else None
    for index, event in enumerate(events if isinstance(events, list) else []):
        reason = unstorable(event)
        if reason is not None:
            raise Problem(422, reason, index=index)
    reason = unstorable(data if isinstance(events, list) else [data, events])
    if reason is not None:
        raise Problem(422, reason)


def unstorable(value: Any) -> str | None:
    """Why a JSON value cannot be kept: NUL, half a character, a monstrous number."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            todo += one
        elif isinstance(one, str):
            if "\x00" in one:
                return "a text holds a NUL"
            if not one.isascii() and _HALF.search(one):
                return "a text holds half a character"
        elif isinstance(one, float):
            if not math.isfinite(one):
                return "a number is not finite"
        elif isinstance(one, int) and abs(one) >= INTEGER_LIMIT:
            return "a number is beyond 64 bits"
    return None
