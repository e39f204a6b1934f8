"""`http`: whether a URL answers with the right status and body, and how soon.

One connection and one request a run, and one more for each redirect; the run's
deadline bounds them all, which a dripping server cannot outlive.
"""

import asyncio
import re
import shlex
import socket
import ssl
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from scudo_agent import __version__
from scudo_agent.config.probe import ProbeSettings
from scudo_agent.config.secret import Secret
from scudo_agent.config.secret import resolve as read_secret
from scudo_agent.model import Limit, Outcome
from scudo_agent.probes.connect import NoAnswerError
from scudo_agent.probes.foreign import one_line
from scudo_agent.probes.http_parts import (
    REFERENCE,
    BodyPattern,
    HttpLimits,
    base_of,
    check_header,
    check_reference,
    file_of,
    reads_secrets,
)
from scudo_agent.probes.http_url import Url
from scudo_agent.probes.port import Job
from scudo_agent.probes.simple import SimpleEngine
from scudo_agent.probes.tls_fault import check_ca, made
from scudo_agent.text import T, Text

if TYPE_CHECKING:
    from scudo_agent.probes.http_wire import Reply

_STATUS = re.compile(r"[1-5]([0-9]{2}|xx)")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FAMILIES = {
    None: socket.AF_UNSPEC,
    "ipv4": socket.AF_INET,
    "ipv6": socket.AF_INET6,
}


class HttpSettings(ProbeSettings):
    """`{http: {url: https://erp.example/login, status: 200, body: Accedi}}`."""

    KIND: ClassVar[str] = "http"
    SHORT: ClassVar[str | None] = "url"
    NEEDS_ADDRESS: ClassVar[bool] = False

    url: str
    method: Literal["GET", "HEAD", "OPTIONS"] = "GET"
    status: int | str | tuple[int | str, ...] = 200
    """A status, a class of them such as `2xx`, or a list."""
    body: Annotated[str, Field(min_length=1)] | BodyPattern | None = None
    """Text that the body has, or `{regex: …}`; upper and lower case differ."""
    headers: Mapping[str, str] = {}
    """More headers; secrets by reference (`Authorization: env:ERP_TOKEN`)."""
    redirects: Annotated[int, Field(ge=0, le=10)] = 3
    """How many are followed; one whose status is expected is the answer."""
    verify: bool = True
    """Whether the certificate must be trusted and for the name."""
    ca: str | None = None
    """A PEM file with the only certificates that are trusted."""
    family: Literal["ipv4", "ipv6"] | None = None
    degraded: HttpLimits = HttpLimits()
    warn: HttpLimits = HttpLimits()

    _ca_file: str | None = PrivateAttr(default=None)
    _secrets: dict[str, Secret] = PrivateAttr(default_factory=dict)

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        Url.parse(url)
        return url

    @field_validator("status")
    @classmethod
    def _are_statuses(
        cls, status: int | str | tuple[int | str, ...]
    ) -> int | str | tuple[int | str, ...]:
        several = status if isinstance(status, tuple) else (status,)
        for one in several:
            if isinstance(one, bool) or not _STATUS.fullmatch(str(one)):
                raise ValueError(f"'{one}' is no status such as 200 or 2xx")
        if not several:
            raise ValueError("needs at least one status such as 200 or 2xx")
        return status

    @field_validator("body")
    @classmethod
    def _is_sent(
        cls, body: str | BodyPattern | None, info: ValidationInfo
    ) -> str | BodyPattern | None:
        if body is not None and info.data.get("method") == "HEAD":
            raise ValueError("the answer to HEAD has no body to look into; use GET")
        return body

    @field_validator("headers")
    @classmethod
    def _are_headers(
        cls, headers: Mapping[str, str], info: ValidationInfo
    ) -> Mapping[str, str]:
        for name, value in headers.items():
            check_header(name, value)
            if REFERENCE.fullmatch(value):
                check_reference(value, info)
        return headers

    @field_validator("ca")
    @classmethod
    def _is_readable(cls, ca: str | None, info: ValidationInfo) -> str | None:
        check_ca(file_of(ca, info.context))
        return ca

    def model_post_init(self, context: object) -> None:
        """Read the secrets among the headers, and find the file of `ca`."""
        self._ca_file = file_of(self.ca, context)
        found = {
            name: read_secret(value, base=base_of(context))
            for name, value in self.headers.items()
            if REFERENCE.fullmatch(value) and reads_secrets(context)
        }
        self._secrets.update(found)

    @property
    def trust(self) -> tuple[bool, str | None]:
        """Whether certificates are verified, and by which file."""
        return self.verify, self._ca_file

    @property
    def address_family(self) -> socket.AddressFamily:
        """IPv4, IPv6, or whichever the name has."""
        return _FAMILIES[self.family]

    @cached_property
    def parsed(self) -> Url:
        """The URL taken apart."""
        return Url.parse(self.url)

    @cached_property
    def statuses(self) -> tuple[str, ...]:
        """What is expected, as texts: `200`, `2xx`."""
        several = self.status if isinstance(self.status, tuple) else (self.status,)
        return tuple(map(str, several))

    @cached_property
    def no_body(self) -> frozenset[int]:
        """Redirects that are followed, so that their bodies do not matter."""
        if not self.redirects:
            return frozenset()
        return frozenset(s for s in _REDIRECTS if not self.expects(s))

    def expects(self, status: int) -> bool:
        """Whether a status is one of those expected."""
        text = str(status)
        return text in self.statuses or f"{text[0]}xx" in self.statuses

    def sent_headers(self, url: Url) -> dict[str, str]:
        """The headers for a URL: the check's own go to the origin it names only."""
        headers = {
            "Host": url.authority,
            "User-Agent": f"scudo-agent/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if url.origin != self.parsed.origin:
            return headers
        ours = {name.lower(): name for name in headers}
        for name, value in self.headers.items():
            secret = self._secrets.get(name)
            sent = ours.get(name.lower(), name)
            headers[sent] = secret.reveal() if secret is not None else value
        return headers

    def degraded_limits(self) -> tuple[Limit, ...]:
        """Limits of `degraded`."""
        return self.degraded.limits()

    def warn_limits(self) -> tuple[Limit, ...]:
        """Limits of `warn`."""
        return self.warn.limits()

    def endpoint(self, address: str | None) -> str:
        """The URL."""
        return self.url

    def reproduce(self, address: str | None) -> str:
        """The same question asked by curl, without its headers."""
        verify = "" if self.verify else " -k"
        return f"curl -sS -i{verify} {shlex.quote(self.url)}"

    def hosts(self, address: str | None) -> tuple[str, ...]:
        """The host of the URL."""
        return (self.parsed.host,)


class HttpEngine(SimpleEngine):
    """Fetches URLs; the TLS contexts are made once for all checks."""

    def __init__(self) -> None:
        super().__init__(self._probe)
        self._contexts: dict[tuple[bool, str | None], ssl.SSLContext] = {}

    async def _probe(self, job: Job) -> Outcome:
        settings = job.settings
        if not isinstance(settings, HttpSettings):
            raise TypeError(f"{job.check} is no job of the http probe")
        started = asyncio.get_running_loop().time()
        try:
            url, reply = await self._followed(settings, job)
        except NoAnswerError as exc:
            return Outcome(
                answered=None if exc.own_fault else False,
                seen=exc.seen,
                expected=expected(settings),
            )
        took = asyncio.get_running_loop().time() - started
        fault = _status_fault(settings, url, reply) or _body_fault(settings, reply)
        return Outcome(
            answered=fault is None,
            seen=fault or _seen(settings, reply, took),
            expected=expected(settings),
            values={"latency_s": took, "status": float(reply.status)},
            duration_s=took,
        )

    async def _followed(self, settings: HttpSettings, job: Job) -> tuple[Url, "Reply"]:
        """The final reply, and the URL that gave it."""
        url = settings.parsed
        for _ in range(settings.redirects + 1):
            reply = await self._reply(settings, url, job)
            location = reply.headers.get("location")
            if reply.status not in settings.no_body or location is None:
                return url, reply
            url = _next(url, location)
        raise NoAnswerError(
            T(
                "more than {limit} redirects, the last to {url}",
                limit=settings.redirects,
                url=one_line(url.text),
            )
        )

    async def _reply(self, settings: HttpSettings, url: Url, job: Job) -> "Reply":
        from scudo_agent.probes.http_fetch import Ask, fetch

        ask = Ask(
            url=url,
            method=settings.method,
            headers=settings.sent_headers(url),
            family=settings.address_family,
            allowed=job.allowed,
            no_body=settings.no_body,
        )
        context = await self._context(settings) if url.secure else None
        try:
            return await fetch(ask, context)
        except NoAnswerError as exc:
            if url is settings.parsed:
                raise
            seen = T(
                "redirected to {url}, and there: {why}",
                url=one_line(url.text),
                why={"text": exc.seen.to_json()},
            )
            raise NoAnswerError(seen, own_fault=exc.own_fault) from None

    async def _context(self, settings: HttpSettings) -> ssl.SSLContext:
        key = settings.trust
        if key not in self._contexts:
            context = await made(verify=key[0], ca=key[1])
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[key] = context
        return self._contexts[key]


def _next(url: Url, location: str) -> Url:
    try:
        return url.redirected(location)
    except ValueError:
        raise NoAnswerError(
            T(
                "{url} redirects to what is no URL: {location}",
                url=one_line(url.text),
                location=one_line(location),
            )
        ) from None


def expected(settings: HttpSettings) -> Text:
    """What the check asks for, in words."""
    status = ", ".join(settings.statuses)
    if isinstance(settings.body, BodyPattern):
        pattern = settings.body.regex
        return T("{status}, body matches {pattern}", status=status, pattern=pattern)
    if settings.body is not None:
        return T('{status}, body has "{text}"', status=status, text=settings.body)
    return T("status {status}", status=status)


def _seen(settings: HttpSettings, reply: "Reply", took: float) -> Text:
    status, latency = str(reply.status), {"ms": took * 1000}
    if isinstance(settings.body, BodyPattern):
        return T(
            "{status} in {latency}, body matches {pattern}",
            status=status,
            latency=latency,
            pattern=settings.body.regex,
        )
    if settings.body is not None:
        return T(
            '{status} in {latency}, body has "{text}"',
            status=status,
            latency=latency,
            text=settings.body,
        )
    return T("{status} in {latency}", status=status, latency=latency)


def _status_fault(settings: HttpSettings, url: Url, reply: "Reply") -> Text | None:
    if settings.expects(reply.status):
        return None
    return T(
        "{url} answers {status} instead of {expected}",
        url=one_line(url.text),
        status=str(reply.status),
        expected=", ".join(settings.statuses),
    )


def _body_fault(settings: HttpSettings, reply: "Reply") -> Text | None:
    wish = settings.body
    if wish is None:
        return None
    text = reply.text()
    if isinstance(wish, BodyPattern):
        if re.search(wish.regex, text):
            return None
        if reply.cut:
            return T(
                "the first MiB of the body does not match {pattern}", pattern=wish.regex
            )
        return T("the body does not match {pattern}", pattern=wish.regex)
    if wish in text:
        return None
    if reply.cut:
        return T('the first MiB of the body has no "{text}"', text=wish)
    return T('the body has no "{text}"', text=wish)
