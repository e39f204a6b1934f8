"""A desk put back from yesterday's copy, with 200 incidents newer than it.

The agent (its own store and delivery, without probes) lives on meanwhile, as agents
do, and the first that the old desk hears of is a new incident.
"""

import random
import sqlite3
from contextlib import ExitStack, closing
from itertools import accumulate
from pathlib import Path
from time import monotonic

import pytest

from scudo_agent.clock import SystemClock
from support.patience import wait_until
from support.programs import call
from support.proof import Evidence, Letter, judge
from support.proof_rig import Rig
from support.proxy_run import ALONE, STORM, Feeder
from support.smtp_server import smtp_server

pytestmark = pytest.mark.chaos

YESTERDAY, NEWER, NEWS = 5, 200, 2
"""Incidents before the copy, after it, and after it was put back."""
FIRST = STORM + ALONE - YESTERDAY
"""In the copy nothing waits: what waits there leaves again, with its Message-ID."""
LIMIT_S = 120.0
"""To catch up, too (`reliability.md` 4.15)."""


def refs(folder: Path) -> dict[str, str]:
    """The number of each incident's ticket, as the agent was told."""
    path = folder / "agent.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT incident_id, ticket_ref FROM incident"))


def due(rig: Rig) -> int:
    """How many mails the desk has still to send just now: a summary comes later."""
    path = rig.folder / "desk-state" / "desk.db"
    query = "SELECT count(*) FROM mail_outbox WHERE state = 'pending' AND next_us <= ?"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return int(db.execute(query, (SystemClock().wall(),)).fetchone()[0])


def desk(rig: Rig, *words: str) -> None:
    done = call("desk", *words, "--settings", str(rig.folder / "desk.yaml"))
    assert done.returncode == 0, done.stderr


def test_the_same_numbers_no_second_mail_nothing_lost(tmp_path: Path) -> None:
    with ExitStack() as stack:
        box = stack.enter_context(smtp_server())
        rig = stack.enter_context(
            closing(Rig(tmp_path / "rig", box.taken, smtp=box.port, services=("s1",)))
        )
        rig.enrol()
        rig.desk.start()
        state = rig.state
        feeder = stack.enter_context(
            closing(
                Feeder(
                    state,
                    first=FIRST,
                    counts=list(accumulate((FIRST + YESTERDAY, NEWER, NEWS))),
                    site="acme-milano",
                    customer="ACME",
                    url=f"http://127.0.0.1:{rig.desk_port}",
                    key=(rig.folder / "agent.key").read_text().strip(),
                    seed=random.randrange(1 << 32),
                )
            )
        )

        def settled(turns: int) -> None:
            began = monotonic()
            assert wait_until(lambda: feeder.told(turns), limit_s=LIMIT_S), (
                f"not told: {rig.desk.tail()}"
            )
            told_s = monotonic() - began
            assert wait_until(lambda: not due(rig), limit_s=LIMIT_S), (
                f"{due(rig)} mails wait: {rig.desk.tail()}"
            )
            print(f"told in {told_s:.1f} s, mailed in {monotonic() - began:.1f} s")

        settled(1)
        desk(rig, "backup", "--to", str(tmp_path / "copy.db"))
        yesterday = len(box.taken)
        feeder.go_on()
        settled(2)
        before, mailed = refs(state), len(box.taken)
        rig.desk.end()
        desk(rig, "restore", "--from", str(tmp_path / "copy.db"))
        rig.desk.start()
        feeder.go_on()
        settled(3)
        rig.desk.end()

        after = refs(state)
        assert {id_: after[id_] for id_ in before} == before
        letters = [Letter.of(mail) for mail in box.taken]
        ids = [letter.message_id for letter in letters]
        again = set(ids[:mailed]) & set(ids[mailed:])
        assert not again, f"{len(again)} second mails"
        assert mailed > yesterday + ALONE, "there were mails that could come again"
        # Those between are folded into the provider's one mail by the desk's new life.
        verdict = judge(
            Evidence(
                agents=[feeder.db],
                desk=rig.folder / "desk-state" / "desk.db",
                letters=[*letters[:yesterday], *letters[mailed:]],
                at_us=SystemClock().wall(),
            )
        )
        print(f"{verdict}; {mailed} mails before, {len(letters) - mailed} after")
        assert not verdict.faults, verdict
        assert verdict.counts["incidents"] == YESTERDAY + NEWER + NEWS
