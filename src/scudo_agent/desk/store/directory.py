"""Customers, sites and people as a reader of some scope may see them."""

from typing import Any

from sqlalchemy import Row, Select, func, select

from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.failing import failing
from scudo_agent.desk.store.people_lines import LINES
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.scope import Scope, within
from scudo_agent.desk.store.tables import PROVIDER_TENANT, agent, site, tenant, ticket


class Directory:
    """Queries of one scope; nothing outside the scope is ever found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def customers(
        self, scope: Scope, *, after: str = "", limit: int = 200
    ) -> list[Row[Any]]:
        """Customers by id, the provider not among them, beyond `after`."""
        query = (
            _customers(scope)
            .where(tenant.c.tenant_id > after)
            .order_by(tenant.c.tenant_id)
            .limit(limit)
        )
        with self._database.read(scope) as db:
            return list(db.execute(query))

    def customer(self, scope: Scope, tenant_id: str) -> Row[Any] | None:
        """One customer; None: not there and not allowed look the same."""
        query = _customers(scope).where(tenant.c.tenant_id == tenant_id)
        with self._database.read(scope) as db:
            return db.execute(query).first()

    def failing(self, scope: Scope, address: str | None) -> str | None:
        """What was said of the last mail there, if it came back; None: it did not."""
        with self._database.read(scope) as db:
            return next(iter(failing(db, [address]).values()), None)

    def sites(self, scope: Scope, tenant_id: str) -> list[Row[Any]]:
        """The sites of a customer, by id."""
        query = select(site).where(site.c.tenant_id == tenant_id)
        if scope.tenant_id is not None:
            query = query.where(site.c.tenant_id == scope.tenant_id)
        with self._database.read(scope) as db:
            return list(db.execute(query.order_by(site.c.site_id)))

    def agents(self, scope: Scope, tenant_id: str) -> list[Row[Any]]:
        """The agents of a customer by site, each with its site's time zone."""
        query = (
            select(agent, site.c.timezone)
            .join(
                site,
                (site.c.tenant_id == agent.c.tenant_id)
                & (site.c.site_id == agent.c.site_id),
            )
            .where(agent.c.tenant_id == tenant_id)
        )
        if scope.tenant_id is not None:
            query = query.where(agent.c.tenant_id == scope.tenant_id)
        with self._database.read(scope) as db:
            return list(db.execute(query.order_by(agent.c.site_id, agent.c.agent_id)))

    def open_tickets(self, scope: Scope) -> dict[str, int]:
        """How many tickets of each customer are not closed."""
        query = (
            select(ticket.c.tenant_id, func.count())
            .where(ticket.c.status != "closed", *within(scope))
            .group_by(ticket.c.tenant_id)
        )
        with self._database.read(scope) as db:
            return {str(one): int(many) for one, many in db.execute(query).all()}

    def people(
        self, scope: Scope, *, after: int = 0, limit: int = 200
    ) -> list[Row[Any]]:
        """People by number beyond `after`, the provider's among them for its own."""
        query = LINES.where(person.c.person_id > after)
        if scope.tenant_id is not None:
            query = query.where(person.c.tenant_id == scope.tenant_id)
        with self._database.read(scope) as db:
            return list(db.execute(query.order_by(person.c.person_id).limit(limit)))


def _customers(scope: Scope) -> Select[Any]:
    query = select(tenant).where(tenant.c.tenant_id != PROVIDER_TENANT)
    if scope.tenant_id is not None:
        query = query.where(tenant.c.tenant_id == scope.tenant_id)
    return query
