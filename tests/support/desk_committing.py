"""A desk that takes events until it is killed; used by `support.crash_images`.

Its whole API, without a socket. A line `ack SEQ` goes out only after it has answered
that it has them; so what is on the pipe is what agents may forget.
"""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from scudo_agent.desk.store.sqlite import SqliteDatabase
from scudo_agent.wire import Stage
from support import crash_images
from support.desking import INCIDENT, bench, stage

CYCLE = ("open", "raise", "recover", "reopen")
BATCH = 2

_UNMAILED = """\
SELECT count(*) FROM inbox WHERE NOT EXISTS (SELECT 1 FROM mail_outbox AS mail
 WHERE mail.incident_id = inbox.incident_id AND mail.rev = inbox.rev)"""


def stage_of(number: int) -> Stage:
    """The event that comes after `number` others."""
    incident, turn = divmod(number, len(CYCLE))
    return stage(
        number + 1,
        turn + 1,
        CYCLE[turn],
        incident_id=f"{INCIDENT[:-4]}{incident:04x}",
        subject_key=f"service:s{incident}",
        severity=2 if turn == 0 else 1,
    )


async def _live(folder: Path, count: int) -> None:
    async with bench(folder) as it:
        agent = await it.agent()
        for first in range(0, count, BATCH):
            it.clock.forward(1)
            stages = [stage_of(n) for n in range(first, first + BATCH)]
            reply = await agent.send(*stages)
            assert reply.status_code == 200, reply.text
            os.write(1, f"ack {reply.json()['ack_seq']}\n".encode("ascii"))


def main(folder: Path, count: int) -> None:
    """Take `count` events."""
    asyncio.run(_live(folder, count))


def survivors(image: Path) -> set[int]:
    """Let SQLite recover an image; the events that are there, each with its mail."""
    found = crash_images.survivors(image, "desk.db", "inbox")
    if found:
        with closing(sqlite3.connect(image / "desk.db")) as db:
            assert db.execute(_UNMAILED).fetchone()[0] == 0, "an event without mail"
    return found


def opened(image: Path, count: int) -> None:
    """The desk opens it, and finds nothing wrong and all of `count` events."""
    database = SqliteDatabase(image)
    assert database.befell is None, database.befell
    with database.read() as db:
        assert db.exec_driver_sql("SELECT count(*) FROM inbox").scalar_one() == count
    database.close()
