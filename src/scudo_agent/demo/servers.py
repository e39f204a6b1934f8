"""The demo's servers at work: a web server and an snmpd, each a process.

They end with the demo, also when it is killed. What a killed demo may have left
for a moment is ended before a new one starts.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from scudo_agent.demo import snmpd
from scudo_agent.demo.process import end, hold, is_ours, spawn, wait_until
from scudo_agent.demo.site import DemoSite
from scudo_agent.demo.web import BROKEN, UNAVAILABLE
from scudo_agent.errors import PortInUseError, ScudoError

_HOST = "127.0.0.1"
_START_S = 10.0
_WEB = "scudo_agent.demo.web"


class Servers:
    """A started web server and snmpd; `close` ends both."""

    def __init__(self, demo: DemoSite) -> None:
        self.snmp_version = "?"
        self._demo = demo
        self._lock = hold(demo.run)
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> "Servers":
        """Start both and wait until they answer; nothing is left half started."""
        try:
            _end_leftovers(self._demo)
            self._start_web()
            self._start_snmpd()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End both and let another process have the demo; twice is no harm."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(timeout=3)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def pids(self) -> tuple[int, ...]:
        """Process ids of web server and snmpd."""
        return tuple(child.pid for child in self._children)

    def _start_web(self) -> None:
        run, ports = self._demo.run, self._demo.ports
        for port in (ports.http, ports.tls):
            _refuse_taken(port, self._demo, udp=False)
        (run / "web.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", _WEB, str(run.absolute())]
        command += [str(ports.http), str(ports.tls), str(os.getpid())]
        self._launch("web", command, ready=lambda: (run / "web.json").exists())

    def _start_snmpd(self) -> None:
        run, port = self._demo.run, self._demo.ports.snmp
        _refuse_taken(port, self._demo, udp=True)
        program = snmpd.find()
        self.snmp_version = snmpd.version(program)
        arguments = snmpd.configure(
            run.absolute(), port=port, secrets=self._demo.folder / "secrets"
        )
        self._launch(
            "snmpd",
            [program, *arguments],
            ready=lambda: snmpd.listens(port),
            env=snmpd.environment(run),
        )

    def _launch(
        self,
        name: str,
        command: Sequence[str],
        *,
        ready: Callable[[], bool],
        env: dict[str, str] | None = None,
    ) -> None:
        log = self._demo.run / f"{name}.out"
        child = spawn(command, log=log, env=env)
        self._children.append(child)
        _write_pid(self._demo, name, child.pid)

        def settled() -> bool:
            return child.poll() is not None or ready()

        if not wait_until(settled, limit_s=_START_S) or child.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace").strip()
            last = said.splitlines()[-1] if said else "it said nothing"
            raise ScudoError(f"the demo's {name} did not start: {last} ({log})")


def break_web(demo: DemoSite, *, unavailable: bool = False) -> str:
    """Close the web server's HTTP listener, or let it answer 503; what to say.

    Nobody tells the agent: it finds out by probing.
    """
    _order(demo, UNAVAILABLE if unavailable else "")
    if unavailable:
        return (
            f"web server: answers 503 on {_HOST}:{demo.ports.http}; "
            "the agent is not told, it finds out by probing"
        )
    return (
        f"web server: closed its listener on {_HOST}:{demo.ports.http}; "
        "the agent is not told, it finds out by probing"
    )


def mend_web(demo: DemoSite) -> str:
    """Open the HTTP listener again; what the screen says."""
    _order(demo, None)
    return f"web server: listens on {_HOST}:{demo.ports.http} again"


def web_is_unavailable(demo: DemoSite) -> bool:
    """Whether the running web server answers 503."""
    return bool(_web_state(demo).get("unavailable"))


def web_is_open(demo: DemoSite) -> bool:
    """Whether the running web server has its HTTP listener open."""
    return bool(_web_state(demo).get("open"))


def _order(demo: DemoSite, how: str | None) -> None:
    """Let the web server be broken as `how` says, or mended (None)."""
    pid = int(_web_state(demo).get("pid", 0))
    if not pid or not is_ours(pid, (_WEB, str(demo.run.absolute()))):
        raise ScudoError(
            f"no demo is running in {demo.folder}; './scudo demo' starts it"
        )
    # The state stands in a file and the signal only says "look": so it outlives a
    # kill, and signals that overtake each other do no harm.
    if how is None:
        (demo.run / BROKEN).unlink(missing_ok=True)
    else:
        (demo.run / BROKEN).write_text(how, encoding="ascii")
    os.kill(pid, signal.SIGUSR1)

    def follows() -> bool:
        unavailable = how == UNAVAILABLE
        is_open = how is None or unavailable
        return (web_is_open(demo), web_is_unavailable(demo)) == (is_open, unavailable)

    if not wait_until(follows, limit_s=5.0):
        raise ScudoError(f"the demo's web server (process {pid}) does not react")


def _web_state(demo: DemoSite) -> dict[str, Any]:
    try:
        state = json.loads((demo.run / "web.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _write_pid(demo: DemoSite, name: str, pid: int) -> None:
    (demo.run / f"{name}.pid").write_text(f"{pid}\n", encoding="ascii")


def _end_leftovers(demo: DemoSite) -> None:
    """End the servers of a demo that was killed, if the kernel has not yet."""
    run = str(demo.run.absolute())
    words = {"web": (_WEB, run), "snmpd": ("-c", f"{run}/snmpd.conf")}
    for name, signs in words.items():
        try:
            pid = int((demo.run / f"{name}.pid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        end(pid, signs)


def _refuse_taken(port: int, demo: DemoSite, *, udp: bool) -> None:
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as trial:
        if not udp:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((_HOST, port))
        except OSError:
            raise PortInUseError(
                f"{_HOST}:{port} is taken by another process and the demo in "
                f"{demo.folder} was written for it; free it, or start over on other "
                "ports with './scudo demo --fresh'"
            ) from None
