"""Bringing the desk's database to the newest schema, at start."""

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from scudo_agent.desk.store.database import Database
from scudo_agent.errors import StoreError


def alembic_config(db: Connection) -> Config:
    """Alembic's configuration for the steps that are packaged with the desk."""
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
    with database.write() as db:
        config = alembic_config(db)
        steps = ScriptDirectory.from_config(config)
        known = {step.revision for step in steps.walk_revisions()}
        has = MigrationContext.configure(db).get_current_revision()
        if has is not None and has not in known:
            raise StoreError(
                f"{database.path}: was made by a newer desk (schema {has}); "
                "this one would damage it"
            )
        command.upgrade(config, to)
        after = MigrationContext.configure(db).get_current_revision()
    return str(after)
