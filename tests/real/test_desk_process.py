"""The desk as a process of its own: started, asked, stopped, started again."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.real

SETTINGS = """\
listen: {{port: {port}}}
provider: {{name: AltecMonitor, mail: noc@provider.example}}
mail: {{from: desk@provider.example}}
state: desk
"""
SITE = """\
version: 1
site: acme-milano
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
desk: {url: "https://desk.example", key: "env:DESK_KEY"}
targets:
  here: {local: true, checks: {disk: {host: {disk: /}}}}
"""


def command(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scudo_agent", "desk", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """A desk process: its address, its login path, the process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scudo_agent", "desk", "--settings", "desk.yaml"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "error::ResourceWarning"},
    )
    try:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        login = re.search(r"(/in/[0-9A-Z]{5}-[0-9A-Z]{5})", first)
        listens = re.search(r"(http://[^\s]+)", second)
        assert login, first + second + _errors(process)
        assert listens, second
        yield listens[1], login[1], process
    finally:
        process.kill()
        process.communicate()


def _errors(process: subprocess.Popen[str]) -> str:
    process.kill()
    return process.communicate()[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "desk.yaml").write_text(SETTINGS.format(port=0))
    (tmp_path / "site.yaml").write_text(SITE)
    return tmp_path


def test_it_is_enrolled_started_asked_and_stopped(folder: Path) -> None:
    done = command(
        "agent",
        "site.yaml",
        "--settings",
        "desk.yaml",
        "--key-file",
        "desk.key",
        folder=folder,
    )
    assert done.returncode == 0, done.stderr
    key = (folder / "desk.key").read_text().strip()
    assert (folder / "desk.key").stat().st_mode & 0o777 == 0o600
    assert key not in done.stdout
    with running(folder) as (url, login, process):
        assert httpx.get(f"{url}/-/healthy", trust_env=False).text == "healthy\n"
        headers = {"Authorization": f"Bearer {key}"}
        reply = httpx.get(
            f"{url}/v1/agents/self/tickets", headers=headers, trust_env=False
        )
        assert (reply.status_code, reply.json()) == (200, [])
        assert httpx.get(f"{url}{login}", trust_env=False).status_code == 303
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")


def test_a_taken_port_and_a_taken_folder_are_one_line_each(folder: Path) -> None:
    with running(folder) as (url, _, _):
        done = command("--settings", "desk.yaml", folder=folder)
        assert done.returncode == 1
        assert "another desk" in done.stderr
        port = url.rpartition(":")[2]
        (folder / "other.yaml").write_text(
            SETTINGS.format(port=port).replace("state: desk", "state: other")
        )
        done = command("--settings", "other.yaml", folder=folder)
        assert done.returncode == 1
        assert f"127.0.0.1:{port}" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not (folder / "other").exists()


def test_killed_in_the_middle_it_starts_again_as_it_was(folder: Path) -> None:
    with running(folder) as (_, _, process):
        process.kill()
        process.wait(timeout=10)
    with running(folder) as (url, _, _):
        assert httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen: {prot: 8080}", "desk.yaml:1:10: "),
        ("mail: {smtp: {host: x}, maildir: mail}", "both 'smtp' and 'maildir'"),
        ("provider: {mail: nobody}", "desk.yaml:1:"),
        (
            "mail: {smtp: {host: x, user: u, password: 'env:NO_SUCH_SECRET'}}",
            "NO_SUCH_SECRET",
        ),
        ("base: /tmp", "'base'"),
        ("state: [", "desk.yaml:"),
    ],
)
def test_wrong_settings_are_told_with_their_place(
    folder: Path, text: str, said: str
) -> None:
    (folder / "desk.yaml").write_text(text + "\n")
    done = command("--settings", "desk.yaml", folder=folder)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "desk").exists()
