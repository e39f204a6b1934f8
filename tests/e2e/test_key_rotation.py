"""An agent and a desk as two processes: a key that is a week old is replaced by both,
while an incident is told, and a kill right behind it loses neither."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path

import pytest

from scudo_agent.dbfile.sqlite import module
from scudo_agent.instant import DAY
from support.patience import wait_until
from support.proof_rig import Rig
from support.smtp_server import smtp_server

LIMIT_S = 60.0


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        box = stack.enter_context(smtp_server())
        made = Rig(tmp_path / "rig", box.taken, smtp=box.port, services=("s1",))
        yield stack.enter_context(closing(made))


def key(rig: Rig) -> str:
    """The key in the agent's file."""
    return (rig.folder / "agent.key").read_text().strip()


def held(rig: Rig) -> str:
    """The hash of the key that the desk holds for the agent's."""
    path = rig.folder / "desk-state" / "desk.db"
    with closing(module().connect(f"file:{path}?mode=ro", uri=True)) as db:
        return str(db.execute("SELECT key_sha256 FROM agent").fetchone()[0])


def a_week_later(rig: Rig) -> None:
    """The key is from eight days ago; nobody has the database open."""
    path = rig.folder / "desk-state" / "desk.db"
    with closing(module().connect(str(path))) as db:
        db.execute(f"UPDATE agent SET key_us = key_us - {8 * DAY}")
        db.commit()


def test_an_old_key_is_renewed_while_incidents_go_on(rig: Rig) -> None:
    rig.enrol()
    a_week_later(rig)
    old = key(rig)
    assert held(rig) == sha256(old.encode()).hexdigest()
    rig.desk.start()
    rig.agent.start()
    assert wait_until(lambda: key(rig) != old, limit_s=LIMIT_S), rig.agent.tail()
    rig.do("s1", "open")
    new = sha256(key(rig).encode()).hexdigest()
    assert wait_until(lambda: held(rig) == new, limit_s=LIMIT_S), rig.desk.tail()
    assert wait_until(lambda: rig.count("open") == 1, limit_s=LIMIT_S), rig.told()
    rig.agent.kill()
    rig.agent.close()
    rig.agent.start()
    rig.do("s1", "recover")
    assert wait_until(lambda: rig.count("recover") == 1, limit_s=LIMIT_S), rig.told()
    assert held(rig) == new, "it is not renewed again"
    verdict = rig.verdict()
    assert not verdict.faults, str(verdict)
    assert old not in rig.agent.tail() + rig.desk.tail()
