"""What any route of the APIs may answer with, besides success; for its description."""

from collections.abc import Mapping
from typing import Any

from scudo_agent.desk.api_v1.answers import ProblemDetails

_WHY = {
    400: "The body is no JSON.",
    401: "No valid credential.",
    403: "The token's scopes, or its person's role, do not reach so far.",
    404: "There is no such thing, or not for this reader.",
    408: "The body took too long.",
    409: "It cannot be done as things are.",
    410: "It was kept for as long as it is to be, and is dropped.",
    412: "It changed since; of a ticket `version` is the present one.",
    413: "The body is too large.",
    422: "What is asked for is not what the description says; `where` it is.",
    428: "Say in `If-Match` which version was seen.",
    429: "Too many requests: `Retry-After` says when to come again.",
    503: "The desk's store cannot be used just now; come again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Their descriptions."""
    return {status: {"description": _WHY[status], **_IS} for status in statuses}


_IS: Mapping[str, Any] = {"model": ProblemDetails}
AGENTS = refusals(400, 401, 404, 408, 409, 413, 422, 429, 503)
DESK = refusals(401, 403, 404, 408, 413, 422, 429, 503)
JOIN = refusals(400, 403, 404, 408, 413, 422, 429, 503)
