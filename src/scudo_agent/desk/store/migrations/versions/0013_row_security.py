"""PostgreSQL: rows that only their tenant sees, and what SQLite has as triggers.

On SQLite, which has neither roles nor row-level security, nothing changes.
"""

import sqlalchemy as sa
from alembic import op

from scudo_agent.desk.store.migrations.row_security import (
    make_roles,
    on_postgresql,
    protect,
)

revision = "0013"
down_revision = "0012"

_STANDING = (
    "window_series",
    "window",
    "window_announcement",
    "window_cancellation",
    "window_correction",
)
_CONTRACTS = (
    "contract_id IN (SELECT contract_id FROM site)"
    " OR contract_id IN (SELECT contract_id FROM site_contract)"
)
"""Contracts are the provider's; a customer sees those of its own sites."""
_NAMED = (
    "person_id, tenant_id, mail, name, role, language, phone, created_us, disabled_us,"
    " actor"
)
_OTHERS = {
    "contract_version": (_CONTRACTS, ""),
    # Histories name the provider's people; nobody's password is shown to anybody.
    "person": ("tenant_id = '@provider'", _NAMED),
}
_KEPT = """
CREATE FUNCTION scudo_stands() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION '% is never %', TG_TABLE_NAME,
    CASE TG_OP WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END
    USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
_KEEPS = """
CREATE TRIGGER {table}_stands BEFORE UPDATE OR DELETE ON "{table}"
FOR EACH ROW EXECUTE FUNCTION scudo_stands()
"""
_TELLS = """
CREATE FUNCTION scudo_tells() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO webhook_outbox
    (tenant_id, webhook_id, event, event_id, state, created_us, next_us)
  SELECT tenant_id, webhook_id, NEW.kind, NEW.event_id, 'pending',
    NEW.stored_us, NEW.stored_us
  FROM webhook
  WHERE disabled_us IS NULL AND tenant_id IN (NEW.tenant_id, '@provider');
  RETURN NULL;
END $$
"""
_TELLING = """
CREATE TRIGGER ticket_event_told AFTER INSERT ON ticket_event
FOR EACH ROW EXECUTE FUNCTION scudo_tells()
"""


def upgrade() -> None:
    """Protect each table that there is; later steps protect those that they make."""
    if not on_postgresql():
        return
    # It grows by instants, which SQLite's integers hold anyway.
    op.alter_column("site", "windows_revision", type_=sa.BigInteger())
    make_roles()
    for table in _with_tenant():
        also, columns = _OTHERS.get(table, ("", ""))
        protect(table, also=also, columns=columns)
    for role in ("scudo_desk", "scudo_tenant"):
        op.execute(f"GRANT SELECT ON alembic_version TO {role}")
    op.execute(
        "DO $$ BEGIN EXECUTE format('GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA %I"
        " TO scudo_desk', current_schema()); END $$"
    )
    # A table of a later step has its sequence used, and nothing read by a tenant.
    op.execute(
        "ALTER DEFAULT PRIVILEGES GRANT USAGE, UPDATE ON SEQUENCES TO scudo_desk"
    )
    op.execute(_KEPT)
    for table in _STANDING:
        op.execute(_KEEPS.format(table=table))
    op.execute(_TELLS)
    op.execute(_TELLING)


def _with_tenant() -> list[str]:
    found = sa.inspect(op.get_bind())
    return [
        name
        for name in sorted(found.get_table_names())
        if any(one["name"] == "tenant_id" for one in found.get_columns(name))
    ]
