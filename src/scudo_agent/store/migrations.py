"""Numbered steps from an empty file to the tables of `schema`.

`user_version` counts the steps done; a step and its number commit together. A
released step is never edited: what comes later is a step of its own.
"""

from collections.abc import Callable

from sqlalchemy import Connection

Step = Callable[[Connection], None]

_0001 = """
CREATE TABLE meta (
  "key" TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
CREATE TABLE liveness (
  id INTEGER NOT NULL PRIMARY KEY,
  at_us INTEGER NOT NULL,
  wall_us INTEGER NOT NULL,
  mono_us INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  offset_us INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  clean_us INTEGER,
  CONSTRAINT one_row CHECK (id = 1)
) STRICT;
CREATE TABLE check_state (
  "check" TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  since_us INTEGER NOT NULL,
  decided_us INTEGER NOT NULL,
  "before" TEXT,
  definition TEXT NOT NULL,
  data TEXT NOT NULL
) STRICT;
CREATE TABLE check_seen (
  "check" TEXT NOT NULL PRIMARY KEY,
  at_us INTEGER NOT NULL,
  result TEXT NOT NULL,
  seen TEXT NOT NULL,
  expected TEXT,
  duration_us INTEGER,
  failing INTEGER NOT NULL,
  warned INTEGER,
  last_good_us INTEGER
) STRICT;
CREATE TABLE check_change (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "check" TEXT NOT NULL,
  state TEXT NOT NULL,
  since_us INTEGER NOT NULL,
  decided_us INTEGER NOT NULL,
  withdrawn_at_us INTEGER
) STRICT;
CREATE INDEX check_change_by_check ON check_change ("check", since_us);
CREATE TABLE agent_run (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE TABLE isolation (
  since_us INTEGER NOT NULL PRIMARY KEY,
  until_us INTEGER,
  CONSTRAINT ordered CHECK (until_us >= since_us)
) STRICT;
CREATE TABLE incident (
  incident_id TEXT NOT NULL PRIMARY KEY,
  subject_key TEXT NOT NULL,
  audience TEXT NOT NULL,
  since_us INTEGER NOT NULL,
  opened_us INTEGER NOT NULL,
  severity INTEGER,
  rule TEXT,
  state TEXT NOT NULL,
  rev INTEGER NOT NULL,
  recovered_us INTEGER,
  reopen_count INTEGER NOT NULL,
  previous TEXT,
  ticket_ref TEXT,
  data TEXT NOT NULL
) STRICT;
CREATE INDEX incident_by_state ON incident (state);
CREATE TABLE outbox (
  stream TEXT NOT NULL,
  seq INTEGER NOT NULL,
  epoch INTEGER,
  incident_id TEXT NOT NULL REFERENCES incident (incident_id),
  rev INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body BLOB NOT NULL,
  sha256 TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  acked_us INTEGER,
  attempts INTEGER NOT NULL,
  last_error TEXT,
  quarantined_us INTEGER,
  PRIMARY KEY (stream, seq),
  CONSTRAINT one_rev UNIQUE (incident_id, rev),
  CONSTRAINT counted_from_one CHECK (seq >= 1 AND rev >= 1)
) STRICT;
CREATE TABLE stream_head (
  stream TEXT NOT NULL PRIMARY KEY,
  head_seq INTEGER NOT NULL,
  acked_seq INTEGER NOT NULL,
  CONSTRAINT in_order CHECK (0 <= acked_seq AND acked_seq <= head_seq)
) STRICT
"""

_0002 = """
CREATE TABLE hourly (
  "check" TEXT NOT NULL,
  hour_us INTEGER NOT NULL,
  measure TEXT NOT NULL,
  n INTEGER NOT NULL,
  offset_us INTEGER NOT NULL,
  sum REAL NOT NULL,
  min REAL NOT NULL,
  max REAL NOT NULL,
  last REAL NOT NULL,
  PRIMARY KEY ("check", hour_us),
  CONSTRAINT counted CHECK (n >= 1)
) STRICT
"""

_0003 = """
CREATE TABLE window_copy (
  id INTEGER NOT NULL PRIMARY KEY,
  revision INTEGER NOT NULL,
  fetched_us INTEGER NOT NULL,
  body TEXT NOT NULL,
  CONSTRAINT one_copy CHECK (id = 1)
) STRICT;
CREATE TABLE intervention (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  since_us INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  ended_us INTEGER,
  ended_by TEXT,
  CONSTRAINT lasting CHECK (until_us > since_us)
) STRICT;
CREATE INDEX intervention_by_end ON intervention (until_us)
"""

_0004 = """
CREATE TABLE ledger_service (
  service TEXT NOT NULL PRIMARY KEY,
  need INTEGER NOT NULL,
  checks TEXT NOT NULL
) STRICT;
CREATE TABLE ledger_outbox (
  seq INTEGER NOT NULL PRIMARY KEY,
  service TEXT NOT NULL,
  state TEXT NOT NULL,
  since_us INTEGER NOT NULL,
  decided_us INTEGER NOT NULL,
  undone_seq INTEGER,
  body BLOB NOT NULL,
  sha256 TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  epoch INTEGER,
  acked_us INTEGER,
  attempts INTEGER NOT NULL,
  last_error TEXT,
  quarantined_us INTEGER,
  CONSTRAINT counted_from_one CHECK (seq >= 1)
) STRICT;
CREATE INDEX ledger_outbox_by_service ON ledger_outbox (service, since_us);
INSERT INTO stream_head VALUES ('L', 0, 0)
"""


def _of(script: str) -> Step:
    def step(connection: Connection) -> None:
        for statement in script.split(";"):
            connection.exec_driver_sql(statement)

    return step


STEPS: tuple[Step, ...] = (_of(_0001), _of(_0002), _of(_0003), _of(_0004))


def migrate(connection: Connection, steps: tuple[Step, ...] = STEPS) -> int:
    """Do the steps that are missing, each whole or not at all; return the count."""
    done = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    connection.rollback()
    for number, step in enumerate(steps[done:], start=done + 1):
        with connection.begin():
            step(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {number}")
    return max(done, len(steps))
