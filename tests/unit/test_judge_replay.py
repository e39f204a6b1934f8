"""`scudo-agent replay`: the worked cases, and events that cannot be meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from support.judging_sites import CASES, load_case

SITE: dict[str, Any] = {"targets": {"sw": {"checks": {"ping": {}}}}}
START = '{"t": "2026-03-01T10:00:00Z", "agent": "start"}'


def write(folder: Path, site: dict[str, Any], lines: list[str]) -> list[str]:
    """Both files of a replay; returns the command line so far."""
    (folder / "site.yaml").write_text(json.dumps(site), encoding="utf-8")
    text = "".join(f"{line}\n" for line in lines)
    (folder / "events.jsonl").write_text(text, encoding="utf-8")
    return ["replay", str(folder / "site.yaml"), str(folder / "events.jsonl")]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_command_gives_the_case(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = load_case(path)
    command = write(tmp_path, case["site"], list(map(json.dumps, case["events"])))

    code = main([*command, "--until", case["until"], "--json"])

    assert code == 0
    assert json.loads(capsys.readouterr().out) == case["expected"], case["why"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ("[]", "an event is an object"),
        ('{"t": "2026-03-01T09:00:00Z", "agent": "start"}', "time goes back"),
        ('{"t": "2026-03-01T10:00:00", "agent": "stop"}', "with an offset"),
        ('{"t": 5, "agent": "stop"}', "'t' is not a text"),
        ('{"t": "2026-03-01T10:00:00Z", "agent": "halt"}', "use start or stop"),
        ('{"agent": "stop"}', "'t' is missing"),
        (
            '{"t": "2026-03-01T10:00:00Z", "check": "sw/pin", "result": "good"}',
            "'sw/pin' is no check of the site",
        ),
        (
            '{"t": "2026-03-01T10:00:00Z", "check": ["sw/ping"], "result": "good"}',
            "is no check of the site",
        ),
        (
            '{"t": "2026-03-01T10:00:00Z", "check": "sw/ping", "result": "ok"}',
            "'ok' is no result: use one of good, degraded, failed, unknown",
        ),
        (
            '{"t": "2026-03-01T10:00:00Z", "check": "sw/ping", "result": {}}',
            "is no result",
        ),
        (
            '{"t": "2026-03-01T10:00:00Z", "check": "sw/ping"}',
            "'result' is missing",
        ),
        (
            '{"t": "2026-03-01T10:00:00Z", "agent": "stop", "why": ""}',
            "'why' is no key of an event",
        ),
    ],
)
def test_a_bad_event_is_one_line_with_its_place(
    line: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = write(tmp_path, SITE, [START, "", line])

    code = main([*command, "--json"])

    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith(f"{tmp_path}/events.jsonl:3:1: ")
    assert what in err
    assert err.count("\n") == 1


def test_all_bad_events_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = write(tmp_path, SITE, ["x", START, "y"])

    assert main(command) == 2

    err = capsys.readouterr().err
    assert [line.split(":")[1] for line in err.splitlines()] == ["1", "3"]


def test_time_cannot_end_before_the_last_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = write(tmp_path, SITE, [START])

    assert main([*command, "--until", "2026-03-01T09:00:00Z"]) == 2
    assert "is before the last event" in capsys.readouterr().err
    assert main([*command, "--until", "tomorrow"]) == 2
    assert "is not an instant" in capsys.readouterr().err


def test_missing_and_unreadable_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = write(tmp_path, SITE, [START])

    assert main([*command[:2], str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl: cannot read it" in capsys.readouterr().err
    (tmp_path / "events.jsonl").write_bytes(b"\xff\xfe{}")
    assert main(command) == 2
    assert "not UTF-8" in capsys.readouterr().err
    assert main(["replay", str(tmp_path / "no.yaml"), command[2]]) == 2


def test_without_events_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = SITE | {"services": {"s": {"checks": ["sw/ping"], "need": "all"}}}
    command = write(tmp_path, site, [])

    assert main([*command, "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {
        "checks": [{"check": "sw/ping", "changes": []}],
        "services": [{"service": "s", "timeline": []}],
        "incidents": [],
        "isolated": [],
    }


def test_plain_output_names_incidents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = load_case(CASES[2])
    command = write(tmp_path, case["site"], list(map(json.dumps, case["events"])))

    assert main(command) == 0

    out = capsys.readouterr().out
    assert "check:sw/ping  severity 2" in out
    assert "recovered, dated 2026-03-01T10:03:30Z" in out


def test_windows_and_pauses_of_a_record_are_judged_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        START,
        '{"t": "2026-03-01T10:00:00Z", "holds": [{"id": "window:w1",'
        ' "start": "2026-03-01T10:00:00Z", "end": "2026-03-01T10:02:00Z",'
        ' "services": ["*"], "checks": []}]}',
        *(
            f'{{"t": "2026-03-01T10:01:{second}Z", "check": "sw/ping",'
            ' "result": "failed"}'
            for second in (10, 20, 30)
        ),
        '{"t": "2026-03-01T10:02:10Z", "paused": ["sw/ping"]}',
    ]
    command = write(tmp_path, SITE, lines)

    assert main([*command, "--until", "2026-03-01T10:10:00Z", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    [incident] = told["incidents"]
    assert incident["events"] == [{"t": "2026-03-01T10:02:00Z", "kind": "open"}]
    assert incident["since"] == "2026-03-01T10:01:10Z"
    assert told["checks"][0]["changes"][-1] == {
        "state": "unknown",
        "since": "2026-03-01T10:02:10Z",
        "decided": "2026-03-01T10:02:10Z",
    }


@pytest.mark.parametrize(
    ("rest", "what"),
    [
        ('"holds": 3', "'3' is not a list"),
        ('"holds": [3]', "a hold is an object"),
        ('"holds": [{"id": "w"}]', "'checks' is missing"),
        ('"paused": ["sw/pin"]', "'sw/pin' is no check of the site"),
        ('"reopen_us": -1', "'reopen_us' is not a whole number"),
        ('"reopen_us": true', "'reopen_us' is not a whole number"),
        ('"paused": [], "agent": "stop"', "'agent' is no key of an event"),
        (
            '"holds": [{"id": "w", "start": "2026-03-01T10:00:00Z", "end":'
            ' "2026-03-01T09:00:00Z", "services": [], "checks": []}]',
            "before its start",
        ),
        (
            '"holds": [{"id": 1, "start": "2026-03-01T10:00:00Z", "end":'
            ' "2026-03-01T11:00:00Z", "services": [], "checks": []}]',
            "are texts",
        ),
    ],
)
def test_a_bad_window_of_a_record_has_its_line(
    rest: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f'{{"t": "2026-03-01T10:00:00Z", {rest}}}'

    assert main([*write(tmp_path, SITE, [START, line]), "--json"]) == 2

    said = capsys.readouterr().err
    assert "events.jsonl:2:1:" in said
    assert what in said
