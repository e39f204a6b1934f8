"""The tables of people: who may log in, with what right, and what they keep for later.

A person belongs to one customer, or to the provider (`@provider`). Passwords are
kept as argon2 says, everything else that opens a door as its SHA-256.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
    text,
)

from scudo_agent.desk.store.columns import SERIAL
from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import tenant as _tenant
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us

person = Table(
    "person",
    metadata,
    Column("person_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    _text("mail"),
    _text("name"),
    _text("role"),
    _text("language", null=True),
    _text("phone", null=True),
    _text("password_hash", null=True),
    _us("password_us", null=True),
    _us("created_us"),
    _us("disabled_us", null=True),
    _text("actor"),
    _text("timezone", null=True),
    UniqueConstraint("mail"),
    UniqueConstraint("tenant_id", "person_id"),
    CheckConstraint(
        "role IN ('customer', 'referent', 'technician', 'dispatcher', 'manager',"
        " 'admin')",
        name="role",
    ),
    CheckConstraint(
        "(tenant_id = '@provider') = (role NOT IN ('customer', 'referent'))",
        name="side",
    ),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)
"""`mail` is in small letters: it is what people log in with. Without a `timezone`
pages show times as the site's clock has them."""

person_token = Table(
    "person_token",
    metadata,
    _tenant(),
    _text("token_sha256", key=True),
    Column("person_id", BigInteger, nullable=False),
    _text("purpose"),
    _us("created_us"),
    _us("expires_us"),
    _us("used_us", null=True),
    CheckConstraint("purpose IN ('invite', 'reset')", name="purpose"),
    ForeignKeyConstraint(
        ["tenant_id", "person_id"], ["person.tenant_id", "person.person_id"]
    ),
)

saved_view = Table(
    "saved_view",
    metadata,
    Column("view_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    Column("person_id", BigInteger, nullable=False),
    _text("name"),
    _text("query"),
    Column("preferred", Boolean, nullable=False, server_default=text("false")),
    _us("created_us"),
    UniqueConstraint("tenant_id", "person_id", "name"),
    ForeignKeyConstraint(
        ["tenant_id", "person_id"], ["person.tenant_id", "person.person_id"]
    ),
)
"""What a person looks for again and again; `query` as in the address of the list.

The `preferred` one, of which a person has one at most, is what the list begins with.
"""

Index("ix_person_token_person", person_token.c.tenant_id, person_token.c.person_id)
