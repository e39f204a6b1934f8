"""Row-level security of one table on PostgreSQL, for the step that makes the table.

A part of the released steps: what stands here never changes. On SQLite nothing of it
exists, and every function here does nothing.
"""

from alembic import op

_NEW_ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
    CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS;
  END IF;
  IF NOT pg_has_role(current_user, '{role}', 'MEMBER') THEN
    EXECUTE format('GRANT {role} TO %I', current_user);
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema());
END $$
"""
_DESK, _TENANT = "scudo_desk", "scudo_tenant"
_OWN = "tenant_id = current_setting('scudo.tenant', true)"


def on_postgresql() -> bool:
    """Whether the steps run on PostgreSQL."""
    return op.get_bind().dialect.name == "postgresql"


def make_roles() -> None:
    """The role of the desk's work and that of a customer's reader; nobody logs in."""
    for role in (_DESK, _TENANT):
        op.execute(_NEW_ROLE.format(role=role))


def protect(table: str, *, also: str = "", columns: str = "") -> None:
    """The desk sees all rows, a reader its tenant's, the owner none but in a step.

    `also` is a condition under which a row of another tenant is shown to a reader,
    `columns` what a reader is shown of a row, where that is not all of it.
    """
    if not on_postgresql():
        return
    name = f'"{table}"'
    some = f" ({columns})" if columns else ""
    seen = f"{_OWN} OR ({also})" if also else _OWN
    # Who logs in is a member of both roles, and sees nothing before it takes one.
    for line in (
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY desk ON {name} TO {_DESK} USING (current_user = '{_DESK}')",
        f"CREATE POLICY tenant ON {name} FOR SELECT TO {_TENANT}"
        f" USING (current_user = '{_TENANT}' AND ({seen}))",
        f"CREATE POLICY step ON {name} TO CURRENT_USER"
        " USING (current_setting('scudo.migrating', true) = 'on')",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {_DESK}",
        f"GRANT SELECT{some} ON {name} TO {_TENANT}",
    ):
        op.execute(line)
