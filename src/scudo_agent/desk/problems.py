"""Errors of the API as `application/problem+json` (RFC 9457)."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

RETRY_AFTER_S = 5
_SECRET = ("code", "token")
"""Parts of an address by which somebody gets in."""

_log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer other than success; `members` stand beside title and detail."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.members = members

    def response(self) -> Response:
        """The problem as it is sent."""
        body = {
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return JSONResponse(
            body,
            status_code=self.status,
            headers=dict(self.headers or {}),
            media_type="application/problem+json",
        )


async def on_problem(_: Request, exc: Exception) -> Response:
    """Answer a `Problem`."""
    assert isinstance(exc, Problem)
    return exc.response()


async def on_http(_: Request, exc: Exception) -> Response:
    """Answer what the framework refuses: no such path, wrong method."""
    assert isinstance(exc, HTTPException)
    return Problem(exc.status_code, str(exc.detail), headers=exc.headers).response()


async def on_invalid(_: Request, exc: Exception) -> Response:
    """Answer a body or parameter that is not what the API says.

    400 when it is no JSON at all, else 422 with the fault's place, and `index`
    when it lies in one event of a batch. The values themselves are not echoed.
    """
    assert isinstance(exc, RequestValidationError)
    first = exc.errors()[0]
    place = [part for part in first["loc"] if part != "body"]
    if first["type"] == "json_invalid":
        return Problem(400, "the body is not JSON").response()
    members: dict[str, Any] = {"where": ".".join(map(str, place))}
    if len(place) > 1 and place[0] == "events" and isinstance(place[1], int):
        members["index"] = place[1]
    return Problem(422, str(first["msg"]), **members).response()


async def on_store(request: Request, exc: Exception) -> Response:
    """The database cannot be used just now: come again."""
    assert isinstance(exc, OperationalError)
    _log.error("%s: the store failed: %s", _place(request), exc.orig)
    return Problem(
        503,
        "the desk's store cannot be used just now",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    ).response()


def _place(request: Request) -> str:
    """The address as a log may have it: without what opens a door."""
    path = request.url.path
    for name in _SECRET:
        if value := request.path_params.get(name):
            path = path.replace(str(value), "…")
    return path
