"""A real agent with its embedded desk, and two ports that it watches."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from support.patience import patient, wait_until
from support.ports import free_port
from support.programs import environment

LIMIT_S = 60.0

SITE = """\
version: 1
site: acme-milano
customer: {{id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}}
timezone: Europe/Rome
desk: embedded
defaults: {{interval: 1s, timeout: 900ms, confirm: 2, recover: 2, reprobe: 1s}}
targets:
  erp: {{address: 127.0.0.1, checks: {{db: {{tcp: {{port: {port}}}}}}}}}
  crm: {{address: 127.0.0.1, checks: {{db: {{tcp: {{port: {other}}}}}}}}}
services:
  erp: {{title: {{it: Gestionale, en: ERP}}, contracted: false, checks: [erp/db]}}
"""


class Port:
    """A loopback port that can be opened and closed, always the same number."""

    def __init__(self) -> None:
        self.number = free_port()
        self._listening: socket.socket | None = None
        self.open()

    def open(self) -> None:
        """Accept connections: the kernel does, nobody need take them."""
        self._listening = socket.create_server(("127.0.0.1", self.number), backlog=4096)

    def close(self) -> None:
        """Refuse connections."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None


class RealAgent:
    """`scudo-agent run` in a folder; `start` it as often as the test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.erp, self.crm = Port(), Port()
        self.told_state = self.state = folder / "state"
        self.site = folder / "site.yaml"
        self.site.write_text(SITE.format(port=self.erp.number, other=self.crm.number))
        (folder / "desk.yaml").write_text("listen: {port: 0}\n")
        self.log = folder / "agent.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        *words: str,
        before: Sequence[str] = (),
        env: dict[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        """Begin, and wait until it says where it is."""
        (self.state / "agent.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *before,
                    *(sys.executable, "-m", "scudo_agent", "run", str(self.site)),
                    *(
                        "--metrics",
                        "127.0.0.1:0",
                        "--state",
                        str(self.told_state),
                        *words,
                    ),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**environment(), **(env or {})},
            )
        if wait:
            self.until(lambda: self.status() is not None, "it answers")

    @property
    def running(self) -> "subprocess.Popen[bytes]":
        """The process that was started last."""
        assert self.process is not None
        return self.process

    def until(
        self, holds: Callable[[], bool], what: str, *, limit_s: float = LIMIT_S
    ) -> None:
        """Wait until something holds; fails with the log when time is over."""

        def over() -> bool:
            return self.running.poll() is not None or holds()

        came = wait_until(over, limit_s=limit_s)
        assert came, f"not within {limit_s} s: {what}\n{self.tail()}"
        ended = self.running.poll()
        assert ended is None, f"it ended with {ended}, not '{what}':\n{self.tail()}"

    def tail(self) -> str:
        """The end of what it logged."""
        return self.log.read_text(errors="replace")[-4000:]

    def url(self) -> str | None:
        """Where its metrics are; None before it said so."""
        try:
            found = json.loads((self.state / "agent.json").read_text())["metrics"]
        except (OSError, ValueError):
            return None
        return str(found)

    def status(self) -> dict[str, Any] | None:
        """Its status document; None when it does not answer."""
        url = self.url()
        if url is None:
            return None
        try:
            with urlopen(f"{url}/status", timeout=5) as reply:
                document: dict[str, Any] = json.load(reply)
        except (URLError, OSError, ValueError):
            return None
        return document

    def metrics(self) -> str:
        """What Prometheus would read."""
        with urlopen(f"{self.url()}/metrics", timeout=60) as reply:
            return str(reply.read().decode())

    def check(self, path: str = "erp/db") -> dict[str, Any]:
        """One check in the status document; empty when there is none."""
        document = self.status() or {"checks": ()}
        return next((c for c in document["checks"] if c["check"] == path), {})

    def until_state(self, state: str, path: str = "erp/db") -> None:
        """Wait until a check is in a state."""
        self.until(lambda: self.check(path).get("state") == state, f"{path} is {state}")

    def tickets(self) -> list[dict[str, Any]]:
        """The tickets at the desk, asked for as the agent itself does."""
        found: list[dict[str, Any]] = self._desk("/v1/agents/self/tickets")
        return found

    def _desk(self, path: str) -> Any:
        said = json.loads((self.state / "agent.json").read_text())
        key = (self.state / "desk.key").read_text().strip()
        request = Request(said["desk"] + path)
        request.add_header("Authorization", f"Bearer {key}")
        with urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def until_ticket(self, condition: str) -> dict[str, Any]:
        """Wait until there is one ticket, and it is so; return it with its history."""
        self.until(
            lambda: [t["condition"] for t in self.tickets()] == [condition],
            f"one ticket, {condition}",
        )
        return self.ticket()

    def ticket(self) -> dict[str, Any]:
        """The only ticket, with its history."""
        (one,) = self.tickets()
        found: dict[str, Any] = self._desk(f"/v1/agents/self/tickets/{one['ref']}")
        return found

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the agent."""
        self.running.send_signal(number)

    def end(
        self, number: signal.Signals = signal.SIGTERM, *, limit_s: float = LIMIT_S
    ) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.send(number)
        return self.running.wait(timeout=patient(limit_s))

    def close(self) -> None:
        """End it if a failed test left it running, and let go of the ports."""
        self.erp.close()
        self.crm.close()
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()
