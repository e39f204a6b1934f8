"""A real agent, a real desk by itself and a mail server, driven through lifecycles.

Each service has two checks: with one port closed it is degraded (an opening), with
both it is down (a raise). What the desk's mail server took says how far it is.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from time import monotonic

from scudo_agent.clock import SystemClock
from support.patience import patient, wait_until
from support.ports import free_port
from support.programs import call, environment
from support.proof import Evidence, Letter, Verdict, judge
from support.real_agent import Port
from support.remote_desk import get

LIMIT_S = 60.0
BACK_S = 5.0
"""A killed program answers again within this (`reliability.md` 4.1)."""

STEPS = ("open", "raise", "recover", "reopen", "end")
"""The stages of one lifecycle; `end` is the second recovery."""

_SITE = """\
version: 1
site: {customer}-milano
customer: {{id: {customer}, name: {name}, mail: it@{customer}.example, language: it}}
timezone: Europe/Rome
contract: proof
desk: {{url: 'http://127.0.0.1:{desk}', key: file:agent.key}}
defaults: {{interval: 1s, timeout: 900ms, confirm: 1, recover: 1, reprobe: 1s}}
targets:
{targets}services:
{services}"""

_TARGET = "  {id}: {{address: 127.0.0.1, checks: {{tcp: {{tcp: {{port: {port}}}}}}}}}\n"
_SERVICE = (
    "  {id}: {{title: {{it: Servizio {id}, en: Service {id}}}, contracted: true,"
    " checks: [{id}a/tcp, {id}b/tcp], need: any}}\n"
)
_DESK = """\
listen: {{host: 127.0.0.1, port: {port}}}
provider: {{name: AltecMonitor, mail: noc@provider.example}}
mail:
  from: desk@provider.example
  smtp: {{host: 127.0.0.1, port: {smtp}, tls: none}}
state: desk-state
contracts: contracts
"""
_CONTRACT = """\
id: proof
title: Proof
timezone: Europe/Rome
year_start: 2026-01-01
uptime: {target: 99.0}
tickets: {reopen: 4h, close_after: null}
"""


_TOLD = (
    (
        "state/agent.db",
        "SELECT subject_key, state, severity, rev, ticket_ref, incident_id"
        " FROM incident",
    ),
    (
        "state/agent.db",
        "SELECT seq, incident_id, kind, rev, acked_us, attempts, last_error"
        " FROM outbox",
    ),
    ("state/agent.db", "SELECT kind, at_us, detail FROM agent_run"),
    (
        "desk-state/desk.db",
        "SELECT mail_id, ticket_id, incident_id, kind, rev, state, folded_into,"
        " fold_rule, created_us, next_us, lease_until_us, attempts, last_error"
        " FROM mail_outbox",
    ),
)


class Process:
    """One of the programs: started, killed by somebody else, started again."""

    def __init__(
        self, name: str, folder: Path, words: list[str], healthy: Callable[[], bool]
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._words = words
        self._healthy = healthy
        self.running: subprocess.Popen[bytes] | None = None
        self.back_s: list[float] = []

    def start(self) -> None:
        """Begin, and wait until it answers."""
        began = monotonic()
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "scudo_agent", *self._words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
            )
        assert wait_until(self._healthy, limit_s=LIMIT_S), self.tail()
        self.back_s.append(monotonic() - began)

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.running is not None
        return self.running.pid

    @property
    def cpu_s(self) -> float:
        """Processor time that it has used."""
        told = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def dead(self) -> bool:
        """Whether it has ended."""
        return self.running is not None and self.running.poll() is not None

    def end(self) -> None:
        """Stop it as a person does."""
        if self.running is not None and self.running.poll() is None:
            self.running.terminate()
            assert self.running.wait(patient(LIMIT_S)) == 0, self.tail()

    def kill(self) -> None:
        """Kill it, whatever it is doing."""
        if self.running is not None and self.running.poll() is None:
            self.running.kill()

    def close(self) -> None:
        """End it if a failed test left it running."""
        if self.running is not None and self.running.poll() is None:
            self.running.kill()
            self.running.wait()

    def tail(self) -> str:
        """The end of what it logged."""
        return f"{self.name}: {self.log.read_text(errors='replace')[-3000:]}"


class Rig:
    """One site with `services`; `taken` is the mail server's list.

    `desk_door` is the port that the agent is told (a proxy's), if not the desk's.
    """

    def __init__(
        self,
        folder: Path,
        taken: list[EmailMessage],
        *,
        smtp: int,
        services: tuple[str, ...] = ("s1", "s2"),
        customer: str = "acme",
        desk_door: int | None = None,
    ) -> None:
        self.folder = folder
        self.taken = taken
        self.desk_port = free_port()
        self.ports = {f"{s}{end}": Port() for s in services for end in "ab"}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "desk.yaml").write_text(_DESK.format(port=self.desk_port, smtp=smtp))
        (folder / "contracts").mkdir()
        (folder / "contracts" / "proof.yaml").write_text(_CONTRACT)
        targets = [
            _TARGET.format(id=id_, port=port.number) for id_, port in self.ports.items()
        ]
        site = _SITE.format(
            customer=customer,
            name=customer.upper(),
            desk=desk_door or self.desk_port,
            targets="".join(targets),
            services="".join(_SERVICE.format(id=id_) for id_ in services),
        )
        (folder / "site.yaml").write_text(site)
        self.state = folder / "state"
        self.desk = Process("desk", folder, self._desk_words(), self._desk_answers)
        self.agent = Process("agent", folder, self._agent_words(), self._agent_answers)

    def _desk_words(self) -> list[str]:
        return ["desk", "--settings", str(self.folder / "desk.yaml")]

    def _agent_words(self) -> list[str]:
        site, state = str(self.folder / "site.yaml"), str(self.state)
        return ["run", site, "--state", state, "--metrics", "127.0.0.1:0"]

    def enrol(self) -> None:
        """Make the agent known to the desk."""
        done = call(
            *("desk", "agent", str(self.folder / "site.yaml")),
            *("--settings", str(self.folder / "desk.yaml")),
            *("--key-file", str(self.folder / "agent.key")),
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Enrol, and start both."""
        self.enrol()
        self.desk.start()
        self.agent.start()
        assert wait_until(self._all_up, limit_s=LIMIT_S), self.agent.tail()

    def do(self, service: str, step: str) -> None:
        """What happens to the service's ports."""
        a, b = self.ports[f"{service}a"], self.ports[f"{service}b"]
        if step in ("recover", "end"):
            for port in (a, b):
                port.close()
                port.open()
        elif step == "raise":
            b.close()
        else:
            a.close()

    def count(self, kind: str) -> int:
        """How many different mails of a kind the server took."""
        ids = {str(mail["Message-ID"]) for mail in self.taken}
        return sum(f".{kind}." in one for one in ids)

    def drained(self) -> bool:
        """Whether both outboxes are empty just now, as their files say."""
        mails = "SELECT count(*) FROM mail_outbox WHERE state = 'pending'"
        events = "SELECT count(*) FROM outbox WHERE acked_us IS NULL"
        return not self._asked("desk-state/desk.db", mails) and not self._asked(
            "state/agent.db", events
        )

    def pending_but_taken(self) -> int:
        """Mails that the server took and the desk has not noted: they come again."""
        ids = {str(mail["Message-ID"]).strip() for mail in self.taken}
        path = self.folder / "desk-state" / "desk.db"
        query = "SELECT message_id FROM mail_outbox WHERE state = 'pending'"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return sum(row[0] in ids for row in db.execute(query))

    def told(self) -> str:
        """What both have written of incidents and their mails, for a person."""
        lines = []
        for name, query in _TOLD:
            path = self.folder / name
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                lines += [f"{name}: {row}" for row in db.execute(query)]
        return "\n".join(lines)

    def _asked(self, name: str, query: str) -> int:
        path = self.folder / name
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return int(db.execute(query).fetchone()[0])

    def verdict(self, *, repeats: int = 0) -> Verdict:
        """End both, and let the checker judge what they left."""
        self.agent.end()
        self.desk.end()
        return judge(self.evidence(), repeats=repeats)

    def evidence(self) -> Evidence:
        """What the run left."""
        return Evidence(
            agents=(self.state / "agent.db",),
            desk=self.folder / "desk-state" / "desk.db",
            letters=[Letter.of(mail) for mail in self.taken],
            at_us=SystemClock().wall(),
        )

    def close(self) -> None:
        """Let go of everything."""
        for process in (self.agent, self.desk):
            process.close()
        for port in self.ports.values():
            port.close()

    def _desk_answers(self) -> bool:
        return get(f"http://127.0.0.1:{self.desk_port}/-/healthy") is not None

    def _agent_answers(self) -> bool:
        try:
            said = json.loads((self.state / "agent.json").read_text())
        except (OSError, ValueError):
            return False
        # A killed agent leaves its file behind.
        ours = said.get("pid") in (None, self.agent.pid)
        return ours and get(f"{said['metrics']}/status") is not None

    def _all_up(self) -> bool:
        said = json.loads((self.state / "agent.json").read_text())
        status = get(f"{said['metrics']}/status") or {"checks": ()}
        states = {check["state"] for check in status["checks"]}
        return states == {"up"} and os.path.exists(self.folder / "desk-state/desk.db")
