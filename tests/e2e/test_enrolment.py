"""One line on the agent's machine: invite, join, run, revoke; the desk runs on."""

import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.desk import tls
from support.desk_thread import served_desk
from support.patience import wait_until
from support.ports import free_port
from support.programs import Program, call

LIMIT_S = 60.0
SITE = """\
version: 1
site: acme-milano
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
targets:
  here: {local: true, checks: {disk: {host: {disk: /, warn: 85%}}}}
services: {}
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def provider(folder: Path) -> tuple[Path, Path]:
    """A provider's desk with TLS of its own, and its copy of the site file."""
    folder.mkdir()
    settings, site = folder / "desk.yaml", folder / "acme.yaml"
    port = free_port()
    settings.write_text(
        f"listen: {{port: {port}}}\nurl: https://localhost:{port}\ntls: own\n"
        "state: state\n"
    )
    site.write_text(SITE)
    return settings, site


def test_invite_join_run_revoke(tmp_path: Path, stack: ExitStack) -> None:
    settings, site = provider(tmp_path / "provider")
    made = call("desk", "tls", "--settings", str(settings))
    assert made.returncode == 0, made.stderr
    desk = stack.enter_context(closing(Program("desk", "--settings", str(settings))))
    desk.until(lambda line: line.startswith("listens"), limit_s=LIMIT_S)

    invited = call("desk", "invite", str(site), "--settings", str(settings))
    assert invited.returncode == 0, invited.stderr
    command = invited.stdout.strip().splitlines()[-1].split()
    assert command[:2] == ["scudo-agent", "join"]
    machine = tmp_path / "machine"
    joined = call(*command[1:], "--folder", str(machine))
    assert joined.returncode == 0, joined.stderr
    for name in ("desk.key", "desk-ca.pem", "site.yaml"):
        assert stat.S_IMODE((machine / name).stat().st_mode) == 0o600
    secret = command[3].partition(".")[0]
    assert secret not in "".join(file.read_text() for file in machine.iterdir())

    again = call(*command[1:], "--folder", str(tmp_path / "thief"))
    assert again.returncode == 2
    assert "no such invitation" in again.stderr

    words = ("run", str(machine / "site.yaml"), "--metrics", "127.0.0.1:0")
    agent = stack.enter_context(closing(Program(*words)))

    def heard() -> bool:
        listed = call("desk", "agents", "--settings", str(settings)).stdout
        return "epoch 1" in listed

    assert wait_until(heard, limit_s=LIMIT_S), agent.text()
    gone = call("desk", "revoke", "acme/acme-milano/1", "--settings", str(settings))
    assert gone.returncode == 0, gone.stderr
    refused = call("tickets", "--site", str(machine / "site.yaml"))
    assert "does not accept this agent's key" in refused.stderr
    login = call("desk", "login", "--settings", str(settings))
    assert login.stdout.startswith("https://localhost:"), login.stderr


def test_whoever_stands_in_between_is_told_nothing(tmp_path: Path) -> None:
    """Threat 8: another authority, the same name."""
    tls.make(tmp_path / "desk" / "tls", ["127.0.0.1"], now=SystemClock().wall())
    with served_desk(tmp_path, tls="own") as desk:
        token = "scj_" + "s" * 43 + "." + "0" * 64
        done = call("join", desk.address, token, "--folder", str(tmp_path / "m"))
    assert done.returncode == 1
    assert "certificate authority is another one" in " ".join(done.stderr.split())
    assert not (tmp_path / "m" / "desk.key").exists()


def test_without_tls_only_this_machine_is_joined(tmp_path: Path) -> None:
    done = call("join", "http://desk.example", "scj_x", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert "without TLS" in done.stderr
