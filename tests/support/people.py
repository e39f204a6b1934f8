"""People for tests: passwords that cost nothing, and who is logged in."""

import httpx
from sqlalchemy import text

from scudo_agent.desk.rights import STAFF, Role
from scudo_agent.desk.store.people import ALL, NewPerson
from support.desking import Bench, site

STAFF_TENANT = "@provider"
PASSWORD = "a green horse runs"
"""One that everybody here may have."""


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


OWN = {"Origin": "https://desk.example"}
"""A form of our own page says so."""


async def mailed(b: Bench) -> str:
    """Send what waits; the path of the link in the last mail."""
    await b.desk.send_mails()
    data = b.mails.mails[-1][1].decode()
    link = data.replace("=\r\n", "").partition("https://desk.example/")[2]
    return f"/{link.split()[0]}"


async def join_in(b: Bench, role: Role, *, mail: str, tenant: str | None = None) -> int:
    """Somebody with a password; the customer is made if it is not there."""
    new = new_person(role, tenant, mail=mail)
    if (
        new.tenant_id != STAFF_TENANT
        and new.tenant_id not in b.desk.store.people.customers(ALL)
    ):
        b.desk.enrol_embedded(site(new.tenant_id, f"{new.tenant_id}-milano"))
    who = b.desk.store.people.add(new, actor="test")
    hashed = await b.desk.passwords.hash(PASSWORD)
    b.desk.store.credentials.put_password(who, hashed, actor="test")
    return who


async def log_in(
    b: Bench, mail: str, password: str = PASSWORD, *, back: str = "/"
) -> httpx.Response:
    """Send the login form as a browser does."""
    form = {"mail": mail, "password": password, "back": back}
    return await b.client.post("/login", data=form, headers=OWN)
