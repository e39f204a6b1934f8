"""Bringing the desk's database to the newest schema, at start.

Alembic is loaded only when there is something to do: it costs 10 MB for the life
of the process.
"""

from importlib import resources
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from scudo_agent.desk.store.database import Database
from scudo_agent.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config


def newest() -> str:
    """The last step that is packaged with the desk, by its file's number."""
    folder = resources.files("scudo_agent.desk.store") / "migrations" / "versions"
    names = [file.name for file in folder.iterdir() if file.name[:4].isdigit()]
    return max(names).partition("_")[0]


def alembic_config(db: Connection) -> "Config":
    """Alembic's configuration for the steps that are packaged with the desk."""
    from alembic.config import Config

    config = Config()
    folder = resources.files("scudo_agent.desk.store") / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = db
    return config


def migrate(database: Database, *, to: str = "head") -> str:
    """Run what is missing, all in one transaction; return the schema's version.

    A database of a newer desk is refused with `StoreError`.
    """
    with database.owning() as db:
        if to == "head" and _version(db) == newest():
            return newest()
    from alembic import command
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with database.owning() as db:
        config = alembic_config(db)
        steps = ScriptDirectory.from_config(config)
        known = {step.revision for step in steps.walk_revisions()}
        has = MigrationContext.configure(db).get_current_revision()
        if has is not None and has not in known:
            raise StoreError(
                f"{database.name}: was made by a newer desk (schema {has}); "
                "this one would damage it"
            )
        command.upgrade(config, to)
        after = MigrationContext.configure(db).get_current_revision()
    return str(after)


def _version(db: Connection) -> str | None:
    """What Alembic noted in its table; None in a new database."""
    if not inspect(db).has_table("alembic_version"):
        return None
    noted = db.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if noted is None else str(noted)
