"""Writing which contract holds for a site: its agents' site file, and the office."""

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from scudo_agent.desk.store.clocking import clock_site
from scudo_agent.desk.store.contracts import known_ids, last_version
from scudo_agent.desk.store.coverage import Cover, Covers, covers_of
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.life_tables import site_contract
from scudo_agent.desk.store.tables import site
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant

_DAY = timedelta(days=1)


def put_cover(
    db: Connection, tenant_id: str, site_id: str, cover: Cover, now: Instant
) -> None:
    """Within a transaction: let a contract hold for a site on these days.

    The one that held before ends the day before; one that begins on the same day is
    replaced. `InputError` for days that are another's, and for a contract or a site
    that the desk does not have.
    """
    if not _known(db, tenant_id, site_id):
        raise InputError(f"{tenant_id}/{site_id}: the desk has no such site")
    if last_version(db, cover.contract_id) is None:
        known = ", ".join(known_ids(db)) or "none"
        raise InputError(
            f"this desk has no contract '{cover.contract_id}'; it has {known}"
        )
    if cover.until is not None and cover.until < cover.since:
        raise InputError(f"a contract cannot end {cover.until} and begin {cover.since}")
    for other in covers_of(db, tenant_id, site_id).covers:
        _give_way(db, (tenant_id, site_id), other, cover)
    _insert(db, (tenant_id, site_id), cover, now)
    settle(db, tenant_id, site_id, now)
    clock_site(db, tenant_id, site_id, now)


def enrolled(
    db: Connection, tenant_id: str, site_id: str, named: str | None, *, actor: str
) -> Callable[[Instant], None]:
    """What a site file names, before it is written: `done(now)` after it was.

    A site's first contract holds from its first contract year on, one that takes the
    place of another from today on. A file that says what it said before changes
    nothing: what the office wrote since then stays. Nor does one that names none.
    """
    query = select(site.c.named_contract_id).where(
        site.c.tenant_id == tenant_id, site.c.site_id == site_id
    )
    before = db.execute(query).scalar()

    def done(now: Instant) -> None:
        found = covers_of(db, tenant_id, site_id)
        today = found.day(now)
        held = found.at(now)
        news = named is not None and named != before
        if news and named is not None and (held is None or held.contract_id != named):
            version = last_version(db, named)
            since = today
            if not found.covers and version is not None:
                since = date.fromisoformat(str(version.body["year_start"]))
            later = [one.since for one in found.covers if one.since > since]
            until = min(later) - _DAY if later else None
            cover = Cover(contract_id=named, since=since, until=until, actor=actor)
            put_cover(db, tenant_id, site_id, cover, now)
        else:
            settle(db, tenant_id, site_id, now)

    return done


def settle(db: Connection, tenant_id: str, site_id: str, now: Instant) -> bool:
    """Let the site's agents go by the contract that holds now; whether that is news."""
    found = covers_of(db, tenant_id, site_id)
    cover = found.at(now) or found.last(found.day(now))
    wanted = None if cover is None else cover.contract_id
    mine = (site.c.tenant_id == tenant_id) & (site.c.site_id == site_id)
    has = db.execute(
        select(site.c.contract_id, site.c.contract_title).where(mine)
    ).one()
    version = None if wanted is None else last_version(db, wanted)
    title = None if version is None else str(version.body["title"])
    if (has.contract_id, has.contract_title) == (wanted, title):
        return False
    db.execute(
        update(site).where(mine).values(contract_id=wanted, contract_title=title)
    )
    return True


class Coverage:
    """The contracts of sites, as the provider's office keeps them."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def of(self, tenant_id: str, site_id: str) -> Covers:
        """The contracts of a site."""
        with self._database.read() as db:
            return covers_of(db, tenant_id, site_id)

    def put(self, tenant_id: str, site_id: str, cover: Cover) -> None:
        """Let a contract hold for a site; `InputError` where it cannot."""
        with self._database.write() as db:
            put_cover(db, tenant_id, site_id, cover, self._now())

    def settle_due(self) -> tuple[int, Instant | None]:
        """Look after contracts that began or ended since; how many sites changed."""
        with self._database.read() as db:
            query = select(
                site_contract.c.tenant_id, site_contract.c.site_id
            ).distinct()
            sites = [(row.tenant_id, row.site_id) for row in db.execute(query)]
            due = [one for one in sites if _differs(db, *one, self._now())]
        changed = 0
        for one in due:
            with self._database.write() as db:
                changed += settle(db, *one, self._now())
        return changed, None


def _differs(db: Connection, tenant_id: str, site_id: str, now: Instant) -> bool:
    found = covers_of(db, tenant_id, site_id)
    cover = found.at(now) or found.last(found.day(now))
    query = select(site.c.contract_id).where(
        site.c.tenant_id == tenant_id, site.c.site_id == site_id
    )
    has = db.execute(query).scalar()
    return has != (None if cover is None else cover.contract_id)


def _known(db: Connection, tenant_id: str, site_id: str) -> bool:
    mine = (site.c.tenant_id == tenant_id) & (site.c.site_id == site_id)
    return db.execute(select(site.c.site_id).where(mine)).first() is not None


def _give_way(
    db: Connection, where: tuple[str, str], other: Cover, cover: Cover
) -> None:
    """End, replace or refuse what stands where a new contract is to hold."""
    mine = (
        (site_contract.c.tenant_id == where[0])
        & (site_contract.c.site_id == where[1])
        & (site_contract.c.valid_from == other.since.isoformat())
    )
    if other.since == cover.since:
        db.execute(delete(site_contract).where(mine))
    elif other.since > cover.since:
        if cover.until is None or cover.until >= other.since:
            raise InputError(
                f"from {other.since} on {other.contract_id} holds there: end this one "
                "before, or begin it on the same day to replace that one"
            )
    elif other.until is None or other.until >= cover.since:
        until = (cover.since - _DAY).isoformat()
        db.execute(update(site_contract).where(mine).values(valid_until=until))


def _insert(db: Connection, where: tuple[str, str], cover: Cover, now: Instant) -> None:
    row = {
        "tenant_id": where[0],
        "site_id": where[1],
        "contract_id": cover.contract_id,
        "valid_from": cover.since.isoformat(),
        "valid_until": None if cover.until is None else cover.until.isoformat(),
        "stored_us": now,
        "actor": cover.actor,
    }
    db.execute(insert(site_contract).values(row))
