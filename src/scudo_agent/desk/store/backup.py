"""What a backup of the desk's database is."""

from typing import Any

from scudo_agent.dbfile.backup import What

FILE = "desk.db"

APPLICATION_ID = 0x5C0DDE5C
"""In the header of the file: it is a scudo desk's database and no other."""


def _schema(db: Any) -> str:
    row = db.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


DESK = What(
    name="desk",
    file=FILE,
    application_id=APPLICATION_ID,
    owner=lambda _db: "",
    schema=_schema,
)
