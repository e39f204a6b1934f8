"""What the list of tickets can be narrowed to: customers, sites, people, categories."""

from dataclasses import dataclass

from sqlalchemy import select

from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import PROVIDER_TENANT, site, tenant

CHOICES_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Pairs of what stands in the address and what people read."""

    customers: tuple[tuple[str, str], ...] = ()
    sites: tuple[tuple[str, str], ...] = ()
    assignees: tuple[tuple[str, str], ...] = ()


def choices(database: Database, scope: Scope, *, customer: str | None) -> Choices:
    """What this reader may choose from; sites of one customer, once it is chosen."""
    whose = scope.tenant_id or customer
    with database.read(scope) as db:
        sites: tuple[tuple[str, str], ...] = ()
        if whose is not None:
            query = select(site.c.site_id).where(site.c.tenant_id == whose)
            ids = db.execute(query.order_by(site.c.site_id).limit(CHOICES_LIMIT))
            sites = tuple((one, one) for one in ids.scalars())
        if not scope.provider:
            return Choices(sites=sites)
        customers = db.execute(
            select(tenant.c.tenant_id, tenant.c.name)
            .where(tenant.c.tenant_id != PROVIDER_TENANT)
            .order_by(tenant.c.name)
            .limit(CHOICES_LIMIT)
        ).all()
        people = db.execute(
            select(person.c.person_id, person.c.name)
            .where(
                person.c.tenant_id == PROVIDER_TENANT, person.c.disabled_us.is_(None)
            )
            .order_by(person.c.name)
            .limit(CHOICES_LIMIT)
        ).all()
    return Choices(
        customers=tuple((row.tenant_id, row.name) for row in customers),
        sites=sites,
        assignees=tuple((str(row.person_id), row.name) for row in people),
    )
