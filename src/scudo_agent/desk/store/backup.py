"""What a backup of the desk's database is."""

from typing import Any

from scudo_agent.dbfile.backup import What
from scudo_agent.desk.store.database import APPLICATION_ID

FILE = "desk.db"


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
