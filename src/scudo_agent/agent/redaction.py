"""What must not be in an archive that leaves the house: found, and left out.

Twice: keys of settings whose values may be secret lose what is no reference, and
whatever is known as a secret, or looks like one, is taken out of every text.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from scudo_agent.config.secret import resolve
from scudo_agent.errors import InputError

GONE = "(left out)"
_REFERENCE = re.compile(r"(env|file|credential):\S+")
_SECRET_KEY = re.compile(
    r"community|pass|secret|token|auth|cookie|header|body|credential|key", re.I
)
_LOOKS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*-----", re.S),
    re.compile(r"\bsc[aj]_[\w-]{20,}(\.[0-9a-f]{64})?"),
    re.compile(r"(?<=/in/)[\w-]{8,}"),
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]+|(?<=basic )[\w+/=-]{8,}"),
    re.compile(r"(?<=://)[^/\s\"'@]+(?=@)"),
    re.compile(r"(?i)(?<![\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+"),
)
"""Private keys, agents' keys and invitations, login codes, credentials in headers
and URLs, mail addresses."""

_SHORTEST = 4


def references(raw: Any) -> Iterator[str]:
    """Every reference to a secret in a file's data."""
    if isinstance(raw, Mapping):
        for value in raw.values():
            yield from references(value)
    elif isinstance(raw, list | tuple):
        for value in raw:
            yield from references(value)
    elif isinstance(raw, str) and _REFERENCE.fullmatch(raw):
        yield raw


def secrets_of(raw: Any, base: Path) -> Iterator[str]:
    """The secrets that a file's data refer to, as far as they can be read."""
    for reference in references(raw):
        try:
            yield resolve(reference, base=base).reveal()
        except InputError:
            continue  # what cannot be read cannot be in the archive either


def settings(raw: Any, *, secret: bool = False) -> Any:
    """A file's data without what may be a secret that stands in it.

    References stay: they say where a secret is, and not what.
    """
    if isinstance(raw, Mapping):
        return {
            str(key): settings(
                value, secret=secret or _SECRET_KEY.search(str(key)) is not None
            )
            for key, value in raw.items()
        }
    if isinstance(raw, list | tuple):
        return [settings(value, secret=secret) for value in raw]
    if not secret or raw is None or isinstance(raw, bool):
        return raw
    return raw if isinstance(raw, str) and _REFERENCE.fullmatch(raw) else GONE


class Redactor:
    """Takes known secrets, and what looks like one, out of texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            # Each line of a file counts: a log has lines.
            for one in (secret, *secret.splitlines()):
                if len(one.strip()) >= _SHORTEST:
                    forms |= _forms(one.strip())
        # The longest first: one may be a part of another.
        known = "|".join(re.escape(f) for f in sorted(forms, key=len, reverse=True))
        self._known = re.compile(known) if known else None

    def text(self, text: str) -> str:
        """The text without them."""
        if self._known is not None:
            text = self._known.sub(GONE, text)
        for pattern in _LOOKS:
            text = pattern.sub(GONE, text)
        return text


def _forms(secret: str) -> set[str]:
    """A secret as it may be written: in JSON, in a URL, in base64."""
    data = secret.encode("utf-8", "surrogatepass")
    escaped = secret.encode("unicode_escape").decode("ascii")
    return {
        secret,
        escaped,
        secret.replace("\\", "\\\\").replace('"', '\\"'),
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(data).decode(),
        data.hex(),
    }
