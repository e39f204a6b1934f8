"""1,500 checks of a real agent fall at once: its desk has them all in a minute."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.instant import MINUTE
from support.real_agent import RealAgent

pytestmark = pytest.mark.chaos

CHECKS = 1_500
LIMIT_S = 60.0
"""The aim for 10,000 on a machine with nothing else to do; CI's has much."""

_HEAD = """\
version: 1
site: acme-milano
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
desk: embedded
defaults: {interval: 5s, timeout: 2s, confirm: 1, recover: 1, reprobe: 5s}
targets:
"""

_LEAVE = (
    "SELECT coalesce(sent_us, next_us) AS at FROM mail_outbox"
    " WHERE state != 'folded' ORDER BY at"
)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RealAgent]:
    made = RealAgent(tmp_path)
    about = (
        f"{{address: 127.0.0.1, checks: {{tcp: {{tcp: {{port: {made.erp.number}}}}}}}}}"
    )
    targets = [f"  h{number}: {about}\n" for number in range(CHECKS)]
    made.site.write_text(_HEAD + "".join(targets))
    yield made
    made.close()


def _asked(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def test_all_are_at_the_desk_in_three_tickets(agent: RealAgent) -> None:
    own, desk = agent.state / "agent.db", agent.state / "desk.db"
    agent.start(wait=False)
    agent.until(lambda: agent.status() is not None, "it answers", limit_s=LIMIT_S)

    def up() -> bool:
        query = "SELECT count(*) FROM check_state WHERE state = 'up'"
        return _asked(own, query) == [(CHECKS,)]

    agent.until(up, "every check is up", limit_s=LIMIT_S)
    agent.erp.close()

    def told() -> bool:
        heads = "SELECT head_seq, acked_seq FROM stream_head WHERE stream = 'I'"
        return _asked(own, heads) == [(CHECKS, CHECKS)]

    agent.until(told, "every opening is acknowledged", limit_s=LIMIT_S)
    assert agent.end() == 0
    counted = "SELECT count(*), count(DISTINCT incident_id) FROM {}"
    assert _asked(desk, counted.format("incident")) == [(CHECKS, CHECKS)]
    ((tickets,),) = _asked(desk, "SELECT count(*) FROM ticket")
    assert tickets == 3
    dates = [at for (at,) in _asked(desk, _LEAVE)]
    spans = [last - first for first, last in zip(dates, dates[3:], strict=False)]
    assert len(dates) >= 3
    assert all(span >= 10 * MINUTE for span in spans)
    assert _asked(desk, counted.format("mail_outbox")) == [(CHECKS, CHECKS)]
