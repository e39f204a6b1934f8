"""Finding tickets by words: the desk's index beside SQLite's own FTS5.

    python benchmarks/search.py [TICKETS] [ROUNDS]

A desk's file gets so many tickets (100,000) of 500 customers, 2 % of them open, each
with the texts of one opening. The same texts go into an FTS5 table with prefix
indexes, in a file of its own. Then, in turn in each round:

- write: CPU of the words of one ticket, ours and FTS5's, and bytes a ticket;
- find: CPU of the first 100 tickets of queries, ours in the queue's order (what
  a page costs without what its lines show), FTS5's by the same order of a joined
  table.

Ratios are what to look at: milliseconds are those of this machine.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, insert

from scudo_agent.dbfile.sqlite import module
from scudo_agent.desk.search_words import fold
from scudo_agent.desk.store.migrate import migrate
from scudo_agent.desk.store.queue import Wish, page_of_ids
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.search import index
from scudo_agent.desk.store.sqlite import SqliteDatabase
from scudo_agent.desk.store.tables import site, tenant, ticket

CUSTOMERS = 500
GOAL_MS = 50.0
AT_ONCE = 1_000
THINGS = (
    "Gestionale ordini",
    "Posta elettronica",
    "Stampante etichette",
    "Firewall perimetrale",
    "Archivio documenti",
    "Centralino telefonico",
    "Rete magazzino",
)


def texts(number: int) -> tuple[str, ...]:
    """What one ticket is about."""
    rng = random.Random(number)
    host = f"srv{number % 997}.cliente{number % CUSTOMERS}.example"
    address = f"192.0.{rng.randrange(256)}.{rng.randrange(256)}"
    return (
        f"SC-{number:08d}"[:7] + "-" + f"{number:08d}"[4:],
        f"cliente{number % CUSTOMERS}",
        f"Cliente {number % CUSTOMERS} S.p.A.",
        f"{rng.choice(THINGS)} non risponde",
        f"https://{host}/login",
        f"snmp://{address}",
        f"matricola SN-{rng.randrange(10**6):06d}-{chr(65 + number % 26)}",
    )


def fill(database: SqliteDatabase, count: int) -> float:
    """Tickets and their words; CPU seconds of the words alone."""
    with database.write() as db:
        for n in range(CUSTOMERS):
            row = {"tenant_id": f"cliente{n}", "created_us": 0, "updated_us": 0}
            db.execute(
                insert(tenant).values(row | {"name": f"Cliente {n}", "language": "it"})
            )
            db.execute(
                insert(site).values(
                    row | {"site_id": "sede", "timezone": "Europe/Rome"}
                )
            )
    spent = 0.0
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        with database.write() as db:
            db.execute(insert(ticket), [line(n) for n in numbers])
            begun = time.process_time()
            for n in numbers:
                index(db, f"cliente{n % CUSTOMERS}", n + 1, *texts(n))
            spent += time.process_time() - begun
    return spent


def line(n: int) -> dict[str, Any]:
    """A ticket's row."""
    open_ = n % 50 == 0
    return {
        "ticket_id": n + 1,
        "tenant_id": f"cliente{n % CUSTOMERS}",
        "site_id": "sede",
        "ref": texts(n)[0],
        "origin": "AltecMonitor",
        "audience": "customer",
        "title": {},
        "status": "new" if open_ else "closed",
        "condition": "bad" if open_ else "recovered",
        "severity": n % 3 + 1,
        "since_us": n,
        "received_us": n,
        "stored_us": n,
        "closed_us": None if open_ else n,
    }


def fill_peer(path: Path, count: int) -> float:
    """The same texts in an FTS5 table; CPU seconds of the inserts."""
    with closing(module().connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(
            "CREATE VIRTUAL TABLE found USING fts5(body, content='', prefix='2 3 4',"
            " tokenize='unicode61 remove_diacritics 2')"
        )
        db.execute(
            "CREATE TABLE place (id INTEGER PRIMARY KEY, closed INTEGER, code INTEGER,"
            " at INTEGER)"
        )
        spent = 0.0
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            db.executemany(
                "INSERT INTO place VALUES (?, ?, ?, ?)",
                [(n + 1, n % 50 != 0, n % 3 + 1, n) for n in numbers],
            )
            begun = time.process_time()
            for n in numbers:
                body = fold(" ".join(texts(n)))
                db.execute(
                    "INSERT INTO found(rowid, body) VALUES (?, ?)", (n + 1, body)
                )
            spent += time.process_time() - begun
            db.commit()
        return spent


QUERIES = (
    ("one ticket's number", texts(4_321)[0], '"{}"'),
    ("a serial number", "SN-" + texts(777)[6].split("-")[1], '"{}"'),
    ("an address", "192.0.17.", '"{}" *'),
    ("a customer's thing", "cliente77 stampante", "cliente77 stampante"),
    ("a common word", "gestionale", "gestionale"),
    ("two common words", "gestionale ordini", "gestionale ordini"),
    ("a letter", "g", "g*"),
    ("nothing", "zzz gestionale", "zzz gestionale"),
    ("common, never together", "gestionale elettronica", "gestionale elettronica"),
)


def timed(work: Callable[[], int]) -> tuple[float, int]:
    """Milliseconds of CPU and how many were found."""
    begun = time.process_time()
    found = work()
    return (time.process_time() - begun) * 1000, found


def ours(db: Connection, scope: Scope, text: str) -> int:
    """A page of the queue."""
    ids, _ = page_of_ids(db, scope, Wish(text=text), after=None, limit=100)
    return len(ids)


def peers(db: Any, match: str) -> int:
    """The same by FTS5."""
    rows = db.execute(
        "SELECT id FROM found JOIN place ON place.id = found.rowid WHERE found MATCH ?"
        " ORDER BY closed, CASE WHEN closed THEN -at ELSE code END, at LIMIT 100",
        (match,),
    )
    return len(rows.fetchall())


def main() -> None:
    """Fill both, ask both in turn, print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with TemporaryDirectory() as name:
        folder = Path(name)
        database = SqliteDatabase(folder / "desk")
        migrate(database)
        before = database.path.stat().st_size
        spent = fill(database, count)
        peer_path = folder / "peer.db"
        peer_spent = fill_peer(peer_path, count)
        with database.read() as db:
            query = "SELECT count(*) FROM ticket_word"
            kept = db.exec_driver_sql(query).scalar_one()
        print(f"{count} tickets, {kept / count:.1f} words each")
        print(
            f"write: {spent / count * 1e6:.0f} µs a ticket, "
            f"FTS5 {peer_spent / count * 1e6:.0f} µs"
        )
        with database.write() as db:
            db.exec_driver_sql("SELECT 1")
        size = sum(p.stat().st_size for p in (folder / "desk").glob("desk.db*"))
        peer_size = sum(p.stat().st_size for p in folder.glob("peer.db*"))
        print(
            f"files: {(size - before) / count:.0f} bytes a ticket with its row, "
            f"FTS5 alone {peer_size / count:.0f}"
        )
        report(database, peer_path, rounds)
        database.close()


def report(database: SqliteDatabase, peer_path: Path, rounds: int) -> None:
    """A line a query: medians, and how many were found."""
    staff, customer = Scope.of_staff(), Scope(tenant_id="cliente77")
    print(
        f"{'ms, median':26} {'desk':>8} {'FTS5':>8} {'ratio':>6} {'customer':>9} found"
    )
    worst = 0.0
    with closing(module().connect(peer_path)) as peer, database.read() as db:
        for what, text, match in QUERIES:
            times: list[tuple[float, float, float]] = []
            found = other = 0
            asked = match.format(text)
            for _ in range(rounds):
                mine, found = timed(partial(ours, db, staff, text))
                theirs, other = timed(partial(peers, peer, asked))
                narrow, _ = timed(partial(ours, db, customer, text))
                times.append((mine, theirs, narrow))
            mine, theirs, narrow = (
                statistics.median(t) for t in zip(*times, strict=True)
            )
            worst = max(worst, mine, narrow)
            print(
                f"{what:26} {mine:8.2f} {theirs:8.2f} {mine / theirs:6.1f} "
                f"{narrow:9.2f} {found} / {other}"
            )
    verdict = "reached" if worst <= GOAL_MS else "MISSED"
    print(
        f"goal: {GOAL_MS:.0f} ms for each: {verdict}, the slowest took {worst:.1f} ms"
    )


if __name__ == "__main__":
    main()
