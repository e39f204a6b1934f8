"""The agent renews its key for the desk when the desk asks for it (threat 7).

The new key is on the disk before the desk hears of its hash, and takes the old one's
place before it is used: whatever a kill leaves, the key that is found is one that the
desk takes. Where the key is not in a file of this agent's, it cannot be renewed.
"""

import asyncio
import logging
from pathlib import Path
from typing import Protocol

from scudo_agent.config.secret import Secret
from scudo_agent.dbfile.sqlite import sync_folder
from scudo_agent.desk.auth import fingerprint, is_key, new_key
from scudo_agent.files import private_file
from scudo_agent.ticketing.key import KeyRing
from scudo_agent.ticketing.port import DeskError
from scudo_agent.wire import HelloReply

_PAUSE_S = 3_600.0
"""After an attempt that failed."""

_log = logging.getLogger(__name__)


class KeyTaker(Protocol):
    """A desk that takes another key."""

    async def renew_key(self, key_sha256: str) -> None:
        """Hold the key with this hash for good from its first use on."""


class KeyRenewal:
    """Renews the key of a ring that is kept in the file `place`; None: in no file."""

    def __init__(self, ring: KeyRing, desk: KeyTaker, place: Path | None) -> None:
        self._ring = ring
        self._desk = desk
        self._place = place
        self._task: asyncio.Task[None] | None = None
        self._not_before = float("-inf")

    def heard(self, reply: HelloReply) -> None:
        """The desk answered a greeting: renew the key if it asks for that."""
        loop = asyncio.get_running_loop()
        if not reply.renew_key or loop.time() < self._not_before:
            return
        if self._task is None or self._task.done():
            self._not_before = loop.time() + _PAUSE_S
            self._task = loop.create_task(self._try(), name="key renewal")

    async def _try(self) -> None:
        if self._place is None:
            _log.warning(
                "%s: is due to be renewed, and no file of this agent's: put another "
                "key there ('scudo-agent desk agent SITE' makes one)",
                self._ring.present.reference,
            )
            return
        try:
            await self._renew(self._place)
        except OSError as exc:
            _log.error("%s: cannot be renewed: %s", self._place, exc.strerror)
        except DeskError as exc:
            _log.error("%s: is not renewed just now: %s", self._place, exc)
        else:
            _log.info("%s: was renewed", self._place)

    async def _renew(self, place: Path) -> None:
        loop = asyncio.get_running_loop()
        present = self._ring.present
        fresh = await loop.run_in_executor(None, _next, place)
        await self._desk.renew_key(fingerprint(fresh))
        await loop.run_in_executor(None, _swap, place, present.reveal())
        self._ring.use(Secret(fresh, reference=present.reference))

    async def close(self) -> None:
        """End; what was begun goes on at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


def ring_of(present: Secret, place: Path | None) -> KeyRing:
    """The keys that an agent finds: the present one, and what it had before."""
    before = None if place is None else _read(_before(place))
    if before is None or before == present.reveal():
        return KeyRing(present)
    return KeyRing(present, Secret(before, reference=present.reference))


def place_of(key: Secret, base: Path) -> Path | None:
    """The file that a key's reference names, from `base` on; None: it names none."""
    scheme, _, name = key.reference.partition(":")
    return base / name if scheme == "file" else None


def _next(place: Path) -> str:
    """The key to come, on the disk: that of an attempt that did not end, or a new one.

    Shown again to the desk it is the same one, however the attempt before it ended.
    """
    begun = _read(_beside(place, "next"))
    fresh = begun or new_key()
    _write(_beside(place, "next"), fresh)
    return fresh


def _swap(place: Path, present: str) -> None:
    """The next key takes the present one's place, which is kept beside it."""
    _write(_before(place), present)
    _beside(place, "next").replace(place)
    sync_folder(place.parent)


def _write(path: Path, key: str) -> None:
    private_file(path, f"{key}\n".encode())
    sync_folder(path.parent)


def _read(path: Path) -> str | None:
    """A key that is whole; None when there is none."""
    try:
        key = path.read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return key if is_key(key) else None


def _before(place: Path) -> Path:
    return _beside(place, "before")


def _beside(place: Path, what: str) -> Path:
    return place.with_name(f"{place.name}.{what}")
