"""What stands before every route: a body cap, and headers that protect pages."""

import asyncio
import re
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scudo_agent.desk.problems import Problem
from scudo_agent.statement.render import STYLE_SOURCE

BODY_LIMIT = 2 * 1024 * 1024
BODY_DEADLINE_S = 30.0
FILE_BODY_LIMIT = 10 * 1024 * 1024 + 64 * 1024
"""Of a request that brings a file of 10 MiB, with what stands around it."""
FILE_DEADLINE_S = 120.0
LARGE_AT_ONCE = 4
"""Bodies beyond `BODY_LIMIT` that are held at once: they fill the memory."""
_PATIENCE_S = 10.0
_FILE_PATHS = re.compile(
    r"/t/[^/]{1,40}/files|/v1/desk/tickets/[^/]{1,40}/attachments|/new|/request"
)
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
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = _protecting(send)
        try:
            declared = _declared(scope)
            if declared <= BODY_LIMIT:
                await self._answer(scope, receive, sender, limit=BODY_LIMIT)
                return
            async with self._room():
                await self._answer(scope, receive, sender, limit=declared)
        except Problem as exc:
            await exc.response()(scope, receive, sender)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, *, limit: int
    ) -> None:
        body = await _body(receive, limit=limit)
        if body is not None:
            await self._app(scope, _replay(body, receive), send)

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[None]:
        """A place for a large body; `Problem` when none becomes free."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._large.acquire()
        except TimeoutError:
            headers = {"Retry-After": "30"}
            raise Problem(
                503, "other files are being taken: come again", headers=headers
            ) from None
        try:
            yield
        finally:
            self._large.release()


def _declared(scope: Scope) -> int:
    """How large the body is said to be; `Problem` when that is too large.

    A file's body is larger than others, and has to say so before it comes.
    """
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    brings = scope["method"] == "POST" and _FILE_PATHS.fullmatch(scope["path"])
    limit = FILE_BODY_LIMIT if brings else BODY_LIMIT
    if not declared.isdigit() or len(declared) > 12 or int(declared) > limit:
        raise Problem(413, f"a body has at most {limit} bytes")
    return int(declared)


async def _body(receive: Receive, *, limit: int) -> bytes | None:
    """The whole body; None when the client went away meanwhile."""
    parts: list[bytes] = []
    size = 0
    patience = BODY_DEADLINE_S if limit <= BODY_LIMIT else FILE_DEADLINE_S
    try:
        async with asyncio.timeout(patience):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise Problem(413, f"a body has at most {limit} bytes")
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
