"""Which contract holds for a site, on which days (`domain.md` 5, last rule).

A row says from which day on, and to which day, both included, in the site's own
days. What is over is over: no contract holds after the last row's end, and tickets
received then have no clocks and go to the provider's office. `site.contract_id` is
the contract that the site's agents go by: the one that holds or, where none does, the
last one that did; it follows from the rows (`desk.store.covering`).
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, bindparam, select

from scudo_agent.contract.hours import local_day
from scudo_agent.desk.store.contracts import ContractVersion, contract_versions
from scudo_agent.desk.store.life_tables import site_contract
from scudo_agent.desk.store.tables import site
from scudo_agent.instant import Instant
from scudo_agent.locale.formats import zone_info

_ROWS = (
    select(
        site.c.timezone,
        site_contract.c.contract_id,
        site_contract.c.valid_from,
        site_contract.c.valid_until,
        site_contract.c.actor,
    )
    .outerjoin(
        site_contract,
        (site_contract.c.tenant_id == site.c.tenant_id)
        & (site_contract.c.site_id == site.c.site_id),
    )
    .where(
        site.c.tenant_id == bindparam("tenant"), site.c.site_id == bindparam("at_site")
    )
    .order_by(site_contract.c.valid_from)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A contract of a site; `until` is its last day, None: nobody knows of an end."""

    contract_id: str
    since: date
    until: date | None
    actor: str

    def holds(self, day: date) -> bool:
        """Whether it holds on that day."""
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Covers:
    """All contracts of a site, the first one first; `zone` is the site's."""

    zone: str
    covers: tuple[Cover, ...]

    def day(self, at: Instant) -> date:
        """The site's day in which an instant falls."""
        return local_day(zone_info(self.zone), at)

    def at(self, at: Instant) -> Cover | None:
        """The contract that holds at an instant."""
        day = self.day(at)
        return next((one for one in self.covers if one.holds(day)), None)

    def last(self, day: date) -> Cover | None:
        """Of the contracts that had begun by a day, the last one."""
        begun = [one for one in self.covers if one.since <= day]
        return begun[-1] if begun else None

    def ended(self, at: Instant) -> Cover | None:
        """The contract that is over, where there was one and none holds."""
        return None if self.at(at) else self.last(self.day(at))


def covers_of(db: Connection, tenant_id: str, site_id: str) -> Covers:
    """The contracts of a site; none of a site that the desk does not have."""
    rows = db.execute(_ROWS, {"tenant": tenant_id, "at_site": site_id}).all()
    return Covers(
        zone=rows[0].timezone if rows else "UTC",
        covers=tuple(
            Cover(
                contract_id=row.contract_id,
                since=date.fromisoformat(row.valid_from),
                until=None
                if row.valid_until is None
                else date.fromisoformat(row.valid_until),
                actor=row.actor,
            )
            for row in rows
            if row.contract_id is not None
        ),
    )


def version_at(db: Connection, contract_id: str, at: Instant) -> ContractVersion | None:
    """The revision that the desk had at an instant; of before, its first one."""
    found: ContractVersion | None = None
    for version in contract_versions(db, contract_id):
        found = version
        if version.stored <= at:
            break
    return found


def promised(
    db: Connection, tenant_id: str, site_id: str, at: Instant
) -> ContractVersion | None:
    """What was promised to a site of a ticket that is received at an instant."""
    cover = covers_of(db, tenant_id, site_id).at(at)
    return None if cover is None else version_at(db, cover.contract_id, at)
