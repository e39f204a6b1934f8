"""The sites that a reader may see, with their customers' names."""

from typing import Any

from sqlalchemy import ColumnElement, Select, select

from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import site, tenant


def site_rows(scope: Scope, *more: ColumnElement[bool]) -> Select[Any]:
    """All columns of `site` and the customer's `name`, by customer and site."""
    allowed = list(more)
    if scope.tenant_id is not None:
        allowed.append(site.c.tenant_id == scope.tenant_id)
    if scope.site_id is not None:
        allowed.append(site.c.site_id == scope.site_id)
    return (
        select(site, tenant.c.name)
        .join(tenant, tenant.c.tenant_id == site.c.tenant_id)
        .where(*allowed)
        .order_by(tenant.c.name, site.c.site_id)
    )
