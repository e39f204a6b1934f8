"""Customers and their sites, made and changed by hand.

A site file that an agent is enrolled with says the same things of its customer, and
its word holds from then on. A site that is made here waits for its agent, or does
without: people can report what concerns it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from scudo_agent.desk.marks import mark
from scudo_agent.desk.store.agents import Enrolment, enrol_site
from scudo_agent.desk.store.coverage import Cover, Covers, covers_of
from scudo_agent.desk.store.covering import put_cover
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.tables import PROVIDER_TENANT, site, tenant
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLine:
    """One site of a customer."""

    site: str
    timezone: str
    contract: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLine:
    """One customer with its sites, and how many people it has who may come in."""

    customer: str
    name: str
    mail: str | None
    language: str
    sites: tuple[SiteLine, ...]
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerChange:
    """What is to be otherwise; None stays. `timezone` and `contract` are of `site`."""

    name: str | None = None
    mail: str | None = None
    language: str | None = None
    site: str | None = None
    timezone: str | None = None
    contract: str | None = None


class StaleCustomerError(InputError):
    """The customer, or its site, is another one than was seen."""


def customer_mark(row: Any) -> str:
    """What a customer is now; another one after each change."""
    return mark("customer", row.tenant_id, row.name, row.mail, row.language)


def site_mark(customer: str, site_id: str, covers: Covers) -> str:
    """What a site is now: its zone, and its contracts with their days."""
    days = [(one.contract_id, one.since, one.until) for one in covers.covers]
    said = [value for each in days for value in each]
    return mark("site", customer, site_id, covers.zone, *said)


class Customers:
    """The customers of a desk."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def add(self, new: Enrolment) -> None:
        """A customer with its first site; `InputError` if there is one of that id."""
        with self._database.write() as db:
            if _row(db, new.customer_id) is not None:
                raise InputError(
                    f"there is a customer '{new.customer_id}' already: 'desk customer "
                    "change' changes it, or adds another site"
                )
            enrol_site(db, new, self._now())

    def lines(self) -> list[CustomerLine]:
        """All customers, by name."""
        query = select(tenant).where(tenant.c.tenant_id != PROVIDER_TENANT)
        with self._database.read() as db:
            rows = db.execute(query.order_by(tenant.c.name, tenant.c.tenant_id)).all()
            sites, people = _sites(db), _people(db)
        return [_line(row, sites, people) for row in rows]

    def one(self, customer: str) -> CustomerLine:
        """The customer of that id; `InputError` if there is none."""
        found = next((one for one in self.lines() if one.customer == customer), None)
        if found is None:
            raise _nobody(customer)
        return found

    def change(
        self,
        customer: str,
        change: CustomerChange,
        *,
        actor: str,
        seen: str | None = None,
    ) -> None:
        """Change the customer, or one of its sites, or add a site; all or nothing.

        `seen` is the mark of what was seen: `StaleCustomerError` for another one now.
        `InputError` for a customer that is not there, and for a site that is new
        without a time zone.
        """
        now = self._now()
        with self._database.write() as db:
            row = _row(db, customer)
            if row is None:
                raise _nobody(customer)
            if seen is not None and customer_mark(row) != seen:
                raise StaleCustomerError("the customer is another one by now")
            told = {"name": change.name, "mail": change.mail}
            told["language"] = change.language
            values = {name: value for name, value in told.items() if value is not None}
            mine = tenant.c.tenant_id == customer
            db.execute(update(tenant).where(mine).values(**values, updated_us=now))
            if change.site is not None:
                _put_site(db, customer, change, actor=actor, now=now)

    def change_site(
        self, customer: str, change: CustomerChange, *, actor: str, seen: str | None
    ) -> None:
        """Add a site of the customer, or change one for somebody who saw it.

        `seen` is its mark, None for one that is new: `StaleCustomerError` if it is
        another one now. `InputError` as `change` has it.
        """
        assert change.site is not None
        with self._database.write() as db:
            if _row(db, customer) is None:
                raise _nobody(customer)
            here = None
            if _has_site(db, customer, change.site):
                covers = covers_of(db, customer, change.site)
                here = site_mark(customer, change.site, covers)
            if here != seen:
                raise StaleCustomerError("the site is another one by now")
            _put_site(db, customer, change, actor=actor, now=self._now())


def _put_site(
    db: Connection, customer: str, change: CustomerChange, *, actor: str, now: Instant
) -> None:
    assert change.site is not None
    mine = (site.c.tenant_id == customer) & (site.c.site_id == change.site)
    if not _has_site(db, customer, change.site):
        _new_site(db, customer, change, now)
        return
    if change.timezone is not None:
        values = {"timezone": change.timezone, "updated_us": now}
        db.execute(update(site).where(mine).values(values))
    if change.contract is not None:
        today = covers_of(db, customer, change.site).day(now)
        cover = Cover(contract_id=change.contract, since=today, until=None, actor=actor)
        put_cover(db, customer, change.site, cover, now)


def _has_site(db: Connection, customer: str, site_id: str) -> bool:
    mine = (site.c.tenant_id == customer) & (site.c.site_id == site_id)
    return db.execute(select(site.c.site_id).where(mine)).first() is not None


def _new_site(
    db: Connection, customer: str, change: CustomerChange, now: Instant
) -> None:
    if change.timezone is None or change.site is None:
        raise InputError(
            f"'{customer}' has no site '{change.site}'; for a new one say --timezone"
        )
    row = _row(db, customer)
    enrolment = Enrolment(
        customer_id=customer,
        customer_name=row.name,
        customer_mail=row.mail,
        language=row.language,
        site_id=change.site,
        timezone=change.timezone,
        contract_id=change.contract,
    )
    enrol_site(db, enrolment, now)


def _row(db: Connection, customer: str) -> Any:
    if customer == PROVIDER_TENANT:
        return None
    mine = tenant.c.tenant_id == customer
    return db.execute(select(tenant).where(mine)).first()


def _nobody(customer: str) -> InputError:
    return InputError(
        f"there is no customer '{customer}'; 'desk customer list' says who"
    )


def _sites(db: Connection) -> dict[str, list[SiteLine]]:
    found: dict[str, list[SiteLine]] = {}
    for row in db.execute(select(site).order_by(site.c.site_id)):
        line = SiteLine(
            site=row.site_id, timezone=row.timezone, contract=row.contract_id
        )
        found.setdefault(row.tenant_id, []).append(line)
    return found


def _people(db: Connection) -> dict[str, int]:
    query = (
        select(person.c.tenant_id, func.count())
        .where(person.c.disabled_us.is_(None))
        .group_by(person.c.tenant_id)
    )
    return {str(one): int(many) for one, many in db.execute(query).all()}


def _line(
    row: Any, sites: dict[str, list[SiteLine]], people: dict[str, int]
) -> CustomerLine:
    return CustomerLine(
        customer=row.tenant_id,
        name=row.name,
        mail=row.mail,
        language=row.language,
        sites=tuple(sites.get(row.tenant_id, ())),
        people=people.get(row.tenant_id, 0),
    )
