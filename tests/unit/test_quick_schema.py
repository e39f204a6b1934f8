"""The tests' short way to a new desk's tables leads where the migrations lead."""

from pathlib import Path

from scudo_agent.desk.store.migrate import migrate
from scudo_agent.desk.store.sqlite import SqliteDatabase
from support import quick_schema

_ALL = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"


def test_both_ways_make_the_same_database(tmp_path: Path) -> None:
    made = []
    for name, way in (("steps", migrate), ("quick", quick_schema.migrate)):
        database = SqliteDatabase(tmp_path / name)
        try:
            version = way(database)
            with database.read() as db:
                # Alembic rebuilds a table with its constraints in any order.
                tables = [
                    (*names, sorted((sql or "").rstrip(")\n").split(", \n\t")))
                    for *names, sql in db.exec_driver_sql(_ALL)
                ]
                noted = db.exec_driver_sql("SELECT * FROM alembic_version").all()
        finally:
            database.close()
        made.append((version, tables, noted))
    assert made[0] == made[1]
