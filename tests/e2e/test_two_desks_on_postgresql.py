"""Two desk processes on one PostgreSQL: one ticket an incident, each mail once.

Every batch of every agent goes to both desks at the same moment, as after a reply that
was lost; the server is killed and comes back in between.
"""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.desk.auth import fingerprint, new_key
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.post import Posting
from scudo_agent.instant import SECOND, Instant, format_instant
from support.desking import site, stage
from support.on_postgresql import cluster as cluster
from support.patience import patient, wait_until
from support.postgres import Cluster
from support.programs import Program
from support.smtp_server import Box, smtp_server

AGENTS = 8
LIMIT_S = 60.0
SETTINGS = """\
listen: {{port: 0}}
provider: {{name: AltecMonitor, mail: noc@provider.example}}
mail:
  from: desk@provider.example
  smtp: {{host: 127.0.0.1, port: {smtp}, tls: none}}
state: {name}
database: {database}
database_password: file:password
"""


class Desks:
    """Both desks, and what was asked of them."""

    def __init__(self, folder: Path, cluster: Cluster, stack: ExitStack) -> None:
        self.cluster = cluster
        self.name = cluster.migrated(folder / "template")
        self.box: Box = stack.enter_context(smtp_server())
        (folder / "password").write_text(cluster.password.reveal())
        self.keys = self._enrolled(folder / "enrolling")
        self.urls = [self._started(folder, name, stack) for name in ("one", "two")]
        self._both = stack.enter_context(ThreadPoolExecutor(2 * AGENTS))

    def _enrolled(self, folder: Path) -> list[str]:
        posting = Posting(message_host="desk.example", provider_mail="noc@desk.example")
        server = self.cluster.server(self.name)
        store = DeskStore(folder, clock=SystemClock(), posting=posting, server=server)
        keys = [new_key() for _ in range(AGENTS)]
        with closing(store):
            for number, key in enumerate(keys):
                named = site(f"c{number}", f"c{number}-milano")
                store.agents.enrol(Enrolment.of(named), key_sha256=fingerprint(key))
        return keys

    def _started(self, folder: Path, name: str, stack: ExitStack) -> str:
        path = folder / f"{name}.yaml"
        database = self.cluster.url(self.name)
        path.write_text(
            SETTINGS.format(name=name, smtp=self.box.port, database=database)
        )
        desk = stack.enter_context(closing(Program("desk", "--settings", str(path))))
        line = desk.until(lambda one: one.startswith("listens"), limit_s=LIMIT_S)
        stack.callback(lambda: desk.end(signal.SIGTERM))
        return line.split()[1]

    def ask(self, url: str, path: str, key: str, body: Any) -> Any:
        """Ask until there is an answer: a server that restarts is 503 meanwhile."""
        headers = {"Authorization": f"Bearer {key}"}
        deadline = time.monotonic() + patient(LIMIT_S)
        while True:
            reply = httpx.post(
                f"{url}/v1/agents/self/{path}",
                json=body,
                headers=headers,
                timeout=LIMIT_S,
                trust_env=False,
            )
            if reply.status_code == 200:
                return reply.json()
            assert reply.status_code == 503, reply.text
            assert reply.headers["Retry-After"]
            assert time.monotonic() < deadline, reply.text

    def tell(self, seq: int, kind: str) -> None:
        """Every agent's next stage to both desks at once; both say the same."""
        at = SystemClock().wall()
        asked = []
        for number, key in enumerate(self.keys):
            body = {
                "epoch": 1,
                "first_seq": seq,
                "events": [told(number, seq, kind, at)],
            }
            asked += [
                self._both.submit(self.ask, url, "streams/I/events", key, body)
                for url in self.urls
            ]
        said = [one.result(LIMIT_S) for one in asked]
        assert said[::2] == said[1::2]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        with self.cluster.admin(self.name) as db:
            return db.execute(query).fetchall()

    def drained(self) -> bool:
        """Whether no mail waits."""
        return self.rows("SELECT FROM mail_outbox WHERE state = 'pending'") == []


def told(number: int, seq: int, kind: str, at: Instant) -> dict[str, Any]:
    """A stage of the agent's one incident, now."""
    begun = format_instant(Instant(at - 30 * SECOND))
    changes: dict[str, Any] = {
        "incident_id": f"0193e1c0-0000-7000-8000-{number:012d}",
        "at": format_instant(at),
        "since": begun,
        "severity": 1 if kind == "raise" else 2,
    }
    one = stage(seq, seq, kind, **changes)
    if one.outage is not None:
        spans = {"since": begun, "until": format_instant(at)}
        one = one.model_copy(update={"outage": one.outage.model_copy(update=spans)})
    return one.model_dump(mode="json")


@pytest.fixture
def desks(cluster: Cluster, tmp_path: Path) -> Iterator[Desks]:
    """Two desks, their agents enrolled and greeted."""
    with ExitStack() as stack:
        made = Desks(tmp_path, cluster, stack)
        for key in made.keys:
            hello = {
                "epoch": None,
                "store_id": "store",
                "head_seq": {"I": 0},
                "acked_seq": {"I": 0},
                "wall": format_instant(SystemClock().wall()),
                "mono_us": 1,
                "boot_id": "boot",
            }
            made.ask(made.urls[0], "hello", key, hello)
        yield made


def test_the_same_batch_to_two_desks_is_one_ticket_and_each_mail_once(
    desks: Desks,
) -> None:
    desks.tell(1, "open")
    desks.tell(2, "raise")
    assert wait_until(desks.drained, limit_s=LIMIT_S)
    desks.cluster.restart()
    desks.tell(3, "recover")
    assert wait_until(desks.drained, limit_s=LIMIT_S)

    incidents = "SELECT tenant_id, count(DISTINCT ticket_id), count(*) FROM incident"
    assert sorted(desks.rows(f"{incidents} GROUP BY tenant_id")) == [
        (f"c{number}", 1, 1) for number in range(AGENTS)
    ]
    assert desks.rows("SELECT count(*) FROM ticket") == [(AGENTS,)]
    entries = "SELECT count(*) FROM ticket_event WHERE kind = '{}' AND rev IS NOT NULL"
    for kind in ("open", "raise", "recover"):
        assert desks.rows(entries.format(kind)) == [(AGENTS,)]
    sent = "SELECT message_id FROM mail_outbox WHERE state = 'sent'"
    taken = Counter(mail["Message-ID"] for mail in desks.box.taken)
    assert taken == Counter(row[0] for row in desks.rows(sent))
    assert set(taken.values()) == {1}
    assert len(taken) >= 2 * AGENTS
    owners = desks.rows("SELECT DISTINCT owner FROM mail_outbox WHERE state = 'sent'")
    assert 1 <= len(owners) <= 2
