"""Parts of the http probe's settings: limits, patterns, headers and secrets."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from scudo_agent.config.probe import Model, Seconds
from scudo_agent.config.secret import resolve as read_secret
from scudo_agent.errors import InputError
from scudo_agent.model import Limit

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
REFERENCE = re.compile(r"(env|file|credential):.+")
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_OUR_HEADERS = frozenset(
    {"connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade"}
)
_NESTED_REPEAT = re.compile(r"\((?:[^()\\]|\\.)*[+*}](?:[^()\\]|\\.)*\)[+*{]")


class HttpLimits(Model):
    """Bounds on what an `http` check measures."""

    latency: Annotated[Seconds, Field(gt=0)] | None = None
    """From the name's look-up to the last octet, redirects included."""

    def limits(self) -> tuple[Limit, ...]:
        """The bounds that are set; crossed above."""
        if self.latency is None:
            return ()
        return (Limit(value="latency_s", bound=self.latency),)


class BodyPattern(Model):
    """A regular expression that must be found in the body."""

    regex: Annotated[str, Field(min_length=1, max_length=500)]

    @field_validator("regex")
    @classmethod
    def _compiles(cls, regex: str) -> str:
        try:
            re.compile(regex)
        except re.error as exc:
            raise ValueError(f"is no regular expression: {exc}") from None
        if _NESTED_REPEAT.search(regex):
            raise ValueError(
                "a repetition within a repetition can take for ever on a page "
                "made for it; write it without, such as (ab)+ for (a*b*)+"
            )
        return regex


def check_header(name: str, value: str) -> None:
    """Refuse a header that cannot be sent, or a secret that stands there itself."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"'{name}' cannot be a header's name")
    if name.lower() in _OUR_HEADERS:
        raise ValueError(f"the header '{name}' is the agent's to set")
    if name.lower() in _SECRET_HEADERS and not REFERENCE.fullmatch(value):
        raise ValueError(
            f"the header '{name}' holds a secret: give it by reference, "
            "env:NAME, file:PATH or credential:NAME"
        )
    _check_value(name, value)


def _check_value(name: str, value: str) -> None:
    printable = all(c == "\t" or (32 <= ord(c) < 256 and ord(c) != 127) for c in value)
    if not printable:
        raise ValueError(f"the header '{name}' has characters that cannot be sent")


def base_of(context: object) -> Path:
    """Where relative paths begin: the validation's context says so."""
    base = context.get("base") if isinstance(context, Mapping) else None
    return base if isinstance(base, Path) else Path()


def file_of(path: str | None, context: object) -> str | None:
    """A file that settings name: a relative one begins at the site file's folder."""
    return None if path is None else str(base_of(context) / path)


def reads_secrets(context: object) -> bool:
    """Whether secrets are to be read (`secrets: False` of a mere look at a file)."""
    return not isinstance(context, Mapping) or bool(context.get("secrets", True))


def check_reference(reference: str, info: ValidationInfo) -> None:
    """Refuse a reference that does not resolve, or to what cannot be sent."""
    if not reads_secrets(info.context):
        return
    try:
        secret = read_secret(reference, base=base_of(info.context))
    except InputError as exc:
        raise ValueError(str(exc)) from None
    _check_value(reference, secret.reveal())
