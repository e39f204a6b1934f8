"""`desk agent --second` and `desk invite --second`, with a desk that stands still."""

from pathlib import Path

import pytest

from scudo_agent.cli.main import main

SITE = """\
version: 1
site: acme-milano
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
desk: {url: 'http://127.0.0.1:9', key: 'file:desk.key'}
targets:
  here: {local: true, checks: {disk: {host: {disk: /}}}}
"""


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, ...]:
    """Site file and settings, as each command takes them."""
    site, settings = tmp_path / "site.yaml", tmp_path / "desk.yaml"
    site.write_text(SITE)
    settings.write_text("state: state\n")
    return str(site), "--settings", str(settings)


def test_a_pair_is_enrolled_one_after_the_other(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ("--key-file", str(tmp_path / "desk.key"))
    assert main(["desk", "agent", *words, "--second", *key]) == 2
    assert "without --second" in " ".join(capsys.readouterr().err.split())
    assert main(["desk", "agent", *words, *key]) == 0
    assert "acme/acme-milano/1" in capsys.readouterr().out
    assert main(["desk", "invite", *words]) == 2
    assert "--second" in capsys.readouterr().err
    assert main(["desk", "invite", *words, "--second"]) == 0
    said = capsys.readouterr().out
    assert "acme/acme-milano/2" in said
    assert "scudo-agent join" in said


def test_second_is_for_enrolling_alone(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["desk", "revoke", *words, "--second"]) == 2
    assert "'--second' does not go with" in " ".join(capsys.readouterr().err.split())
