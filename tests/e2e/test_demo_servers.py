"""The demo's servers as real processes: they answer, break, mend, and die."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.demo import certificate, snmpd
from scudo_agent.demo.gateway import answers
from scudo_agent.demo.process import is_ours
from scudo_agent.demo.servers import Servers, break_web, mend_web, web_is_open
from scudo_agent.demo.site import DemoSite, prepare
from scudo_agent.errors import PortInUseError, ScudoError
from support.patience import wait_until

TESTS = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"


@pytest.fixture
def demo(tmp_path: Path) -> DemoSite:
    return prepare(tmp_path / "demo", clock=SystemClock(), wanted_gateway="stand-in")


@pytest.fixture
def running(demo: DemoSite) -> Iterator[Servers]:
    with Servers(demo).start() as servers:
        yield servers


def _page(demo: DemoSite) -> str:
    connection = HTTPConnection(HOST, demo.ports.http, timeout=60)
    try:
        connection.request("GET", "/login")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _snmpget(demo: DemoSite, *, auth: str | None = None) -> str:
    keys = [
        (demo.folder / "secrets" / name).read_text(encoding="ascii").strip()
        for name in ("snmp-auth", "snmp-priv")
    ]
    done = subprocess.run(
        [
            *("snmpget", "-v3", "-l", "authPriv", "-u", snmpd.USER, "-r0", "-t3"),
            *("-a", "SHA-256", "-A", auth or keys[0], "-x", "AES", "-X", keys[1]),
            *("-Oqv", f"{HOST}:{demo.ports.snmp}", ".1.3.6.1.2.1.2.2.1.8.1"),
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, "SNMP_PERSISTENT_DIR": str(demo.run / "client")},
    )
    return done.stdout.strip() or done.stderr.strip()


def _gone(pids: tuple[int, ...] | list[int]) -> bool:
    return not any(is_ours(pid, ()) and _runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_an_echo_to_loopback_comes_back() -> None:
    assert answers(HOST) is True
    assert answers("no.such.host.example") is False


@pytest.mark.usefixtures("running")
def test_the_web_server_serves_the_login_page(demo: DemoSite) -> None:
    assert "Accedi" in _page(demo)


@pytest.mark.usefixtures("running")
def test_the_https_listener_shows_the_certificate_of_our_own_authority(
    demo: DemoSite,
) -> None:
    context = ssl.create_default_context(cafile=str(demo.folder / "tls" / "ca.pem"))
    with (
        socket.create_connection((HOST, demo.ports.tls), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=certificate.NAME) as secure,
    ):
        assert secure.version() in {"TLSv1.2", "TLSv1.3"}


def test_snmpd_answers_the_user_and_its_interface_is_up(
    demo: DemoSite, running: Servers
) -> None:
    assert _snmpget(demo) == "1"
    assert running.snmp_version.startswith("5.")


@pytest.mark.usefixtures("running")
def test_snmpd_refuses_a_wrong_key(demo: DemoSite) -> None:
    assert "Authentication failure" in _snmpget(demo, auth="f" * 32)


@pytest.mark.usefixtures("running")
def test_break_closes_the_listener_and_mend_opens_it(demo: DemoSite) -> None:
    assert "closed its listener" in break_web(demo)
    with pytest.raises(ConnectionRefusedError):
        _page(demo)
    assert not web_is_open(demo)
    break_web(demo)  # twice is no harm
    assert "again" in mend_web(demo)
    assert "Accedi" in _page(demo)


def test_a_broken_web_server_stays_broken_over_a_restart(demo: DemoSite) -> None:
    with Servers(demo).start():
        break_web(demo)
    with Servers(demo).start():
        assert not web_is_open(demo)
        with pytest.raises(ConnectionRefusedError):
            _page(demo)
        mend_web(demo)
        assert "Accedi" in _page(demo)


def test_break_without_a_running_demo_says_so(demo: DemoSite) -> None:
    with Servers(demo).start():
        pass
    with pytest.raises(ScudoError, match="no demo is running in"):
        break_web(demo)


@pytest.mark.usefixtures("running")
def test_a_second_demo_in_the_folder_is_refused(demo: DemoSite) -> None:
    with pytest.raises(ScudoError, match="a demo is running in"):
        Servers(demo)
    assert "Accedi" in _page(demo)


def test_a_taken_port_is_one_clear_line_and_nothing_is_left(demo: DemoSite) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((HOST, demo.ports.snmp))
        with pytest.raises(PortInUseError, match="taken by another process"):
            Servers(demo).start()
    with Servers(demo).start():
        assert "Accedi" in _page(demo)


def test_closing_twice_is_no_harm(demo: DemoSite) -> None:
    with Servers(demo).start() as servers:
        servers.close()
    with Servers(demo).start():
        assert "Accedi" in _page(demo)


def test_a_server_that_cannot_start_says_why(demo: DemoSite) -> None:
    (demo.folder / "tls" / "web.pem").write_text("nonsense", encoding="ascii")
    with pytest.raises(ScudoError, match="the demo's web did not start: "):
        Servers(demo).start()


def test_servers_end_with_a_killed_demo_and_the_next_one_starts(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    parent = subprocess.Popen(
        [sys.executable, "-m", "support.demo_parent", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    try:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        demo = prepare(folder, clock=SystemClock())
        break_web(demo)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.communicate()
    with Servers(demo).start() as second:
        assert _gone(pids)
        assert not web_is_open(demo)
        mend_web(demo)
        assert "Accedi" in _page(demo)
        pids = list(second.pids())
    assert wait_until(lambda: _gone(pids), limit_s=30)
