"""People at a desk of a test, and their programs with tokens."""

from sqlalchemy import insert

from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.auth import fingerprint, new_token
from scudo_agent.desk.rights import STAFF, Role
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.tables import PROVIDER_TENANT


def put_person(
    store: DeskStore, role: Role, customer: str = "acme", *, mail: str = ""
) -> int:
    """Somebody with this role; a customer's person belongs to `customer`."""
    tenant = PROVIDER_TENANT if role in STAFF else customer
    row = {
        "tenant_id": tenant,
        "mail": f"{mail or role}@{'provider' if role in STAFF else customer}.example",
        "name": f"{role} of {tenant}",
        "role": role.value,
        "language": "en",
        "created_us": store.now(),
        "actor": "desk",
    }
    made = insert(person).values(row).returning(person.c.person_id)
    with store.database.write() as db:
        return int(db.execute(made).scalar_one())


def put_token(
    store: DeskStore,
    person_id: int,
    *scopes: TokenScope,
    life_us: int | None = None,
) -> dict[str, str]:
    """The header of a new token's program; without `scopes` it has all."""
    token = new_token()
    store.tokens.add(
        person_id,
        "test",
        token_sha256=fingerprint(token),
        scopes=scopes or tuple(TokenScope),
        life_us=life_us,
    )
    return {"Authorization": f"Bearer {token}"}


def program(
    store: DeskStore,
    role: Role,
    *scopes: TokenScope,
    customer: str = "acme",
    mail: str = "",
) -> dict[str, str]:
    """A new person's program."""
    return put_token(store, put_person(store, role, customer, mail=mail), *scopes)
