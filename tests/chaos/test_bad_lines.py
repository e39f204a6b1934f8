"""Incidents through lines that lose, repeat and delay: nothing lost, nothing twice.

Two customers' agents (their own stores and delivery, without probes) tell a real
desk through one proxy, and the desk mails through another.
"""

import math
import random
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.instant import SECOND
from support.chaos_proxy import ChaosProxy, Weather, chaos_proxy
from support.patience import busy, wait_until
from support.programs import call
from support.proof import Evidence, Letter, Verdict, judge
from support.proof_rig import Rig
from support.proxy_run import Feeder
from support.smtp_server import smtp_server

pytestmark = pytest.mark.chaos

INCIDENTS = 1_500
"""`scripts/prove proxy` runs them by the ten thousand."""
WEATHER = Weather(lost=0.20, twice=0.20, reply_lost=0.05)
PROMPT_S = 10.0
"""From an opening to its accepted mail, of 99 in 100 (`reliability.md` 5)."""
CUSTOMERS = ("acme", "beta")
LIMIT_S = 400.0


def run(
    folder: Path, incidents: int, seed: int, *, limit_s: float
) -> tuple[Verdict, ChaosProxy, ChaosProxy]:
    """Let both customers' incidents come, and judge what they left."""
    with ExitStack() as stack:
        box = stack.enter_context(smtp_server())
        post = stack.enter_context(
            chaos_proxy(box.port, speaks="smtp", seed=seed, weather=WEATHER)
        )
        rig = Rig(folder, box.taken, smtp=post.port)
        stack.enter_context(closing(rig))
        door = stack.enter_context(
            chaos_proxy(rig.desk_port, speaks="http", seed=seed + 1, weather=WEATHER)
        )
        enrol(rig)
        rig.desk.start()
        feeders = [
            stack.enter_context(
                closing(
                    Feeder(
                        folder / f"state-{customer}",
                        site=f"{customer}-milano",
                        customer=customer.upper(),
                        url=f"http://127.0.0.1:{door.port}",
                        key=(folder / f"{customer}.key").read_text().strip(),
                        counts=[incidents // len(CUSTOMERS)],
                        seed=seed + 2,
                        live=True,
                    )
                )
            )
            for customer in CUSTOMERS
        ]
        told = wait_until(lambda: all(f.over() for f in feeders), limit_s=limit_s)
        assert told, f"not told in {limit_s} s: {door.counts}\n{rig.desk.tail()}"
        sent = wait_until(lambda: not waiting(rig), limit_s=limit_s)
        assert sent, f"{waiting(rig)} mails wait: {post.counts}\n{rig.desk.tail()}"
        print(f"processor time of the desk {rig.desk.cpu_s:.1f} s")
        rig.desk.end()
        evidence = Evidence(
            agents=[feeder.db for feeder in feeders],
            desk=folder / "desk-state" / "desk.db",
            letters=[Letter.of(mail) for mail in box.taken],
            at_us=SystemClock().wall(),
            canaries={customer: customer.upper() for customer in CUSTOMERS},
        )
        return judge(evidence, repeats=post.counts["250 lost"]), door, post


def enrol(rig: Rig) -> None:
    """Both customers' sites at the desk, a key for each."""
    text = (rig.folder / "site.yaml").read_text()
    for customer in CUSTOMERS:
        site = rig.folder / f"{customer}.yaml"
        site.write_text(
            text.replace("acme", customer).replace("ACME", customer.upper())
        )
        done = call(
            *("desk", "agent", str(site), "--settings", str(rig.folder / "desk.yaml")),
            *("--key-file", str(rig.folder / f"{customer}.key")),
        )
        assert done.returncode == 0, done.stderr


def waiting(rig: Rig) -> int:
    """How many mails the desk has still to send."""
    path = rig.folder / "desk-state" / "desk.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        query = "SELECT count(*) FROM mail_outbox WHERE state = 'pending'"
        return int(db.execute(query).fetchone()[0])


def test_bad_lines_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    verdict, door, post = run(tmp_path / "rig", INCIDENTS, seed, limit_s=LIMIT_S)
    print(f"{verdict}\ndesk {dict(door.counts)}\nmail {dict(post.counts)}")
    assert not verdict.faults, verdict
    assert verdict.counts["incidents"] == INCIDENTS
    assert 0 < verdict.counts["tickets"] < INCIDENTS, "storms share a ticket"
    for name in ("lost", "twice", "reply lost"):
        assert door.counts[name], f"no request was {name}"
    assert post.counts["cut"]
    assert post.counts["250 lost"]
    # A third of the incidents come alone; half of those have a mail at their opening.
    assert len(verdict.waits_us) >= INCIDENTS // 8
    late = percentile(verdict.waits_us, 0.99) / SECOND
    print(f"{len(verdict.waits_us)} openings, mailed after {late:.1f} s at p99")
    assert late / busy() <= PROMPT_S


def percentile(values: list[int], share: float) -> int:
    """The value that so many of all do not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
