"""URLs that are probed: taken apart once, with what a redirect makes of them."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urljoin, urlsplit

from scudo_agent.probes.connect import host_port

_PORTS = {"http": 80, "https": 443}
_PORT = re.compile(r"\d{1,5}")
_SAFE = "/:?&=%;,+$!*'()@~-._[]"
_MAX_URL = 4096


@dataclass(frozen=True, slots=True)
class Url:
    """One `http` or `https` URL; `host` is a name in ASCII or an IP address."""

    text: str
    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a URL apart; `ValueError` says what would be right."""
        if len(text) > _MAX_URL or any(ord(c) <= 32 or ord(c) == 127 for c in text):
            raise ValueError(
                "a URL has no spaces or control characters "
                f"and at most {_MAX_URL} characters"
            )
        parts = urlsplit(text)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("is no URL such as https://erp.example/login")
        if "@" in parts.netloc:
            raise ValueError(
                "a URL holds no user or password here; "
                "give an Authorization header by reference"
            )
        port = _port(parts.netloc, _PORTS[parts.scheme])
        target = quote(parts.path or "/", safe=_SAFE)
        if parts.query:
            target += "?" + quote(parts.query, safe=_SAFE)
        return cls(
            text.partition("#")[0], parts.scheme, _ascii(parts.hostname), port, target
        )

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """What the `Host` header says: without the scheme's own port."""
        if self.port != _PORTS[self.scheme]:
            return host_port(self.host, self.port)
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: credentials never leave them."""
        return self.scheme, self.host, self.port

    def redirected(self, location: str) -> "Url":
        """Where a `Location` header leads; `ValueError` if nowhere."""
        return Url.parse(urljoin(self.text, location.strip()))


def _port(netloc: str, default: int) -> int:
    _, colon, number = netloc.rpartition("]")[2].rpartition(":")
    if not colon:
        return default
    if not _PORT.fullmatch(number) or not 1 <= int(number) <= 65535:
        raise ValueError("the port of a URL is a number from 1 to 65535")
    return int(number)


def _ascii(host: str) -> str:
    """The host as it is looked up and sent: IDNA for other letters."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("the host of the URL cannot be a host's name") from None
