"""Two real agents of one site: one is killed in an outage that both see (N9, A1)."""

import json
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scudo_agent.cli.control import ask
from scudo_agent.contract.exact import loads
from support.ledgers import merged_down_us
from support.patience import patient, wait_until
from support.programs import call
from support.proof import judge
from support.proof_rig import LIMIT_S, Process, Rig
from support.remote_desk import get
from support.smtp_server import smtp_server

pytestmark = pytest.mark.chaos

CUSTOMER = "it@acme.example"


class PairRig(Rig):
    """A site with a second agent: the same file, another machine's folder."""

    def second(self) -> Process:
        """Enrol it while the desk runs, and start it."""
        self.other = self.folder / "second"
        self.other.mkdir()
        shutil.copy(self.folder / "site.yaml", self.other)
        done = call(
            *("desk", "agent", str(self.folder / "site.yaml"), "--second"),
            *("--settings", str(self.folder / "desk.yaml")),
            *("--key-file", str(self.other / "agent.key")),
        )
        assert done.returncode == 0, done.stderr
        assert "acme/acme-milano/2" in done.stdout
        words = ["run", str(self.other / "site.yaml"), "--metrics", "127.0.0.1:0"]
        state = ["--state", str(self.other / "state")]
        agent = Process("second", self.other, [*words, *state], self._other_answers)
        agent.start()
        assert wait_until(self._other_up, limit_s=LIMIT_S), agent.tail()
        return agent

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the desk's database says."""
        path = self.folder / "desk-state" / "desk.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()

    def subjects(self) -> list[str]:
        """What the customer was mailed."""
        return [str(m["Subject"]) for m in self.taken if m["To"] == CUSTOMER]

    def stores(self) -> list[Path]:
        """Of both agents."""
        return [folder / "state" / "agent.db" for folder in (self.folder, self.other)]

    def _status(self) -> dict[str, object] | None:
        try:
            said = json.loads((self.other / "state" / "agent.json").read_text())
        except (OSError, ValueError):
            return None
        found: dict[str, object] | None = get(f"{said['metrics']}/status")
        return found

    def _other_answers(self) -> bool:
        return self._status() is not None

    def _other_up(self) -> bool:
        checks = (self._status() or {}).get("checks", ())
        assert isinstance(checks, list | tuple)
        return {check["state"] for check in checks} == {"up"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[PairRig]:
    with ExitStack() as stack:
        box = stack.enter_context(smtp_server())
        made = PairRig(tmp_path, box.taken, smtp=box.port, services=("s1",))
        yield stack.enter_context(closing(made))


def test_the_ticket_outlives_an_agent_and_its_seconds_count_once(
    rig: PairRig, tmp_path: Path
) -> None:
    rig.start()
    with closing(rig.second()) as second:
        fault(rig)
        assert rig.agent.running is not None
        rig.agent.running.send_signal(signal.SIGKILL)
        rig.agent.running.wait(patient(LIMIT_S))
        over_by_the_other(rig, second)
        back(rig, second)
        down_us = stated_down_us(rig, tmp_path)
        rig.agent.end()
        second.end()
    rig.desk.end()
    assert down_us == merged_down_us(rig.stores(), "s1") > 0
    evidence = replace(rig.evidence(), agents=rig.stores())
    verdict = judge(evidence)
    assert not verdict.faults, verdict
    assert verdict.counts["incidents"] == 2
    torn = tmp_path / "torn.db"
    shutil.copy(evidence.desk, torn)
    with closing(sqlite3.connect(torn)) as db:
        db.execute("UPDATE incident SET ticket_id = 99 WHERE agent_id LIKE '%/2'")
        db.commit()
    assert "I1" in judge(replace(evidence, desk=torn)).red


def fault(rig: PairRig) -> None:
    """Both see it; one ticket, one mail of each stage."""
    rig.do("s1", "open")
    seen = "SELECT DISTINCT agent_id, ticket_id FROM incident WHERE severity = {}"
    both = wait_until(lambda: len(rig.rows(seen.format(2))) == 2, limit_s=LIMIT_S)
    assert both, rig.told()
    rig.do("s1", "raise")
    both = wait_until(lambda: len(rig.rows(seen.format(1))) == 2, limit_s=LIMIT_S)
    assert both, rig.told()
    assert len({ticket for _, ticket in rig.rows(seen.format(1))}) == 1
    assert wait_until(rig.drained, limit_s=LIMIT_S), rig.told()
    assert (rig.count("open"), rig.count("raise")) == (1, 1), rig.subjects()


def over_by_the_other(rig: PairRig, second: Process) -> None:
    """The dead one is taken off the list at once, instead of after 90 s."""
    rig.do("s1", "recover")
    ends = "SELECT 1 FROM incident WHERE condition = 'recovered'"
    assert wait_until(lambda: bool(rig.rows(ends)), limit_s=LIMIT_S), second.tail()
    done = call(
        *("desk", "revoke", "acme/acme-milano/1"),
        *("--settings", str(rig.folder / "desk.yaml")),
    )
    assert done.returncode == 0, done.stderr
    told = wait_until(lambda: rig.count("over") == 1, limit_s=LIMIT_S)
    assert told, rig.told()
    assert rig.rows("SELECT condition FROM ticket") == [("recovered",)]


def back(rig: PairRig, second: Process) -> None:
    """It is let in again and ends its incident; nobody hears of that twice."""
    before = rig.subjects()
    assert len(before) == 3
    rig.enrol()
    rig.agent.start()
    still = "SELECT 1 FROM incident WHERE condition = 'bad' AND audience = 'customer'"
    over = wait_until(lambda: not rig.rows(still), limit_s=LIMIT_S)
    assert over, rig.agent.tail()
    assert wait_until(rig.drained, limit_s=LIMIT_S), rig.told()
    assert rig.subjects() == before
    assert rig.rows("SELECT condition FROM ticket") == [("recovered",)]


def stated_down_us(rig: PairRig, tmp_path: Path) -> int:
    """The desk's statement, once it has both ledgers up to their last entries."""
    waiting = "SELECT count(*) FROM ledger_outbox WHERE acked_us IS NULL"

    def whole() -> bool:
        for store in rig.stores():
            with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
                if db.execute(waiting).fetchone() != (0,):
                    return False
        for store in rig.stores():
            ask(store.parent, {"do": "greet"})
        # A greeting later the desk knows that nothing is missing.
        marks = "SELECT min(whole_us) FROM ledger_mark"
        ends = "SELECT max(since_us) FROM ledger"
        (mark,), (end,) = rig.rows(marks)[0], rig.rows(ends)[0]
        return isinstance(mark, int) and isinstance(end, int) and mark > end

    assert wait_until(whole, limit_s=2 * LIMIT_S), rig.told()
    site, out = ("--site", str(rig.folder / "site.yaml")), tmp_path / "stated.json"
    ((at,),) = rig.rows("SELECT max(since_us) FROM ledger")
    assert isinstance(at, int)
    month = datetime.fromtimestamp(at // 1_000_000, ZoneInfo("Europe/Rome"))
    done = call("statement", *site, "--month", f"{month:%Y-%m}", "--json", str(out))
    assert done.returncode == 0, done.stderr
    seconds = loads(out.read_bytes())["figures"][0]["month"]["seconds"]
    return int(seconds["down"] * 1_000_000)
