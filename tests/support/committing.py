"""A process that commits until it is killed: `committing.py FOLDER COUNT`.

Each write holds one change, one incident and one stage. A line `ack SEQ` goes out
only after the store has said that it is stored, `lost` when it said that it is
not; so what is on the pipe is what the world may rely on.
"""

import os
import sys
from concurrent.futures import Future
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scudo_agent.errors import StoreError
from scudo_agent.instant import SECOND, Instant
from scudo_agent.judge.batch import Change
from scudo_agent.model import Kind, State
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import Write
from scudo_agent.wire import Stage
from support.storing import T0, StoppedClock, memory, stage

CYCLE = (Kind.OPEN, Kind.RAISE, Kind.RECOVER, Kind.REOPEN)
GROUP = 3
"""Writes that wait together for one commit."""


def write_of(number: int) -> Write:
    """The write that comes after `number` others."""
    at = Instant(T0 + number * SECOND)
    incident = number // len(CYCLE)
    kind = CYCLE[number % len(CYCLE)]
    recovered = at if kind is Kind.RECOVER else None
    return Write(
        changes=(Change(check=f"c/{number}", state=State.DOWN, since=at, decided=at),),
        incidents=(memory(incident, recovered=recovered),),
        stages=(stage(incident, kind),),
    )


def told(future: "Future[tuple[Stage, ...]]") -> str:
    """What the store says became of one write."""
    try:
        return f"ack {future.result()[0].seq}"
    except StoreError:
        return "lost"


def main(folder: Path, count: int) -> None:
    """Commit `count` writes, from where the store stands."""
    store = AgentStore.open(folder, site="acme-milano", clock=StoppedClock())
    for _ in range(0, count, GROUP):
        head, _acked = store.head()
        futures = [store.commit(write_of(head + place)) for place in range(GROUP)]
        for future in futures:
            os.write(1, f"{told(future)}\n".encode("ascii"))
    store.close()
    os.write(1, b"end\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
