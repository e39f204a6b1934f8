"""The unit file is one that systemd takes, and a hardened one."""

import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "scudo-agent.service"


def _analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists on this machine."""
    text = UNIT.read_text(encoding="utf-8")
    program = "/opt/scudo-agent/.venv/bin/scudo-agent"
    assert program in text
    path = tmp_path / UNIT.name
    path.write_text(text.replace(program, sys.executable), encoding="utf-8")
    return path


def _about(unit: Path, said: str) -> list[str]:
    # systemd also comments on the units of the machine it runs on.
    return [line for line in said.splitlines() if unit.name in line]


def test_systemd_knows_every_key(unit: Path) -> None:
    done = _analyze("verify", "--man=no", str(unit))
    assert _about(unit, done.stderr + done.stdout) == []


def test_a_key_that_systemd_does_not_know_would_be_seen(unit: Path) -> None:
    unit.write_text(unit.read_text() + "\n[Service]\nProtectEverything=yes\n")
    done = _analyze("verify", "--man=no", str(unit))
    assert "ProtectEverything" in done.stderr


def test_the_exposure_is_low(unit: Path) -> None:
    done = _analyze("security", "--offline=true", "--threshold=20", str(unit))
    assert done.returncode == 0, done.stdout[-400:]
