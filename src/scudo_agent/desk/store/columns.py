"""What the desk's tables are made of: one registry, and the columns that they share.

Every table has `tenant_id` and every key that leads to another table carries it, so
that a row can only ever point to rows of its own tenant. Instants are whole
microseconds UTC in `…_us`.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SERIAL = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database gives."""

IN_CODE_ORDER = Text().with_variant(Text(collation="C"), "postgresql")
"""A text ordered by its signs' numbers, as SQLite does: a prefix is a range."""


def tenant(*, primary_key: bool = False) -> Column[str]:
    """Whose row it is."""
    return Column("tenant_id", Text, nullable=False, primary_key=primary_key)


def us(name: str, *, null: bool = False) -> Column[int]:
    """An instant, or a length of time."""
    return Column(name, BigInteger, nullable=null)


def text(name: str, *, null: bool = False, key: bool = False) -> Column[str]:
    """A text."""
    return Column(name, Text, nullable=null, primary_key=key)


def document(name: str) -> Column[dict[str, object]]:
    """JSON."""
    kind: TypeEngine[dict[str, object]] = JSON(none_as_null=True)
    return Column(name, kind, nullable=False)


def whole(name: str, *, null: bool = False, default: str | None = None) -> Column[int]:
    """A whole number."""
    return Column(name, Integer, nullable=null, server_default=default)


def number(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    """A whole number that we give ourselves, as a part of a key."""
    return Column(name, Integer, primary_key=key, nullable=null, autoincrement=False)


def of_site() -> ForeignKeyConstraint:
    """It is about a site of the same tenant."""
    return ForeignKeyConstraint(
        ["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]
    )
