"""72 hours offline, then a thin line: what waits is told in time, and a new incident.

The agent's own code lives the three days on a simulated clock into a real store
(`support.offline`); then a real agent and a real desk meet over 10 Mbit/s.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from scudo_agent.clock import SystemClock
from support.chaos_proxy import RATE, ChaosProxy, chaos_proxy
from support.offline import Life, in_memory, live
from support.patience import wait_until
from support.proof import Verdict, judge
from support.proof_rig import Rig
from support.real_agent import Port
from support.smtp_server import smtp_server

pytestmark = pytest.mark.chaos

SHORT = Life(checks=100, outages=5, interval_s=1_800, alive_s=600)
"""CI's; the long form (`scripts/prove offline`) asks ten times as many as often as
agents do, and writes each sign of life."""
WHOLE = Life(checks=1_000, outages=1, interval_s=60)

SPOOL_BYTES = 200_000_000
LIMITS_S = {"incidents": 30.0, "ledger": 300.0, "a new incident": 15.0}
"""From the first connection (of a new incident: from its failure) to the desk.

On a machine with more to do than it has cores that is no measure of the programs:
then what counts is the processor's time of both and the line's, one after the other.
"""
LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Took:
    """How long something took by the clock, and what the programs and the line need."""

    wall_s: float
    cpu_s: float
    line_s: float

    def within(self, limit_s: float, busy: float) -> bool:
        """Whether it was in time; `busy` is the load a core."""
        worked_s = self.cpu_s + self.line_s if busy > 1 else self.wall_s
        return min(self.wall_s, worked_s) <= limit_s

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s (cpu {self.cpu_s:.1f} s, line {self.line_s:.1f} s)"


class Meter:
    """Reads clock, processor and line."""

    def __init__(self, rig: Rig, line: ChaosProxy) -> None:
        self._rig = rig
        self._line = line
        self._began = self._read()

    def _read(self) -> tuple[float, float, float]:
        cpu_s = self._rig.agent.cpu_s + self._rig.desk.cpu_s
        most = max(self._line.counts["bytes up"], self._line.counts["bytes down"])
        return monotonic(), cpu_s, most / RATE

    def took(self) -> Took:
        """Since it was made."""
        pairs = zip(self._read(), self._began, strict=True)
        return Took(*(now - then for now, then in pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """What a drain took; `busy` is the load a core."""

    verdict: Verdict
    spool: int
    took: dict[str, Took]
    busy: float

    def __str__(self) -> str:
        times = ", ".join(f"{name} {took}" for name, took in self.took.items())
        return (
            f"{self.verdict}; spool {self.spool / 1e6:.1f} MB, {times},"
            f" load a core {self.busy:.1f}"
        )

    def check(self, life: Life) -> None:
        """Everything is there, and was in time."""
        assert not self.verdict.faults, str(self)
        # Besides the new one, that of the desk which did not answer.
        assert self.verdict.counts["incidents"] == life.incidents + 2, str(self)
        assert self.spool <= SPOOL_BYTES, str(self)
        for name, limit_s in LIMITS_S.items():
            assert self.took[name].within(limit_s, self.busy), f"{name}: {self}"


def waiting(store: Path, table: str) -> int:
    query = f"SELECT count(*) FROM {table} WHERE acked_us IS NULL"
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        return int(db.execute(query).fetchone()[0])


def at_the_desk(path: Path, since_us: int) -> bool:
    query = (
        "SELECT count(*) FROM incident"
        " WHERE subject_key = 'service:s0' AND opened_us >= ?"
    )
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return bool(db.execute(query, (since_us,)).fetchone()[0])


def drained(rig: Rig) -> bool:
    """Whether no mail is due."""
    path = rig.folder / "desk-state" / "desk.db"
    query = "SELECT count(*) FROM mail_outbox WHERE state = 'pending' AND next_us <= ?"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return not db.execute(query, (SystemClock().wall(),)).fetchone()[0]


def drain(life: Life, folder: Path) -> Drain:
    """Live it, then let both meet."""
    with ExitStack() as stack:
        box = stack.enter_context(smtp_server())
        rig = Rig(folder, box.taken, smtp=box.port, services=("s0",))
        stack.enter_context(closing(rig))
        line = stack.enter_context(chaos_proxy(rig.desk_port, speaks="line", seed=0))
        all_, first = stack.enter_context(closing(Port())), rig.ports["s0a"]
        site = folder / "site.yaml"
        site.write_text(life.site(desk=line.port, port=all_.number))
        rig.enrol()
        live(life, site, rig.state)
        site.write_text(life.site(desk=line.port, port=all_.number, other=first.number))
        store = rig.state / "agent.db"
        spool = sum(file.stat().st_size for file in rig.state.glob("agent.db*"))
        assert waiting(store, "outbox") >= 2 * life.incidents
        rig.desk.start()
        rig.agent.start()
        assert wait_until(lambda: line.counts["connections"] > 0, limit_s=LIMIT_S)
        meter, failed_us = Meter(rig, line), SystemClock().wall()
        first.close()
        took: dict[str, Took] = {}
        desk = folder / "desk-state" / "desk.db"
        over: dict[str, Callable[[], bool]] = {
            "incidents": lambda: not waiting(store, "outbox"),
            "ledger": lambda: not waiting(store, "ledger_outbox"),
            "a new incident": lambda: at_the_desk(desk, failed_us),
        }

        def told() -> bool:
            for name, holds in over.items():
                if name not in took and holds():
                    took[name] = meter.took()
            return len(took) == len(over)

        assert wait_until(told, limit_s=LIMIT_S), f"{took}\n{rig.agent.tail()}"
        busy = os.getloadavg()[0] / (os.cpu_count() or 1)
        assert wait_until(lambda: drained(rig), limit_s=LIMIT_S), rig.desk.tail()
        rig.agent.end()
        rig.desk.end()
        return Drain(verdict=judge(rig.evidence()), spool=spool, took=took, busy=busy)


def test_three_days_offline_are_told_in_time(tmp_path: Path) -> None:
    with in_memory() as folder:
        drained = drain(SHORT, folder / "rig")
    print(drained)
    drained.check(SHORT)
