"""One delivery of a webhook: signed as Standard Webhooks says, sent, and not followed.

The signature is HMAC-SHA256 over `id.timestamp.body` with the webhook's own secret.
What the receiver answers counts by its status alone; nothing of it is read.
"""

import asyncio
import base64
import hmac
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx

from scudo_agent import __version__
from scudo_agent.desk.webhook_target import (
    ForbiddenError,
    Network,
    Resolve,
    resolved,
    targeted,
)
from scudo_agent.instant import SECOND, Instant

PATIENCE_S = 15.0
"""A receiver has so long for name, connection and answer together."""

_PREFIX = "whsec_"
_GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent: the same id and body at each attempt."""

    url: str
    secret: str
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an attempt; `error` is empty when it was taken.

    `gone`: the receiver wants no more. `retry_after_s` is what it asked for.
    """

    error: str = ""
    gone: bool = False
    retry_after_s: float | None = None


def new_secret() -> str:
    """A webhook's secret: 256 random bits as Standard Webhooks writes them."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def signed(message: Message, at: Instant) -> dict[str, str]:
    """The headers that prove whose message it is, and of when."""
    stamp = str(at // SECOND)
    key = base64.b64decode(message.secret.removeprefix(_PREFIX))
    said = f"{message.message_id}.{stamp}.".encode() + message.body
    mark = base64.b64encode(hmac.new(key, said, sha256).digest()).decode("ascii")
    return {
        "Webhook-Id": message.message_id,
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": f"v1,{mark}",
    }


class Sender:
    """Sends to networks that are open, or `allowed`; `ca` is trusted beside others."""

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        *,
        ca: Path | None = None,
        resolve: Resolve = resolved,
    ) -> None:
        self._allowed = tuple(allowed)
        self._ca = ca
        self._resolve = resolve
        self._tls: ssl.SSLContext | None = None

    async def send(self, message: Message, at: Instant) -> Outcome:
        """Try once; `at` is the present instant."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._send(message, at)
        except TimeoutError:
            return Outcome(error=f"no answer within {PATIENCE_S:.0f} s")
        except ForbiddenError as exc:
            return Outcome(error=str(exc))
        except (httpx.HTTPError, OSError, UnicodeError) as exc:
            # Its text may hold what the receiver said: a name of the kind is enough.
            return Outcome(error=f"cannot be reached: {_kind(exc)}")

    async def _send(self, message: Message, at: Instant) -> Outcome:
        target = await targeted(message.url, self._allowed, resolve=self._resolve)
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": f"scudo-agent/{__version__}",
            **signed(message, at),
        }
        transport = httpx.AsyncHTTPTransport(verify=self._trust(), trust_env=False)
        client = httpx.AsyncClient(transport=transport, trust_env=False)
        async with client:
            request = client.build_request(
                "POST",
                target.url,
                content=message.body,
                headers=headers,
                extensions={"sni_hostname": target.host},
            )
            answer = await client.send(request, stream=True, follow_redirects=False)
            try:
                return _outcome(answer)
            finally:
                await answer.aclose()

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            if self._ca is not None:
                self._tls.load_verify_locations(self._ca)
        return self._tls


def _outcome(answer: httpx.Response) -> Outcome:
    if answer.is_success:
        return Outcome()
    after = answer.headers.get("retry-after", "")
    return Outcome(
        error=f"answered {answer.status_code}",
        gone=answer.status_code == _GONE,
        retry_after_s=float(after) if after.isascii() and after.isdigit() else None,
    )


def _kind(exc: Exception) -> str:
    cause = exc.__cause__ or exc.__context__
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return type(exc).__name__
