"""Many incidents through bad lines: agents' own stores and delivery, a real desk.

Run as a program, `proxy_run.py JSON` is one agent without its probes: it commits
incidents to its store, as its pipeline does, while its delivery tells the desk. It
says `told` when the desk has them; with a list of counts it goes on up to each at a
line from its standard input. With `live`, storms and incidents that come alone are
mixed, and every second of those goes on only when its opening was told, which so has
a mail of its own.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import pairwise
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


LAG = 2 * WAITING // AT_ONCE
"""So many commits later a live incident goes on: its opening has been told by then."""


def _mixed(number: int) -> int:
    """Which incident of its block comes at this place: two of the storm, one alone."""
    block, place = divmod(number, STORM + ALONE)
    third, rest = divmod(place, 3)
    which = STORM + third if rest == 2 else 2 * third + rest
    return block * (STORM + ALONE) + which


def _writes(
    number: int, opened: Instant, customer: str, *, live: bool
) -> tuple[Write, Write | None]:
    """One incident's life: what is committed now, and what later."""
    place = number % (STORM + ALONE)
    short = place < STORM or (live and place % 5)
    whole = _write(number, opened, customer, SHORT if short else LIFE)
    if not live or place < STORM or place % 2:
        return whole, None
    (memory,), stages = whole.incidents, whole.stages
    begun = replace(memory, recovered=None, severity=stages[0].severity)
    return Write(incidents=(begun,), stages=stages[:1]), replace(
        whole, stages=stages[1:]
    )


def _write(
    number: int, opened: Instant, customer: str, life: tuple[Kind, ...]
) -> Write:
    """All the stages of one incident's life, as they wait after a line was down."""
    own = sha256(customer.encode()).hexdigest()
    id_ = f"{own[:8]}-{own[8:12]}-7{own[12:15]}-8000-{number:012x}"
    key = f"service:s{number}"
    stages = []
    at = opened
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
    now, counts, live = clock.wall(), said["counts"], said.get("live", False)
    read = partial(asyncio.get_running_loop().run_in_executor, None, sys.stdin.readline)
    for begin, end in pairwise([said["first"], *counts]):
        if begin > said["first"]:
            await read()
        later: deque[list[Write]] = deque()
        for first in range(begin, end, AT_ONCE):
            chunk = range(first, min(first + AT_ONCE, end))
            writes = [
                _writes(n, _opened(n, counts[-1], now), said["customer"], live=live)
                for n in map(_mixed if live else int, chunk)
            ]
            later.append([rest for _, rest in writes if rest is not None])
            now_too = later.popleft() if len(later) > LAG else []
            await _commit(store, [first for first, _ in writes] + now_too)
            delivery.wake()
            await _until_waiting(store, WAITING)
        while later:
            await _until_waiting(store, 0 if len(later) == LAG else WAITING)
            await _commit(store, later.popleft())
            delivery.wake()
        await _until_waiting(store, 0)
        print("told", flush=True)
    running.cancel()
    await asyncio.wait([running])
    await client.close()
    store.close()


async def _commit(store: AgentStore, writes: list[Write]) -> None:
    for done in [store.commit(one) for one in writes]:
        await wait(done)


async def _until_waiting(store: AgentStore, most: int) -> None:
    while (marks := store.head())[0] - marks[1] > most:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.01)


class Feeder:
    """One such agent as a process: incidents from `first` up to each of `counts`."""

    def __init__(
        self, folder: Path, *, counts: Sequence[int], first: int = 0, **said: Any
    ) -> None:
        self.db = folder / "agent.db"
        self.log = folder.parent / f"{folder.name}.log"
        self._said = folder.parent / f"{folder.name}.said"
        document = {"folder": str(folder), "counts": counts, "first": first, **said}
        with self.log.open("wb") as log, self._said.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, __file__, json.dumps(document)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=log,
                env={**os.environ},
            )

    def go_on(self) -> None:
        """Commit up to the next count."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def told(self, times: int) -> bool:
        """Whether the desk has what belongs to so many counts."""
        assert self._process.poll() in (None, 0), self.log.read_text()[-3000:]
        return self._said.read_bytes().count(b"told") >= times

    def over(self) -> bool:
        """Whether all is told; fails if the process failed."""
        code = self._process.poll()
        assert code in (None, 0), self.log.read_text()[-3000:]
        return code == 0

    def close(self) -> None:
        """End it if a failed test left it running."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


if __name__ == "__main__":
    asyncio.run(_live(json.loads(sys.argv[1])))
