"""What a backup of the agent's store is."""

from typing import Any

from scudo_agent.dbfile.backup import What
from scudo_agent.store.engine import APPLICATION_ID
from scudo_agent.store.read import FILE


def _site(db: Any) -> str:
    row = db.execute("SELECT value FROM meta WHERE key = 'site'").fetchone()
    return "" if row is None else str(row[0])


def _schema(db: Any) -> str:
    return str(db.execute("PRAGMA user_version").fetchone()[0])


AGENT = What(
    name="agent",
    file=FILE,
    application_id=APPLICATION_ID,
    owner=_site,
    schema=_schema,
)
