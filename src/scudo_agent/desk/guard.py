"""What stands before every route: a body cap, and headers that protect pages."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scudo_agent.desk.problems import Problem
from scudo_agent.statement.render import STYLE_SOURCE

BODY_LIMIT = 2 * 1024 * 1024
BODY_DEADLINE_S = 30.0
# A statement brings its one style sheet along, which its hash allows.
POLICY = (
    f"default-src 'none'; style-src 'self' {STYLE_SOURCE}; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Guard:
    """Reads a request's body whole, within bounds, before anything parses it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = _protecting(send)
        try:
            body = await _body(scope, receive)
        except Problem as exc:
            await exc.response()(scope, receive, sender)
            return
        if body is not None:
            await self._app(scope, _replay(body, receive), sender)


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body; None when the client went away meanwhile."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > BODY_LIMIT:
        raise Problem(413, f"a body has at most {BODY_LIMIT} bytes")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > BODY_LIMIT:
                    raise Problem(413, f"a body has at most {BODY_LIMIT} bytes")
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Problem(408, "the body took too long") from None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body once; then say what the connection says."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _protecting(send: Send) -> Send:
    """Add the protecting headers to every answer."""

    async def protected(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await send(message)

    return protected
