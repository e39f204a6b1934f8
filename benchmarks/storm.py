"""A storm's openings: what the desk and the delivery cost beside bare inserts.

    python benchmarks/storm.py [OPENINGS] [ROUNDS]

So many checks of one customer fall at once. In turn in each round, CPU seconds of
this process:

- delivery: an agent's store is drained by its own delivery to a desk behind the
  desk's whole API, in this process, until all is acknowledged on both sides;
- desk: the same events go into another desk's inbox, without HTTP;
- peer: the rows that this left (inbox, incident, history, mail) are inserted into an
  empty copy of the desk's file by the plain driver, a row a call.

All three commit 200 at a time with `synchronous=FULL`. The ratios are what to look
at: seconds are those of this machine. Goal: 10,000 openings cost agent and desk
together no more than 60 s of one core.
"""

import asyncio
import platform
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from scudo_agent.clock import SystemClock
from scudo_agent.config.secret import Secret
from scudo_agent.dbfile.sqlite import module
from scudo_agent.deliver import Delivery
from scudo_agent.desk import app
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.post import Posting
from scudo_agent.instant import Instant, format_instant
from scudo_agent.judge.batch import IncidentMemory
from scudo_agent.model import Kind, State
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import Write
from scudo_agent.ticketing.desk import DeskClient
from scudo_agent.wire import Batch, Evidence, Hello, Named, PendingStage, Stage
from support.desking import Outbound, settings, site

BATCH = 200
GOAL_S = 60.0
TABLES = ("inbox", "incident", "ticket_event", "mail_outbox")


def _write(count: int, at: Instant) -> Write:
    """So many openings of one instant, as one tick of an agent commits them."""
    memories, stages = [], []
    for number in range(count):
        check = f"host-{number}/tcp"
        identity = f"0193e1c0-0000-7000-8000-{number:012x}"
        memories.append(
            IncidentMemory(
                incident=identity,
                subject=f"check:{check}",
                since=at,
                opened=at,
                severity=2,
                recovered=None,
                data={"members": [check], "first": 0},
            )
        )
        seen = Evidence(
            check=check,
            state=State.DOWN,
            since=format_instant(at),
            kind="tcp",
            endpoint="192.0.2.1:443",
            seen={"id": "it does not answer", "values": {}},
            reproduce="nc -zv 192.0.2.1 443",
        )
        stages.append(
            PendingStage(
                incident_id=identity,
                kind=Kind.OPEN,
                at=format_instant(at),
                subject_key=f"check:{check}",
                subject=Named(id=f"check:{check}", title={"en": check}),
                since=format_instant(at),
                severity=2,
                rule="S3",
                members=[seen],
            )
        )
    return Write(incidents=tuple(memories), stages=tuple(stages))


async def _delivered(folder: Path, write: Write) -> tuple[float, tuple[Stage, ...]]:
    """CPU seconds until the desk has it all, and the stages as they were sent."""
    clock = SystemClock()
    store = AgentStore.open(folder / "agent", site="acme-milano", clock=clock)
    desk = app.build(
        settings(folder), clock=clock, transport=Outbound(), rng=random.Random(1)
    )
    await desk.start(mails=False)
    key = Secret(desk.enrol_embedded(site(), key=None), reference="this script's")
    client = DeskClient(desk.address, key, transport=httpx.ASGITransport(app=desk.asgi))
    stages = await store.acommit(write)
    delivery = Delivery(store, client, clock, rng=random.Random(1))
    began = time.process_time()
    running = asyncio.create_task(delivery.run())
    while store.head()[1] < len(stages):  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.05)
    took = time.process_time() - began
    running.cancel()
    await asyncio.wait([running])
    await client.close()
    await desk.close()
    store.close()
    return took, stages


def _taken(folder: Path, stages: tuple[Stage, ...]) -> float:
    """CPU seconds of the desk's inbox alone."""
    posting = Posting(message_host="desk.example", provider_mail="noc@provider.example")
    with closing(DeskStore(folder, clock=SystemClock(), posting=posting)) as store:
        who = store.agents.enrol(Enrolment.of(site()), key_sha256="the key")
        store.agents.hello(who, _hello())
        batches = [
            (
                Batch(epoch=1, first_seq=part[0].seq, events=list(part)),
                [sha256(one.incident_id.encode()).hexdigest() for one in part],
            )
            for part in _parts(stages)
        ]
        began = time.process_time()
        for batch, hashes in batches:
            store.inbox.apply(who, batch, stream="I", hashes=hashes)
        return time.process_time() - began


def _parts(stages: tuple[Stage, ...]) -> Iterator[tuple[Stage, ...]]:
    for first in range(0, len(stages), BATCH):
        yield stages[first : first + BATCH]


def _hello() -> Hello:
    return Hello(
        epoch=None,
        store_id="bench",
        head_seq={"I": 0},
        acked_seq={"I": 0},
        wall=format_instant(SystemClock().wall()),
        mono_us=1,
        boot_id="bench",
        run_id="bench",
    )


def _inserted(desk: Path, copy: Path) -> float:
    """CPU seconds to insert the same rows by the plain driver."""
    sqlite = module()
    with closing(sqlite.connect(desk)) as source, closing(sqlite.connect(copy)) as db:
        kept = "type IN ('table', 'index') AND name NOT LIKE 'sqlite_%'"
        query = f"SELECT sql FROM sqlite_schema WHERE {kept} ORDER BY type DESC"
        for (text,) in source.execute(query).fetchall():
            if text:
                db.execute(text)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        rows = {
            name: source.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES
        }
        db.isolation_level = None
        began = time.process_time()
        for first in range(0, max(map(len, rows.values())), BATCH):
            db.execute("BEGIN IMMEDIATE")
            for name, all_ in rows.items():
                for row in all_[first : first + BATCH]:
                    places = ", ".join("?" * len(row))
                    db.execute(f"INSERT INTO {name} VALUES ({places})", row)
            db.execute("COMMIT")
        return time.process_time() - began


def main(count: int, rounds: int) -> int:
    """Print the figures; 1 when 10,000 would keep a core longer than a minute."""
    print(f"Python {platform.python_version()}, {count} openings, {rounds} rounds")
    write = _write(count, SystemClock().wall())
    figures: dict[str, list[float]] = {"delivery": [], "desk": [], "peer": []}
    for _ in range(rounds):
        with TemporaryDirectory() as name:
            folder = Path(name)
            took, stages = asyncio.run(_delivered(folder, write))
            figures["delivery"].append(took)
            figures["desk"].append(_taken(folder / "alone", stages))
            figures["peer"].append(
                _inserted(folder / "alone" / "desk.db", folder / "peer.db")
            )
    peer = statistics.median(figures["peer"])
    for name, times in figures.items():
        took = statistics.median(times)
        each = (
            f"{took / count * 1e3:6.3f} ms of CPU an opening, {count / took:6.0f} a s"
        )
        print(f"{name:9} {each}, {took / peer:5.1f} × the peer")
    all_s = statistics.median(figures["delivery"]) / count * 10_000
    print(f"10,000 delivered: {all_s:.0f} s of one core (goal {GOAL_S:.0f})")
    return int(all_s > GOAL_S)


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*words, *(10_000, 3)[len(words) :]))
