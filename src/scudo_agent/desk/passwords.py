"""Passwords of people: what is taken as one, and hashing that costs a thief dearly.

Argon2id with the parameters that OWASP's password storage sheet names first among
those of equal strength (19 MiB, two passes, one lane). A hash of other parameters is
made anew when its password is used. Hashing takes memory, so that only so many run at
once, in threads; and a mail that nobody has costs the same time as one that somebody
has (`reliability.md` 3, threat 4).
"""

import asyncio
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_bytes
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from scudo_agent.desk.common_passwords import COMMON
from scudo_agent.desk.offload import offload
from scudo_agent.text import T, Text

MINIMUM, MAXIMUM = 10, 200
"""Signs of a password."""

MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1

AT_ONCE = 2
"""So many are hashed at the same time: 38 MiB."""

WAITING = 50
"""So many more wait for it; others are told to come again."""

P = ParamSpec("P")
R = TypeVar("R")

_PART = 4
"""Shorter parts of a name or an address may stand in a password."""


class BusyError(Exception):
    """Too many passwords are being checked just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a password was right; `rehashed`: what to store instead of its hash."""

    right: bool
    rehashed: str | None = None


def owasp() -> PasswordHasher:
    """What makes and checks hashes at a desk that serves people."""
    return PasswordHasher(
        time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID
    )


class Passwords:
    """Hashes and checks passwords, few at a time; belongs to one event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or owasp()
        self._nobodys: str | None = None
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """What is stored of a password; `BusyError` when too many wait."""
        return await self._in_turn(self._hasher.hash, _typed(password))

    async def check(self, stored: str | None, password: str) -> Verdict:
        """Whether it is the one that was stored; None: it never is, but takes as long.

        `BusyError` when too many wait.
        """
        return await self._in_turn(self._check, stored, _typed(password))

    def _check(self, stored: str | None, password: bytes) -> Verdict:
        if self._nobodys is None:
            # Nobody knows it: a check against it fails, and takes as long as another.
            self._nobodys = self._hasher.hash(token_bytes(32))
        try:
            self._hasher.verify(stored or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return Verdict(right=False)
        if stored is None:
            return Verdict(right=False)
        if self._hasher.check_needs_rehash(stored):
            return Verdict(right=True, rehashed=self._hasher.hash(password))
        return Verdict(right=True)

    async def _in_turn(
        self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        if self._waiting >= AT_ONCE + WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._places:
                return await offload(function, *args, **kwargs)
        finally:
            self._waiting -= 1


def refusal(password: str, *, mail: str, name: str) -> Text | None:
    """Why this cannot be somebody's password; None if it can."""
    plain = _plain(password)
    if len(plain) < MINIMUM:
        return T("A password has {n} signs at least.", n=MINIMUM)
    if len(plain) > MAXIMUM:
        return T("A password has {n} signs at most.", n=MAXIMUM)
    small = plain.casefold()
    if small in COMMON or len(set(small)) <= 2:
        return T("This password is one of the first that anybody tries.")
    own = {mail.casefold(), *mail.casefold().split("@"), *name.casefold().split()}
    if any(part in small for part in own if len(part) >= _PART):
        return T("The password must not contain your name or your mail address.")
    return None


def _plain(password: str) -> str:
    """The same signs however a keyboard composed them."""
    return unicodedata.normalize("NFKC", password)


def _typed(password: str) -> bytes:
    """What is hashed; of what is too long for a password no more than shows that."""
    return _plain(password)[: MAXIMUM + 1].encode("utf-8", "surrogatepass")
