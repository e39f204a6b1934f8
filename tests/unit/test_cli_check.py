"""`scudo-agent check`: one line and 0, or all faults and 2."""

import json
from pathlib import Path

import pytest

from scudo_agent.cli.main import main

HEAD = """\
version: 1
site: demo
customer: {id: demo, name: Demo S.p.A., mail: it@demo.example}
timezone: Europe/Rome
"""
REST = """\
targets:
  gateway: {address: 192.0.2.1, checks: {ping: icmp}}
  switch: {address: 192.0.2.2, checks: {uplink: {tcp: 80}, ping: icmp}}
services:
  rete: {title: {it: Rete}, checks: [gateway/ping, switch/uplink], need: any}
  sito: {contracted: true, checks: [switch/ping]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    return tmp_path / "demo"


def test_a_usable_file_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "site.yaml").write_text(HEAD + REST, "utf-8")
    assert main(["check", "demo/site.yaml"]) == 0
    assert capsys.readouterr().out == (
        "demo/site.yaml: ok, 3 checks on 2 targets, 2 services (1 contracted)\n"
    )
    assert sorted(path.name for path in folder.iterdir()) == ["site.yaml"]


def test_all_faults_at_once_and_how_many(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = REST.replace("switch/uplink]", "swich/uplink]")
    text = HEAD + "defaults: {intervall: 60s}\n" + wrong
    (folder / "site.yaml").write_text(text, "utf-8")
    assert main(["check", "demo/site.yaml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "demo/site.yaml:5:12: 'intervall' is no key of defaults; "
        "did you mean 'interval'?\n"
        "demo/site.yaml:10:52: service 'rete' needs 'swich/uplink', "
        "which is no check; did you mean 'switch/uplink'?\n"
        "2 faults, nothing was started\n"
    )


def test_only_what_starts_something_says_that_nothing_was_started(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "site.yaml").write_text(HEAD + "targets: []\n", "utf-8")
    fault = (
        "demo/site.yaml:5:10: 'targets' of the site file: keys with values are "
        "needed, such as {key: value}\n"
    )
    assert main(["run", "demo/site.yaml"]) == 2
    assert capsys.readouterr().err == fault + "1 fault, nothing was started\n"
    assert main(["status", "--site", "demo/site.yaml"]) == 2
    assert capsys.readouterr().err == fault


def test_both_answers_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "site.yaml").write_text(HEAD + REST, "utf-8")
    assert main(["check", "--json", "demo/site.yaml"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "site": "demo",
        "checks": 3,
        "targets": 2,
        "services": 2,
        "contracted": 1,
    }
    (folder / "site.yaml").write_text(HEAD + "targets: []\n", "utf-8")
    assert main(["check", "--json", "demo/site.yaml"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "faults": [
            {
                "file": "demo/site.yaml",
                "line": 5,
                "column": 10,
                "what": "'targets' of the site file: keys with values are needed, "
                "such as {key: value}",
            }
        ],
    }


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "no-such.yaml"]) == 2
    assert capsys.readouterr().err == (
        "no-such.yaml: cannot be read: No such file or directory\n"
        "1 fault, nothing was started\n"
    )


def test_without_secrets_none_is_needed(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SCUDO_TEST_UNSET", raising=False)
    more = "desk: {url: https://desk.example, key: env:SCUDO_TEST_UNSET}\n"
    (folder / "site.yaml").write_text(HEAD + more + REST, "utf-8")
    assert main(["check", "demo/site.yaml"]) == 2
    assert "SCUDO_TEST_UNSET" in capsys.readouterr().err
    assert main(["check", "--no-secrets", "demo/site.yaml"]) == 0
