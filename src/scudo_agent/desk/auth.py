"""Keys, codes and sessions: how they are made and how they are compared.

The desk stores only SHA-256 of them; each has at least 40 random bits and
cannot be guessed in its life, so that a slow hash would add nothing.
"""

import re
import secrets
from hashlib import sha256

from scudo_agent.instant import HOUR, MINUTE

CODE_LIFE_US = HOUR
"""A login link works once, within this time."""

SESSION_LIFE_US = 12 * HOUR
"""A session ends this long after it began."""

GUESSES = 20
GUESS_SPAN_US = MINUTE
"""More wrong login codes than that within the span are not even looked at."""

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_key() -> str:
    """An agent's credential: 256 random bits, recognisable in a leak scan."""
    return f"sca_{secrets.token_urlsafe(32)}"


def is_key(text: str) -> bool:
    """Whether this is a whole key as `new_key` makes them."""
    return re.fullmatch(r"sca_[A-Za-z0-9_-]{43}", text) is not None


def new_session() -> str:
    """A session's cookie value: 256 random bits."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """A login code as people can type it: `K7QM-2P4D`."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"{code[:4]}-{code[4:]}"


def plain_code(typed: str) -> str:
    """The code as it was made, however it was typed."""
    return typed.strip().upper().replace("-", "").replace(" ", "")


def fingerprint(secret: str) -> str:
    """What is stored of a secret: its SHA-256 in hex."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Guesses:
    """Counts wrong guesses in a sliding span, to stop a search for codes."""

    def __init__(self) -> None:
        self._wrong: list[int] = []

    def allowed(self, now_us: int) -> bool:
        """Whether one more guess is looked at."""
        self._wrong = [at for at in self._wrong if at > now_us - GUESS_SPAN_US]
        return len(self._wrong) < GUESSES

    def wrong(self, now_us: int) -> None:
        """Count a wrong guess."""
        self._wrong.append(now_us)
