"""How people stand with the desk, as lists show them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select

from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.people_post import THREAD
from scudo_agent.desk.store.people_tables import person, person_token
from scudo_agent.desk.store.tables import mail_outbox, tenant
from scudo_agent.instant import Instant


class Standing(StrEnum):
    """How somebody stands with the desk."""

    ACTIVE = "active"
    INVITED = "invited"
    WITHOUT = "without"
    """No password, and no invitation that still holds."""
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLine:
    """Somebody as the list shows him; `invited_until`: how long he can come in.

    `failing`: his last mail came back, and what was said.
    """

    person_id: int
    tenant_id: str
    customer: str
    mail: str
    name: str
    role: Role
    language: str | None
    phone: str | None
    standing: Standing
    created: Instant
    invited_until: Instant | None
    failing: str | None = None
    disabled: Instant | None = None


def invited(db: Connection, ids: list[int], now: Instant) -> dict[int, Instant | None]:
    """Until when the last link of each holds; None where its mail has not left."""
    links = (
        select(person_token.c.person_id, func.max(person_token.c.expires_us))
        .where(
            person_token.c.person_id.in_(ids),
            person_token.c.used_us.is_(None),
            person_token.c.expires_us > now,
        )
        .group_by(person_token.c.person_id)
    )
    threads = {THREAD.format(person_id=one): one for one in ids}
    waiting = select(mail_outbox.c.window_thread).where(
        mail_outbox.c.window_thread.in_(threads), mail_outbox.c.state == "pending"
    )
    found: dict[int, Instant | None] = {
        threads[one]: None for one in db.execute(waiting).scalars() if one
    }
    return found | {int(one): Instant(until) for one, until in db.execute(links).all()}


def line_of(
    row: Any, invited: dict[int, Instant | None], failing: str | None
) -> PersonLine:
    if row.disabled_us is not None:
        standing = Standing.DISABLED
    elif row.password_us is not None:
        standing = Standing.ACTIVE
    elif row.person_id in invited:
        standing = Standing.INVITED
    else:
        standing = Standing.WITHOUT
    return PersonLine(
        person_id=row.person_id,
        tenant_id=row.tenant_id,
        customer=row.customer,
        mail=row.mail,
        name=row.name,
        role=Role(row.role),
        language=row.language,
        phone=row.phone,
        standing=standing,
        disabled=row.disabled_us,
        created=row.created_us,
        invited_until=invited.get(row.person_id)
        if standing is Standing.INVITED
        else None,
        failing=failing,
    )


# What a customer's reader may see of a row on PostgreSQL: no hash is among it.
LINES = select(
    person.c.person_id,
    person.c.tenant_id,
    person.c.mail,
    person.c.name,
    person.c.role,
    person.c.language,
    person.c.phone,
    person.c.password_us,
    person.c.created_us,
    person.c.disabled_us,
    tenant.c.name.label("customer"),
).join(tenant, tenant.c.tenant_id == person.c.tenant_id)
