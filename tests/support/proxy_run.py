"""Many incidents through bad lines: agents' own stores and delivery, a real desk.

Run as a program, `proxy_run.py JSON` is one agent without its probes: it commits
incidents to its store, as its pipeline does, while its delivery tells the desk.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from scudo_agent.clock import SystemClock
from scudo_agent.config.secret import Secret
from scudo_agent.deliver import Delivery
from scudo_agent.instant import MINUTE, SECOND, Instant, format_instant
from scudo_agent.judge.batch import IncidentMemory
from scudo_agent.model import Kind, State
from scudo_agent.store.agent_store import AgentStore, wait
from scudo_agent.store.values import Write
from scudo_agent.ticketing.desk import DeskClient
from scudo_agent.wire import Evidence, Named, Outage, PendingStage

LIFE = (Kind.OPEN, Kind.RAISE, Kind.RECOVER, Kind.REOPEN, Kind.RECOVER)
"""Of an incident that comes alone; one of a storm only opens and recovers."""

SHORT = (Kind.OPEN, Kind.RECOVER)
AT_ONCE = 5
"""Incidents of one commit."""

STORM, ALONE = 100, 50
"""So many incidents come in one storm, then so many each by itself."""

WAITING = 40
"""No more is committed while so many events wait: else few requests would do."""


def _opened(number: int, count: int, now: Instant) -> Instant:
    """When an incident opened: long ago, alone or in a storm.

    Those of a storm are 100 ms apart; storms and single ones are 30 min apart.
    """
    block, place = divmod(number, STORM + ALONE)
    slots = (count // (STORM + ALONE) + 1) * (ALONE + 1)
    slot = block * (ALONE + 1) + max(place - STORM + 1, 0)
    since = now - (slots - slot + 2) * 30 * MINUTE
    return Instant(since + (place * SECOND // 10 if place < STORM else 0))


def _write(number: int, opened: Instant, customer: str) -> Write:
    """All the stages of one incident's life, as they wait after a line was down."""
    own = sha256(customer.encode()).hexdigest()
    id_ = f"{own[:8]}-{own[8:12]}-7{own[12:15]}-8000-{number:012x}"
    key = f"service:s{number}"
    stages = []
    at = opened
    life = SHORT if number % (STORM + ALONE) < STORM else LIFE
    for kind in life:
        member = Evidence(
            check=f"t{number}/tcp",
            state=State.UP if kind is Kind.RECOVER else State.DOWN,
            since=format_instant(at),
            kind="tcp",
            endpoint="192.0.2.1:443",
        )
        outage = None
        if kind is Kind.RECOVER:
            outage = Outage(
                since=format_instant(opened),
                until=format_instant(at),
                down_us=at - opened,
                degraded_us=0,
                unknown_us=0,
            )
        stages.append(
            PendingStage(
                incident_id=id_,
                kind=kind,
                at=format_instant(at),
                subject_key=key,
                subject=Named(id=key[8:], title={"it": f"{customer} {number}"}),
                since=format_instant(opened),
                severity=2 if kind is Kind.OPEN else 1,
                rule="S2" if kind is Kind.OPEN else "S1",
                members=[member],
                outage=outage,
            )
        )
        at = Instant(at + MINUTE)
    memory = IncidentMemory(
        incident=id_,
        subject=key,
        since=opened,
        opened=opened,
        severity=2 if life is SHORT else 1,
        recovered=Instant(opened + (len(life) - 1) * MINUTE),
        data={"members": [f"t{number}/tcp"], "first": 0},
    )
    return Write(incidents=(memory,), stages=tuple(stages))


async def _live(said: dict[str, Any]) -> None:
    clock, rng = SystemClock(), random.Random(said["seed"])
    store = AgentStore.open(Path(said["folder"]), site=said["site"], clock=clock)
    client = DeskClient(said["url"], Secret(said["key"], reference="the test's"))
    delivery = Delivery(store, client, clock, rng=rng)
    running = asyncio.create_task(delivery.run())
    now, count = clock.wall(), said["count"]
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        writes = [_write(n, _opened(n, count, now), said["customer"]) for n in numbers]
        for done in [store.commit(one) for one in writes]:
            await wait(done)
        delivery.wake()
        await _until_waiting(store, WAITING)
    await _until_waiting(store, 0)
    running.cancel()
    await asyncio.wait([running])
    await client.close()
    store.close()


async def _until_waiting(store: AgentStore, most: int) -> None:
    while (marks := store.head())[0] - marks[1] > most:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.01)


class Feeder:
    """One such agent as a process."""

    def __init__(self, folder: Path, **said: Any) -> None:
        self.db = folder / "agent.db"
        self._log = (folder.parent / f"{folder.name}.log").open("wb")
        document = {"folder": str(folder), **said}
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(document)],
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            env={**os.environ},
        )
        self.log = Path(self._log.name)

    def over(self) -> bool:
        """Whether all is told; fails if the process failed."""
        code = self._process.poll()
        assert code in (None, 0), self.log.read_text()[-3000:]
        return code == 0

    def close(self) -> None:
        """End it if a failed test left it running."""
        self._log.close()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


if __name__ == "__main__":
    asyncio.run(_live(json.loads(sys.argv[1])))
