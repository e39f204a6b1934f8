"""What every request of a person's program goes through, before and after its route.

In this order: whose token it is (401), whether its bucket still holds a request
(429), whether its body can be kept at all (422), and whether it was served before
(`Idempotency-Key`). Only then does the route look at what is asked.
"""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from hashlib import sha256
from math import ceil
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.exc import OperationalError
from starlette.responses import JSONResponse

from scudo_agent.desk import limits
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.auth import fingerprint, is_token
from scudo_agent.desk.limits import Buckets
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem, on_invalid
from scudo_agent.desk.rights import Right
from scudo_agent.desk.storable import is_json, looked
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.replies import UNDER_WAY, Claim, Kept
from scudo_agent.desk.store.tokens import TokenUse

Handle = Callable[[Request], Coroutine[Any, Any, Response]]

BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A person's token: `sct_…`, made with `scudo-agent desk token add`.",
)
_KEPT_HEADERS = ("etag", "location")
_KEY = r"^[\x21-\x7e]{8,200}$"
_REPLAYED = "Idempotency-Replayed"
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=_KEY,
        description="Made by the client, one for each thing that it wants done. "
        "Sent again within 7 days it is answered the same, and nothing is done twice.",
    ),
]


async def idempotent(key: IdempotencyKey = None) -> None:
    """Documents the header of every POST; `Door` acts on it."""


def needs(scope: TokenScope, right: Right) -> Callable[..., Any]:
    """A dependency: the token's person, or 403 if token or person may not."""

    async def allowed(
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    ) -> TokenUse:
        use: TokenUse = request.state.token
        if scope not in use.scopes:
            raise Problem(403, f"this token lacks the scope '{scope}'", needs=scope)
        if not use.person.may(right):
            raise Problem(
                403, f"the role '{use.person.role}' lacks the right '{right}'"
            )
        return use

    return allowed


class Door:
    """One for all routes: it knows the tokens and how much each of them costs."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store
        self._reads = Buckets(limits.READ_RATE, limits.READ_BURST)
        self._writes = Buckets(limits.WRITE_RATE, limits.WRITE_BURST)
        self._under_way: set[tuple[str, str]] = set()

    def route_class(self) -> type[APIRoute]:
        """Routes behind this door."""
        door = self

        class Route(APIRoute):
            def get_route_handler(self) -> Handle:
                handle, judged = super().get_route_handler(), is_json(self)

                async def behind(request: Request) -> Response:
                    return await door.serve(request, handle, judged=judged)

                return behind

        return Route

    async def serve(
        self, request: Request, handle: Handle, *, judged: bool = True
    ) -> Response:
        """Serve one request, or refuse it; `judged`: its body is to be JSON."""
        use = await self._whose(request)
        request.state.token = use
        headers = self._limited(request, use)
        try:
            if judged and request.method != "GET":
                await looked(await request.body())
            response = await self._once(request, use, handle)
        except Problem as exc:
            response = exc.response()
        except RequestValidationError as exc:
            response = await on_invalid(request, exc)
        response.headers.update(headers)
        return response

    async def _whose(self, request: Request) -> TokenUse:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        use = None
        if scheme.lower() == "bearer" and is_token(token.strip()):
            known = self._store.tokens.whose
            use = await offload(known, fingerprint(token.strip()))
        if use is None:
            raise Problem(401, "no valid token", headers={"WWW-Authenticate": "Bearer"})
        return use

    def _limited(self, request: Request, use: TokenUse) -> dict[str, str]:
        """The headers that tell of the limit; 429 beyond it."""
        reads = request.method == "GET"
        name, buckets = ("reads", self._reads) if reads else ("writes", self._writes)
        level = buckets.draw(str(use.token_id), asyncio.get_running_loop().time())
        span = ceil(buckets.burst / buckets.rate)
        headers = {
            "RateLimit-Policy": f'"{name}";q={int(buckets.burst)};w={span}',
            "RateLimit": f'"{name}";r={level.left};t={ceil(level.full_s)}',
            "Cache-Control": "no-store",
        }
        if not level.served:
            wait = {"Retry-After": str(max(ceil(level.wait_s), 1))}
            raise Problem(429, "too many requests", headers=headers | wait)
        return headers

    async def _once(self, request: Request, use: TokenUse, handle: Handle) -> Response:
        key = request.headers.get("idempotency-key")
        if key is None or request.method != "POST":
            return await handle(request)
        if not re.fullmatch(_KEY, key):
            raise Problem(
                422, "an Idempotency-Key has 8 to 200 visible ASCII characters"
            )
        claim = await _claim(request, use, key)
        name = (claim.owner, claim.key_sha256)
        if name in self._under_way:
            raise Problem(
                409,
                "the request with this Idempotency-Key is being served just now",
                headers={"Retry-After": "1"},
            )
        self._under_way.add(name)
        try:
            kept = await offload(self._store.replies.begin, claim)
            if kept is not None:
                return _again(claim, kept)
            return await self._served(request, claim, handle)
        finally:
            self._under_way.discard(name)

    async def _served(self, request: Request, claim: Claim, handle: Handle) -> Response:
        """Serve it and keep the answer; the key is free again if nothing was done."""
        replies = self._store.replies
        try:
            response = await handle(request)
        except (Problem, RequestValidationError):
            await offload(replies.forget, claim)
            raise
        except OperationalError:
            # After a sync that failed nobody knows what was done: the claim stays.
            if self._store.database.suspect is None:
                with suppress(OperationalError):
                    await offload(replies.forget, claim)
            raise
        names = [name for name in _KEPT_HEADERS if name in response.headers]
        kept = {
            "body": json.loads(bytes(response.body)) if response.body else None,
            "headers": {name: response.headers[name] for name in names},
        }
        await offload(replies.finish, claim, response.status_code, kept)
        return response


async def _claim(request: Request, use: TokenUse, key: str) -> Claim:
    asked = sha256(
        f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    )
    asked.update(await request.body())
    return Claim(
        tenant_id=use.person.tenant_id,
        owner=f"token:{use.token_id}",
        key_sha256=sha256(key.encode()).hexdigest(),
        request_sha256=asked.hexdigest(),
    )


def _again(claim: Claim, kept: Kept) -> Response:
    if kept.request_sha256 != claim.request_sha256:
        raise Problem(422, "this Idempotency-Key came before, with another request")
    if kept.status == UNDER_WAY:
        raise Problem(
            409,
            "a request with this Idempotency-Key was begun and its end is not known: "
            "look at what is there, and take another key if nothing was done",
        )
    headers = {**kept.body["headers"], _REPLAYED: "true"}
    if kept.body["body"] is None:
        return Response(status_code=kept.status, headers=headers)
    return JSONResponse(kept.body["body"], kept.status, headers=headers)
