"""Copies of what a desk said, kept so that the agent goes on without it.

They stand in the table `meta`; each function works inside the transaction of the
connection that it is given.
"""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from scudo_agent.store import schema

CONTRACT = "contract"
"""The contract that a remote desk has for this site, as the desk answered it."""


def keep(connection: Connection, key: str, value: str) -> None:
    """Keep a copy in the place of the one before."""
    connection.execute(
        insert(schema.meta)
        .values(key=key, value=value)
        .on_conflict_do_update(index_elements=["key"], set_={"value": value})
    )


def kept(connection: Connection, key: str) -> str | None:
    """The copy that was kept last."""
    query = select(schema.meta.c.value).where(schema.meta.c.key == key)
    return connection.execute(query).scalar_one_or_none()
