"""Our own desk over its HTTP API, remote or embedded: the same door for both."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, ValidationError

from scudo_agent.config.secret import Secret
from scudo_agent.errors import InputError
from scudo_agent.instant import format_instant
from scudo_agent.picture import MEDIA_TYPE
from scudo_agent.ticketing.key import KeyRing
from scudo_agent.ticketing.port import (
    Conflict,
    DeskError,
    Exhibit,
    NoAnswer,
    Parcel,
    Refused,
    Rejected,
)
from scudo_agent.wire import (
    BatchReply,
    EvidenceReply,
    Gap,
    Hello,
    HelloReply,
    KeyRenewal,
    KeyTaken,
    LedgerGap,
    canonical,
)

DEADLINE_S = 30.0
"""For a whole exchange: httpx's own limits are per read, and a drip outlives them."""

REPLY_LIMIT = 1024 * 1024
"""Bytes of a reply that are read; a desk's replies are far below."""

_SELF = "/v1/agents/self"
_JSON = ("application/json", "application/problem+json")
_UNAUTHORISED = (401, 403)
_FOR_GOOD = (400, 413, 422)

M = TypeVar("M", bound=BaseModel)


class DeskClient:
    """A `TicketSystem` at `url`, speaking as the agent whose key is `key`.

    `ca` is the file of the authority that signs the desk's certificate (default:
    those of the machine). A `transport` stands in for the network in tests and
    where the desk runs in the same process. Redirects are never followed: the key
    goes to this desk alone.
    """

    def __init__(
        self,
        url: str,
        key: KeyRing | Secret,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ca: Path | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._deadline_s = deadline_s
        self._agent = "self"
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL as exc:
            raise InputError(f"desk: '{url}' is no URL: {exc}") from None
        if base.scheme not in ("http", "https") or not base.host:
            raise InputError(f"desk: '{url}' is no http or https URL")
        self._client = httpx.AsyncClient(
            base_url=base,
            auth=key if isinstance(key, KeyRing) else KeyRing(key),
            transport=transport,
            verify=_trust(base, ca),
            timeout=None,  # noqa: S113 - one deadline stands around each exchange
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=2),
            trust_env=False,
            follow_redirects=False,
        )

    async def hello(self, hello: Hello) -> HelloReply:
        """See `TicketSystem.hello`."""
        # Left out where there is nothing to say: an older desk does not know it.
        news = {"damaged", "unstored"}
        none = {name for name in news if getattr(hello, name) is None}
        body = canonical(hello.model_dump(exclude=none))
        reply = await self._post("/hello", body, HelloReply, {})
        self._agent = reply.agent_id
        return reply

    async def send(self, parcel: Parcel) -> BatchReply:
        """See `TicketSystem.send`."""
        body = b'{"epoch":%d,"events":[%s],"first_seq":%d}' % (
            parcel.epoch,
            b",".join(parcel.bodies),
            parcel.first_seq,
        )
        span = f"{parcel.first_seq}-{parcel.last_seq}"
        key = f"{self._agent}.{parcel.epoch}.{parcel.stream}.{span}"
        try:
            return await self._post(
                f"/streams/{parcel.stream}/events",
                body,
                BatchReply,
                {"Idempotency-Key": key},
            )
        except Rejected as exc:
            if exc.seq is not None or exc.index is None:
                raise
            raise Rejected(str(exc), seq=parcel.first_seq + exc.index) from None

    async def gap(self, stream: str, gap: Gap | LedgerGap) -> BatchReply:
        """See `TicketSystem.gap`."""
        # Left out where there is nothing to say: an older desk does not know it.
        said = gap.model_dump()
        body = canonical({key: one for key, one in said.items() if one is not None})
        return await self._post(f"/streams/{stream}/gaps", body, BatchReply, {})

    async def exhibit(self, exhibit: Exhibit) -> None:
        """See `EvidenceTaker.exhibit`."""
        query = urlencode(
            {"check": exhibit.check, "taken": format_instant(exhibit.taken)}
        )
        await self._ask(
            "PUT",
            f"/incidents/{exhibit.incident_id}/evidence/{exhibit.rev}?{query}",
            exhibit.content,
            EvidenceReply,
            {
                "Content-Type": MEDIA_TYPE,
                "X-Content-SHA256": sha256(exhibit.content).hexdigest(),
            },
        )

    async def renew_key(self, key_sha256: str) -> None:
        """Have the desk take the key with this hash from its first use on."""
        body = canonical(KeyRenewal(key_sha256=key_sha256))
        await self._post("/key", body, KeyTaken, {})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(
        self, path: str, body: bytes, model: type[M], headers: Mapping[str, str]
    ) -> M:
        return await self._ask("POST", path, body, model, headers)

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes,
        model: type[M],
        headers: Mapping[str, str],
    ) -> M:
        request = self._request(method, _SELF + path, body, headers)
        try:
            async with asyncio.timeout(self._deadline_s):
                response, content = await self._exchange(request)
        except TimeoutError:
            raise NoAnswer(f"no full answer within {self._deadline_s:g} s") from None
        except (httpx.HTTPError, OSError) as exc:
            raise _unreached(exc) from None
        data = _judge(response, content)
        try:
            return model.model_validate(data)
        except ValidationError as exc:
            raise NoAnswer(
                f"an answer that is no {model.__name__}: {exc.error_count()} faults"
            ) from None

    def _request(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> httpx.Request:
        return self._client.build_request(
            method,
            path,
            content=body,
            headers={
                "Content-Type": "application/json",
                **headers,
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
        )

    async def _exchange(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        response = await self._client.send(request, stream=True)
        try:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > REPLY_LIMIT:
                    raise NoAnswer(f"an answer of more than {REPLY_LIMIT} bytes")
            return response, bytes(content)
        finally:
            await response.aclose()


def _trust(url: httpx.URL, ca: Path | None) -> ssl.SSLContext:
    """Whom to believe; plain HTTP needs none, and the CAs cost 30 ms to read."""
    if url.scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as exc:
        raise InputError(f"{ca}: no certificate authority to trust: {exc}") from None


def _unreached(exc: Exception) -> DeskError:
    """An error of any kind on the way is "no answer", whatever its errno."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Refused(f"the desk's certificate: {cause.verify_message}")
        cause = cause.__cause__ or cause.__context__
    return NoAnswer(str(exc) or type(exc).__name__)


def _judge(response: httpx.Response, content: bytes) -> Any:
    """The JSON of a 200; everything else raises what it means (1.3)."""
    status = response.status_code
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    data = _parse(content) if kind in _JSON else None
    problem = data if isinstance(data, dict) else {}
    said = f"{status} {problem.get('detail') or problem.get('title') or ''}".strip()
    if status == 413 or (status in _FOR_GOOD and problem):
        raise Rejected(
            said,
            seq=_number(problem.get("seq")),
            index=_number(problem.get("index")),
        )
    if status in _UNAUTHORISED and problem:
        raise Refused(said)
    if status == 409 and problem:
        raise Conflict(said, expected_seq=_number(problem.get("expected_seq")))
    if status != 200:
        raise NoAnswer(said, retry_after_s=_retry_after(response.headers))
    if data is None:
        raise NoAnswer(f"200 with '{kind}', which no desk sends; a captive portal?")
    return data


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds of `Retry-After`; a date is taken against the desk's own `Date`."""
    value = headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        return (until - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
    except (TypeError, ValueError):
        return None
