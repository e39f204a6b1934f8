"""A new desk's tables as the migrations made them once in this process.

A desk of a test is new again and again, and the steps cost a quarter of a second
each time; what they lead to is the same. Whatever is no new database takes them.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from scudo_agent.desk.store import migrate as steps
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.sqlite import SqliteDatabase

_migrate = steps.migrate
_TABLES = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
_EMPTY = "SELECT count(*) FROM sqlite_schema"


def migrate(database: Database, *, to: str = "head") -> str:
    """As `desk.store.migrate.migrate`."""
    if to == "head" and isinstance(database, SqliteDatabase):
        with database.write() as db:
            if not db.exec_driver_sql(_EMPTY).scalar_one():
                version, script = _made()
                for line in script:
                    db.exec_driver_sql(line)
                return version
    return _migrate(database, to=to)


@cache
def _made() -> tuple[str, tuple[str, ...]]:
    """The newest step, and what makes its tables."""
    with TemporaryDirectory() as folder:
        database = SqliteDatabase(Path(folder))
        try:
            version = _migrate(database)
            with database.read() as db:
                script = [row[0] for row in db.exec_driver_sql(_TABLES)]
        finally:
            database.close()
    noted = f"INSERT INTO alembic_version (version_num) VALUES ('{version}')"
    own = [line for line in script if "sqlite_sequence" not in line]
    return version, (*own, noted)
