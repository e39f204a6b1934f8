"""The description of all of the desk's APIs (OpenAPI 3.1), for whoever asks.

It says nothing that is anybody's: it is served without a credential.
"""

import json
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from scudo_agent.desk.offload import offload

PATH = "/v1/openapi.json"
_ABOUT = """What agents and people's programs speak with at the desk.

Instants are RFC 3339 with an offset. Errors are `application/problem+json`
(RFC 9457). Unknown keys of a body and unknown values of an enumeration are refused.
Of `/v1/desk`: a list is read page by page (`Link: <…>; rel="next"`), a POST may carry
an `Idempotency-Key`, and `RateLimit` says what is left of the token's bucket."""


def description(app: FastAPI) -> dict[str, Any]:
    """All routes of the application that are described."""
    made = get_openapi(
        title="scudo desk",
        version="1",
        openapi_version="3.1.0",
        description=_ABOUT,
        routes=app.routes,
    )
    for path in made["paths"].values():
        for operation in path.values():
            _plainly(operation)
    schemas = made["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return made


def add_description(app: FastAPI) -> None:
    """Serve it; it is made when the first one asks, and kept."""

    @cache
    def made() -> bytes:
        return json.dumps(description(app), ensure_ascii=False).encode()

    async def described(_: Request) -> Response:
        headers = {"Cache-Control": "max-age=300"}
        content = await offload(made)
        return Response(content, media_type="application/json", headers=headers)

    app.add_route(PATH, described, methods=["GET"])


def _plainly(operation: dict[str, Any]) -> None:
    """Errors are problems, whatever the framework would answer with by itself."""
    for status, answer in operation["responses"].items():
        if status.startswith(("4", "5")):
            schema = {"$ref": "#/components/schemas/ProblemDetails"}
            answer["content"] = {"application/problem+json": {"schema": schema}}
