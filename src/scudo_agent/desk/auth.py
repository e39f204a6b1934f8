"""Keys, codes and sessions: how they are made and how they are compared.

The desk stores only SHA-256 of them. Keys and sessions have 256 random bits, so
that a slow hash would add nothing; a login code has 49, lives an hour and works
once, and at most `GUESSES_OF_ALL` codes a minute are looked at.
"""

import re
import secrets
from collections import Counter, deque
from hashlib import sha256

from scudo_agent.instant import HOUR, MINUTE, SECOND

CODE_LIFE_US = HOUR
"""A login link works once, within this time."""

SESSION_LIFE_US = 12 * HOUR
"""A session ends this long after it began."""

GUESSES = 20
GUESSES_OF_ALL = 600
GUESS_SPAN_US = MINUTE
"""More wrong login codes than that within the span, from one address and from all
together, are not even looked at."""

PASSWORDS_OF_ACCOUNT = 10
PASSWORDS_OF_ADDRESS = 30
PASSWORDS_OF_ALL = 10_000
PASSWORD_SPAN_US = 15 * MINUTE
"""The same of passwords: for one account, from one address, and from all together."""

_CODE = 10
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_key() -> str:
    """An agent's credential: 256 random bits, recognisable in a leak scan."""
    return f"sca_{secrets.token_urlsafe(32)}"


def is_key(text: str) -> bool:
    """Whether this is a whole key as `new_key` makes them."""
    return re.fullmatch(r"sca_[A-Za-z0-9_-]{43}", text) is not None


def new_token() -> str:
    """A token of a person's program: 256 random bits, recognisable likewise."""
    return f"sct_{secrets.token_urlsafe(32)}"


def is_token(text: str) -> bool:
    """Whether this is a whole token as `new_token` makes them."""
    return re.fullmatch(r"sct_[A-Za-z0-9_-]{43}", text) is not None


def new_session() -> str:
    """A session's cookie value: 256 random bits."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """A login code as people can type it: `K7QM2-P4DVX`."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE))
    return f"{code[: _CODE // 2]}-{code[_CODE // 2 :]}"


def plain_code(typed: str) -> str:
    """The code as it was made, however it was typed."""
    return typed.strip().upper().replace("-", "").replace(" ", "")


def fingerprint(secret: str) -> str:
    """What is stored of a secret: its SHA-256 in hex."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Guesses:
    """Counts wrong guesses in a sliding span, to stop a search for codes.

    By the client's address, lest one who guesses locks everybody out; the cap on
    all together is what stops a search from many addresses. Of passwords also by the
    account. `own` and `of_all` guesses within `span_us`.
    """

    def __init__(
        self,
        own: int = GUESSES,
        *,
        of_all: int = GUESSES_OF_ALL,
        span_us: int = GUESS_SPAN_US,
    ) -> None:
        self._own, self._of_all, self._span_us = own, of_all, span_us
        self._wrong: deque[tuple[int, str]] = deque()
        self._count: Counter[str] = Counter()

    def take(self, client: str, now_us: int) -> bool:
        """Whether one more guess is looked at; it counts as wrong until `right`."""
        self._forget(now_us)
        if self._count[client] >= self._own or len(self._wrong) >= self._of_all:
            self._drop(client)
            return False
        self._wrong.append((now_us, client))
        self._count[client] += 1
        return True

    def right(self, client: str, now_us: int) -> None:
        """The guess that was taken then was right: it counts no more."""
        if (now_us, client) in self._wrong:
            self._wrong.remove((now_us, client))
            self._count[client] -= 1
            self._drop(client)

    def full(self, client: str, now_us: int) -> bool:
        """Whether one more guess of this client would not be looked at."""
        self._forget(now_us)
        return self._count.get(client, 0) >= self._own

    def wait_s(self, client: str, now_us: int) -> int:
        """Seconds until a guess that was refused would be looked at."""
        own = [at for at, one in self._wrong if one == client]
        oldest = own[0] if len(own) >= self._own else None
        if oldest is None:
            oldest = self._wrong[0][0] if self._wrong else now_us - self._span_us
        return max(1, -(-(oldest + self._span_us - now_us) // SECOND))

    def _forget(self, now_us: int) -> None:
        while self._wrong and self._wrong[0][0] <= now_us - self._span_us:
            _, client = self._wrong.popleft()
            self._count[client] -= 1
            self._drop(client)

    def _drop(self, client: str) -> None:
        if not self._count[client]:
            del self._count[client]
