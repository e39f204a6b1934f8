"""A row of one customer in every table of the desk."""

from sqlalchemy import Connection, insert, inspect

from scudo_agent.desk.store import ledger_tables

metadata = ledger_tables.metadata


def fill(db: Connection, tenant: str, number: int) -> None:
    """A row of `tenant` in every table that there is, as far as its columns go."""
    known = set(inspect(db).get_table_names())
    for table in metadata.sorted_tables:
        if table.name not in known:
            continue
        has = {column["name"] for column in inspect(db).get_columns(table.name)}
        row = {
            c.name: _value(c.name, c.type.python_type, tenant, number)
            for c in table.columns
        }
        db.execute(insert(table).values({k: v for k, v in row.items() if k in has}))


def _value(name: str, kind: type, tenant: str, number: int) -> object:
    fixed = {
        "tenant_id": tenant,
        "audience": "customer",
        "state": "pending",
        "folded_into": None,
        "severity": 1,
        "end_us": 9,
        "start_us": 1,
        "revision": 1,
        "epoch": 1,
        "role": "customer",
        "purpose": "reset",
        "valid_until": None,
        "outcome": "landed",
    }
    if name in fixed:
        return fixed[name]
    plain: dict[type, object] = {bool: True, int: number, bytes: b"x", dict: {}}
    return plain.get(kind, [] if kind is list else f"x-{tenant}")
