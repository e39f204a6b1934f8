"""The kinds of values that keys of site files have, each with its JSON Schema.

A wrong value raises `ValueError` with the sentence that a person reads: what is
wrong, and what would be right.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BeforeValidator, Field, WithJsonSchema

from scudo_agent.config.probe import DURATION_SCHEMA
from scudo_agent.config.suggest import did_you_mean
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, SECOND, parse_duration

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
CHECK_PATH = re.compile(rf"{ID.pattern}/{ID.pattern}")
_MAIL = re.compile(r"[^\s@<>,;:\"\\()\[\]]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_HOST = re.compile(
    r"(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?"
)
_LANGUAGE = re.compile(r"[a-z]{2}")


@lru_cache(maxsize=8192)
def as_ip(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address that `text` is; None when it is a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether a host of a URL can only be this machine."""
    address = as_ip(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _text(value: Any, example: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is needed, such as {example}")
    return value


def _matches(pattern: re.Pattern[str], example: str, what: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        text = _text(value, example)
        if not pattern.fullmatch(text):
            raise ValueError(f"'{text}' is no {what}, such as {example}")
        return text

    return check


def _id(value: Any) -> str:
    text = _text(value, "acme-milano")
    if ID.fullmatch(text):
        return text
    right = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63]
    hint = did_you_mean(right) if right else ""
    raise ValueError(f"'{text}' is no id: small letters, digits and '-' make one{hint}")


def _title(value: Any) -> str:
    text = _text(value, "Gestionale").strip()
    if not text or "\n" in text or len(text) > 200:
        raise ValueError("one line of 1 to 200 characters is needed")
    return text


def _duration(low: int, high: int, least: str, most: str) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError("a duration is needed, such as 30s, 5m, 2h or 500ms")
        try:
            length = parse_duration(value)
        except InputError as exc:
            raise ValueError(str(exc)) from None
        if not low <= length <= high:
            raise ValueError(f"'{value}' is out of range: from {least} to {most}")
        return length

    return check


def _zone(value: Any) -> str:
    text = _text(value, "Europe/Rome")
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(text, available_timezones())
        raise ValueError(
            f"'{text}' is no time zone{hint or ', such as Europe/Rome'}"
        ) from None
    return text


def _address(value: Any) -> str:
    text = _text(value, "192.0.2.1 or erp.example")
    if as_ip(text) is not None:
        return text
    digits = re.fullmatch(r"[0-9.]+|.*[:/%].*", text)
    if digits or not _HOST.fullmatch(text):
        raise ValueError(f"'{text}' is no address or name, such as 192.0.2.1")
    return text


def _network(value: Any) -> IPv4Network | IPv6Network:
    text = _text(value, "192.168.1.0/24")
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        hint = did_you_mean(str(ip_network(text, strict=False)))
    except ValueError:
        hint = ", such as 192.168.1.0/24 or 192.0.2.53"
    raise ValueError(f"'{text}' is no network{hint}")


def _reference(value: Any) -> str:
    scheme, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if scheme not in {"env", "file", "credential"} or not name:
        # The value may be the secret itself: it is never repeated.
        raise ValueError(
            "a secret stands here by reference only: "
            "env:NAME, file:PATH or credential:NAME"
        )
    return str(value)


def _url(value: Any) -> str:
    text = _text(value, "https://desk.example")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or parts.username is not None:
        raise ValueError("a URL is needed, such as https://desk.example")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"'{host}' is another machine: https is needed")
    return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class Need:
    """How many members have to be good: `words`, or k when `at_least` says it."""

    words: str
    at_least: int | None = None

    def of(self, members: int) -> int:
        """The k of `domain.md` 2 for a service with so many members."""
        if self.at_least is not None:
            return self.at_least
        return members if self.words == "all" else 1


def _need(value: Any) -> Need:
    if isinstance(value, Need):
        return value
    if value in ("all", "any"):
        return Need(value)
    if isinstance(value, dict) and set(value) == {"at_least"}:
        number = value["at_least"]
        if isinstance(number, int) and not isinstance(number, bool) and number > 0:
            return Need(f"at_least: {number}", number)
    raise ValueError("'all', 'any' or {at_least: 2} is needed")


def _schema(**keys: Any) -> WithJsonSchema:
    return WithJsonSchema(keys)


Id = Annotated[
    str,
    BeforeValidator(_id),
    _schema(type="string", pattern=f"^{ID.pattern}$"),
]
CheckPath = Annotated[
    str,
    # That it is the path of a check is seen when it is looked up.
    BeforeValidator(lambda value: _text(value, "gateway/ping")),
    _schema(type="string", pattern=f"^{CHECK_PATH.pattern}$"),
]
Title = Annotated[
    str,
    BeforeValidator(_title),
    _schema(type="string", minLength=1, maxLength=200),
]
Mail = Annotated[
    str,
    BeforeValidator(_matches(_MAIL, "it@acme.example", "mail address")),
    _schema(type="string", format="email"),
]
Language = Annotated[
    str,
    BeforeValidator(_matches(_LANGUAGE, "it or en", "language of two small letters")),
    _schema(type="string", pattern=f"^{_LANGUAGE.pattern}$"),
]
Zone = Annotated[str, BeforeValidator(_zone), _schema(type="string")]
Address = Annotated[str, BeforeValidator(_address), _schema(type="string")]
Network = Annotated[
    IPv4Network | IPv6Network, BeforeValidator(_network), _schema(type="string")
]
Reference = Annotated[
    str,
    BeforeValidator(_reference),
    _schema(type="string", pattern="^(env|file|credential):.+$"),
]
Url = Annotated[str, BeforeValidator(_url), _schema(type="string", format="uri")]
NeedField = Annotated[
    Need,
    BeforeValidator(_need),
    _schema(
        anyOf=[
            {"enum": ["all", "any"]},
            {
                "type": "object",
                "properties": {"at_least": {"type": "integer", "minimum": 1}},
                "required": ["at_least"],
                "additionalProperties": False,
            },
        ]
    ),
]
_SPAN = WithJsonSchema(DURATION_SCHEMA)
Interval = Annotated[
    int, BeforeValidator(_duration(SECOND // 10, 31 * DAY, "100ms", "31d")), _SPAN
]
"""How often a check runs, in microseconds."""
Timeout = Annotated[
    int, BeforeValidator(_duration(SECOND // 100, 600 * SECOND, "10ms", "10m")), _SPAN
]
"""How long one run may take, in microseconds."""
Span = Annotated[int, BeforeValidator(_duration(0, 3660 * DAY, "0s", "3660d")), _SPAN]
"""Any length of time, in microseconds."""
Count = Annotated[int, Field(ge=1, le=1000, strict=True)]
"""Observations in a row."""
