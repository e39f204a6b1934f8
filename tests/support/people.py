"""People for tests: passwords that cost nothing, and who is logged in."""

from argon2 import PasswordHasher
from sqlalchemy import text

from scudo_agent.desk.passwords import Passwords
from scudo_agent.desk.rights import STAFF, Role
from scudo_agent.desk.store.people import NewPerson
from support.desking import Bench

STAFF_TENANT = "@provider"
PASSWORD = "a green horse runs"
"""One that everybody here may have."""


def quick() -> Passwords:
    """Passwords whose hashes are made at once."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def new_person(
    role: Role,
    tenant: str | None = None,
    *,
    mail: str | None = None,
    name: str = "Anybody Else",
) -> NewPerson:
    """Somebody with that role, the provider's or a customer's."""
    tenant = tenant or (STAFF_TENANT if role in STAFF else "acme")
    address = mail or f"{role.value}@{tenant.strip('@')}.example"
    return NewPerson(tenant_id=tenant, mail=address, name=name, role=role)


def security_kinds(b: Bench) -> list[str]:
    """What was kept as having to do with who may do what, in order."""
    query = text("SELECT kind FROM security_event ORDER BY security_event_id")
    with b.desk.store.database.read() as db:
        return [row.kind for row in db.execute(query)]
