"""The rota as it is kept: in versions, with swaps, and with who changed what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import Connection, insert, select, update

from scudo_agent.desk.rota import DAYS_LIMIT, PEOPLE_LIMIT, Rota, Swap, handover
from scudo_agent.desk.rota import in_line as line_of
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.on_call_tables import rota, rota_swap
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.tables import PROVIDER_TENANT
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, Instant
from scudo_agent.locale import translator
from scudo_agent.text import T, Text

WORDS_LIMIT = 200
"""Signs of why somebody swapped."""

SWAPS_LIMIT = 100
"""Swaps that are not over."""

VERSIONS = 20
"""Versions that are listed."""

SWAP_US = 366 * DAY
"""A swap is at most so long, and begins at most so far ahead."""


class RotaError(InputError):
    """What was asked cannot be; `text` says why. `stale`: somebody was faster."""

    def __init__(self, text: Text, *, stale: bool = False) -> None:
        super().__init__(translator("en").render(text))
        self.text = text
        self.stale = stale


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaVersion:
    """One version of the rota; it holds from `since` on."""

    version: int
    rota: Rota
    since: Instant
    stored: Instant
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapLine:
    """A swap that is not over, or was taken back."""

    swap_id: int
    swap: Swap
    words: str
    actor: str
    removed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """What holds at an instant.

    `rota` is the version that holds, None before the first; `planned` one that was
    stored later and holds from a day to come. `version` is the last one's number, 0
    without any. `names` are those of the provider's people who may be called, and
    `line` leaves out who may not come in any more.
    """

    at: Instant
    version: int
    rota: RotaVersion | None
    planned: RotaVersion | None
    swaps: tuple[SwapLine, ...]
    names: dict[int, str]
    line: tuple[int, ...]

    @property
    def in_force(self) -> tuple[Swap, ...]:
        """Swaps that nobody took back."""
        return tuple(one.swap for one in self.swaps if one.removed_by is None)


class RotaBook:
    """Keeps the rota; each method is one transaction."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def now(self) -> OnCall:
        """Who is on call."""
        with self._database.read() as db:
            return on_call_at(db, self._now())

    def versions(self) -> tuple[RotaVersion, ...]:
        """The latest versions, the newest first."""
        query = select(rota).order_by(rota.c.version.desc()).limit(VERSIONS)
        with self._database.read() as db:
            return tuple(map(_version, db.execute(query)))

    def put(self, new: Rota, *, version: int, actor: str) -> int:
        """Store a rota; it holds from its first hand-over on, at once if that is over.

        `version` is the last one that was seen: `RotaError` if it is another by now.
        """
        with self._database.write() as db:
            now = self._now()
            last = _versions(db)
            if version != (last[0].version if last else 0):
                raise RotaError(
                    T("The rota has changed since you saw it: look again."), stale=True
                )
            _check(db, new)
            row = {
                "tenant_id": PROVIDER_TENANT,
                "version": version + 1,
                "zone": new.zone,
                "first_day": new.first.isoformat(),
                "minute": new.minute,
                "every_days": new.every_days,
                "people": list(new.people),
                "from_us": max(now, handover(new, 0)),
                "stored_us": now,
                "actor": actor,
            }
            db.execute(insert(rota).values(row))
        return version + 1

    def swap(self, new: Swap, words: str, *, actor: str) -> int:
        """Let somebody take a part of the turns; its number."""
        now, plain = self._now(), " ".join(words.split())
        if new.end <= new.start or new.end <= now:
            raise RotaError(T("A swap ends after it begins, and not in the past."))
        if new.end - new.start > SWAP_US or new.start - now > SWAP_US:
            raise RotaError(T("A swap is within the next year."))
        if len(plain) > WORDS_LIMIT:
            raise RotaError(T("That is too long: {n} signs at most.", n=WORDS_LIMIT))
        with self._database.write() as db:
            if new.person_id not in _names(db):
                raise RotaError(_OURS)
            standing = rota_swap.c.removed_us.is_(None) & (rota_swap.c.end_us > now)
            if len(db.execute(select(rota_swap).where(standing)).all()) >= SWAPS_LIMIT:
                raise RotaError(T("There are too many swaps: take some back."))
            row = {
                "tenant_id": PROVIDER_TENANT,
                "person_id": new.person_id,
                "start_us": new.start,
                "end_us": new.end,
                "words": plain,
                "created_us": now,
                "actor": actor,
            }
            made = insert(rota_swap).values(row).returning(rota_swap.c.swap_id)
            return int(db.execute(made).scalar_one())

    def take_back(self, swap_id: int, *, actor: str) -> bool:
        """A swap holds no more; False if there is none that does."""
        values = {"removed_us": self._now(), "removed_by": actor}
        mine = (rota_swap.c.swap_id == swap_id, rota_swap.c.removed_us.is_(None))
        with self._database.write() as db:
            return (
                db.execute(update(rota_swap).where(*mine).values(values)).rowcount > 0
            )


_OURS = T("Those on call are the provider's people who may come in here.")


def on_call_at(db: Connection, at: Instant) -> OnCall:
    """Who is on call at an instant, as far as it is known now."""
    versions = _versions(db)
    holds = next((one for one in versions if one.since <= at), None)
    ahead = versions[0] if versions and versions[0] is not holds else None
    rows = db.execute(
        select(rota_swap)
        .where(rota_swap.c.end_us > at)
        .order_by(rota_swap.c.swap_id)
        .limit(2 * SWAPS_LIMIT)
    )
    swaps, names = tuple(map(_swap, rows)), _names(db)
    standing = [one.swap for one in swaps if one.removed_by is None]
    line = line_of(None if holds is None else holds.rota, standing, at)
    return OnCall(
        at=at,
        version=versions[0].version if versions else 0,
        rota=holds,
        planned=ahead,
        swaps=swaps,
        names=names,
        line=tuple(one for one in line if one in names),
    )


def _check(db: Connection, new: Rota) -> None:
    if new.zone not in available_timezones():
        raise RotaError(T("There is no time zone “{name}”.", name=new.zone))
    if not 1 <= new.every_days <= DAYS_LIMIT:
        raise RotaError(T("A turn has 1 to {n} days.", n=DAYS_LIMIT))
    if not 0 <= new.minute < 1440:
        raise RotaError(T("Write the time of the hand-over as 09:00."))
    people = new.people
    if not people or len(people) > PEOPLE_LIMIT or len(set(people)) < len(people):
        raise RotaError(
            T("A rota has 1 to {n} people, each of them once.", n=PEOPLE_LIMIT)
        )
    if not set(people) <= set(_names(db)):
        raise RotaError(_OURS)
    try:
        handover(new, 1)
    except (OverflowError, ValueError):
        raise RotaError(T("There is no such day.")) from None


def _names(db: Connection) -> dict[int, str]:
    """The provider's people who may come in."""
    query = (
        select(person.c.person_id, person.c.name)
        .where(person.c.tenant_id == PROVIDER_TENANT, person.c.disabled_us.is_(None))
        .order_by(person.c.name, person.c.person_id)
    )
    return {row.person_id: row.name for row in db.execute(query)}


def _versions(db: Connection) -> Sequence[RotaVersion]:
    """All versions, the newest first."""
    query = select(rota).order_by(rota.c.version.desc())
    return [_version(row) for row in db.execute(query)]


def _version(row: Any) -> RotaVersion:
    return RotaVersion(
        version=row.version,
        rota=Rota(
            zone=row.zone,
            first=date.fromisoformat(row.first_day),
            minute=row.minute,
            every_days=row.every_days,
            people=tuple(row.people),
        ),
        since=Instant(row.from_us),
        stored=Instant(row.stored_us),
        actor=row.actor,
    )


def _swap(row: Any) -> SwapLine:
    return SwapLine(
        swap_id=row.swap_id,
        swap=Swap(
            start=Instant(row.start_us),
            end=Instant(row.end_us),
            person_id=row.person_id,
        ),
        words=row.words,
        actor=row.actor,
        removed_by=row.removed_by,
    )
