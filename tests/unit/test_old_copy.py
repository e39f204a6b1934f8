"""A desk put back from a copy older than agents keep what it acknowledged (D3)."""

import asyncio
import shutil
from contextlib import closing
from pathlib import Path

from scudo_agent.dbfile.sqlite import module
from scudo_agent.model import Kind, State
from scudo_agent.store import ledger
from support.both import Both
from support.ledgers import change, commit
from support.storing import incident_id

DAY_S = 86_400


def test_what_agents_keep_no_longer_is_a_gap_and_the_rest_is_told(
    tmp_path: Path,
) -> None:
    async def scene(it: Both) -> None:
        commit(it.store, change("a/1", State.UP, 0))
        it.tell(1)
        it.tell(1, Kind.RECOVER)
        await it.settled()
        shutil.copytree(tmp_path / "desk", tmp_path / "copy")
        it.tell(2)
        it.tell(3)
        it.tell(3, Kind.RECOVER)
        it.tell(4)
        commit(it.store, change("a/1", State.DOWN, 3_000))
        await it.settled()
        it.clock.forward(36 * DAY_S)
        assert it.store.house_keep().result() == (2, 4)
        it.tell(5)
        await it.settled()
        before, sent = it.refs(), len(it.mails.mails)
        assert before.keys() == {incident_id(n) for n in (1, 2, 3, 4, 5)}

        shutil.rmtree(tmp_path / "desk")
        shutil.copytree(tmp_path / "copy", tmp_path / "desk")
        await it.settled()

        # Open ones are whole, from their openings on; a closed one is no more.
        told = {incident_id(n): before[incident_id(n)] for n in (1, 2, 4, 5)}
        assert it.refs() == told
        gaps = "SELECT seq, gap_reason FROM inbox WHERE gap_reason IS NOT NULL"
        assert [seq for seq, _ in it.rows(gaps)] == [4, 5]
        assert it.rows("SELECT count(*) FROM held_stage") == [(0,)]
        # No customer is told twice; the provider is told what is lost.
        again = it.mails.mails[sent:]
        assert {to for to, _ in again} == {"noc@provider.example"}
        assert any("perduti" in mail.decode() for _, mail in again)

    it = Both(tmp_path)
    try:
        asyncio.run(scene(it))
    finally:
        it.store.close()


def test_a_ledger_whose_first_rows_are_gone_goes_on_from_the_next(
    tmp_path: Path,
) -> None:
    async def scene(it: Both) -> None:
        for second in range(4):
            state = State.DOWN if second % 2 else State.UP
            commit(it.store, change("a/1", state, second * 60))
        rows = it.store.rows(ledger.STREAM, 10)
        assert len(rows) == 4
        it.store.acknowledge(ledger.STREAM, 2, {}).result()
        with closing(module().connect(tmp_path / "agent" / "agent.db")) as db:
            db.execute("DELETE FROM ledger_outbox WHERE seq <= 2")
            db.commit()
        await it.settled()
        found = it.rows("SELECT seq, service, sha256 FROM ledger ORDER BY seq")
        assert [(seq, service) for seq, service, _ in found] == [
            (1, None),
            (2, None),
            (3, "erp"),
            (4, "erp"),
        ]
        assert found[1][2] == rows[1].sha256
        kinds = it.rows("SELECT kind FROM security_event")
        assert ("ledger_chain_broken",) not in kinds

    it = Both(tmp_path)
    try:
        asyncio.run(scene(it))
    finally:
        it.store.close()
