"""Looks at JSON before pydantic does: what no database can hold is refused.

A route whose body is a file's bytes says so with `brings`, and nobody looks at them
here: what a client calls its body decides nothing.
"""

import json
import math
import re
from typing import Any

from fastapi.routing import APIRoute

from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem

INTEGER_LIMIT = 1 << 63
LARGE = 64 * 1024
"""Bytes of a body; a larger one is looked at beside the loop, which serves others."""

_JSON = "application/json"
_HALF = re.compile("[\ud800-\udfff]")
"""Half of a character that needs two: JSON can say it, and nothing can keep it."""


def brings(media_type: str) -> dict[str, Any]:
    """For a route's `openapi_extra`: its body is a file's bytes, and no JSON."""
    bytes_of = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": {media_type: bytes_of}}}


def is_json(route: APIRoute) -> bool:
    """Whether the body of a route is JSON, as all are that do not say what it is."""
    told = (route.openapi_extra or {}).get("requestBody", {}).get("content")
    return told is None or _JSON in told


async def looked(body: bytes) -> None:
    """Refuse what no database can hold; see `look`."""
    if len(body) > LARGE:
        await offload(look, body)
    else:
        look(body)


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
