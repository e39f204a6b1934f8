"""A service that goes up and down all the time, with `confirm: 1, recover: 1`.

A real agent, a real desk, a mail server: one ticket, which becomes unstable; six
mails at most, and every transition kept.
"""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from support.patience import wait_until
from support.proof_rig import LIMIT_S, Rig
from support.smtp_server import smtp_server

pytestmark = pytest.mark.chaos

TIMES = 6
"""Outages: the third re-opening makes the ticket unstable, two more come after it."""
MAILS = 6
"""A day, of one ticket (`domain.md` 5)."""


def asked(path: Path, query: str) -> tuple[int, ...]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return tuple(db.execute(query).fetchone())


def test_a_flapping_service_is_one_unstable_ticket_and_six_mails_at_most(
    tmp_path: Path,
) -> None:
    with (
        smtp_server() as box,
        closing(
            Rig(tmp_path / "rig", box.taken, smtp=box.port, services=("s1",))
        ) as rig,
    ):
        rig.start()
        store, desk = rig.state / "agent.db", rig.folder / "desk-state" / "desk.db"

        def told(number: int) -> bool:
            query = "SELECT count(*) FROM outbox WHERE acked_us IS NOT NULL"
            return asked(store, query)[0] >= number

        for number in range(2 * TIMES):
            rig.do("s1", "recover" if number % 2 else "open")
            came = wait_until(partial(told, number + 1), limit_s=LIMIT_S)
            assert came, f"{number}: {rig.told()}\n{rig.agent.tail()}"
        due = (
            "SELECT count(*) FROM mail_outbox WHERE state = 'pending'"
            " AND next_us <= strftime('%s') * 1000000"
        )
        assert wait_until(lambda: asked(desk, due) == (0,), limit_s=LIMIT_S)
        verdict = rig.verdict()
        assert not verdict.faults, verdict
        print(verdict)
        assert (verdict.counts["incidents"], verdict.counts["tickets"]) == (1, 1)
        assert verdict.counts["stages"] == 2 * TIMES, "every transition is kept"
        assert verdict.counts["letters"] <= MAILS
        assert verdict.counts["deferred"] == 1, "one summary tells the rest"
        assert asked(desk, "SELECT unstable_us IS NOT NULL FROM ticket") == (1,)
