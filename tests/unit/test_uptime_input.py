"""Bad input of `contract uptime` and `contract window`: where, and what is right."""

import json
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from support.uptime_files import lines, window, write

AT = ["--at", "2026-07-01T00:00:00+02:00"]
UP = {"t": "2026-01-01T00:00:00+01:00", "service": "erp", "state": "up"}
GOOD = window(
    "w1", "ordinary", "2026-06-03T00:30:00+02:00", "2026-06-03T04:30:00+02:00",
    announced="2026-06-01T23:30:00+02:00",
)  # fmt: skip
TOLD = GOOD["announcements"][0]

Capture = pytest.CaptureFixture[str]


def refused(
    folder: Path, capsys: Capture, history: list[Any], windows: list[Any]
) -> list[str]:
    """The lines on stderr of a run that must not compute anything."""
    assert main([*write(folder, history, windows), *AT, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return [line.replace(f"{folder}/", "") for line in err.splitlines()]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            {**UP, "t": "2026-01-01T00:00:00"},
            "2:2: 't': '2026-01-01T00:00:00' is not an instant with an offset, such as "
            "2026-03-01T10:00:00Z or 2026-03-01T11:00:00+01:00",
        ),
        ({**UP, "t": 5}, "2:2: 't' needs an instant in quotes, such as "),
        ({**UP, "t": "9999-12-31T23:00:00Z"}, "lies outside the years 2 to 9997"),
        ({**UP, "t": "9998-12-31T23:30:00Z"}, "lies outside the years 2 to 9997"),
        ({**UP, "service": "erp\ud800"}, "2:1: holds half a character (one \\ud800"),
        ({**UP, "state": "dwn"}, "2:54: 'dwn' is no state; did you mean 'down'?"),
        ({**UP, "state": "?"}, "is no state; there are up, degraded, down, unknown"),
        ({**UP, "service": ""}, "2:36: 'service' needs a text, in quotes, that is not"),
        ({**UP, "service": "*"}, "'*' is no service"),
        ({**UP, "sate": 1}, "nobody knows the key 'sate'; did you mean 'state'?"),
        ({"t": UP["t"], "state": "up"}, "2:1: 'service' is missing"),
        ("nonsense", "2:1: is no JSON: Expecting value; one object a line is needed"),
        ("[1]", "2:1: an object is needed: one {…} a line"),
        ('{"t": 1, "t": 2}', "2:1: is no JSON that can be read: the key 't' stands"),
        ('{"t": NaN}', "2:1: is no JSON that can be read: NaN is no number"),
    ],
)
def test_a_fault_of_a_history_is_told_with_its_place(
    line: Any, said: str, tmp_path: Path, capsys: Capture
) -> None:
    found = refused(tmp_path, capsys, [UP, line], [])
    assert len(found) == 1
    assert found[0].startswith("history.jsonl:2:")
    assert said in found[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"kind": "ordinay"},
            "'ordinay' is no kind of window; did you mean 'ordinary'?",
        ),
        ({"kind": ["ordinary"]}, "is no kind of window"),
        ({"services": []}, "'services' needs a list of services, or [\"*\"] for all"),
        ({"services": "erp"}, "'services' needs a list"),
        ({"announcements": []}, "'announcements' needs a list with at least one"),
        ({"announcements": [1]}, "announcement 1 needs keys with values"),
        ({"cancelled": "2026-06-01T00:00:00"}, "'cancelled': '2026-06-01T00:00:00' is"),
        ({"peak_notice": 7}, "'peak_notice' needs an instant in quotes"),
        ({"reason": 7}, "'reason' needs a text"),
        (
            {"anounced": 1},
            "nobody knows the key 'anounced'; did you mean 'announcements'",
        ),
        ({"id": ""}, "'id' needs a text"),
    ],
)
def test_a_fault_of_a_window_is_told_with_its_place(
    change: dict[str, Any], said: str, tmp_path: Path, capsys: Capture
) -> None:
    found = refused(tmp_path, capsys, [UP], [{**GOOD, "id": "w0"}, {**GOOD, **change}])
    assert len(found) == 1
    assert found[0].startswith("windows.jsonl:2:")
    assert said in found[0]


def test_the_second_announcement_has_its_own_column(
    tmp_path: Path, capsys: Capture
) -> None:
    bad = {**TOLD, "start": "2026-06-03T00:30:00"}
    one = {**GOOD, "announcements": [TOLD, bad]}
    found = refused(tmp_path, capsys, [UP], [one])
    text = json.dumps(one)
    column = text.index('"start"', text.index('"start"') + 1) + 1
    assert found[0].startswith(f"windows.jsonl:1:{column}: 'start': ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "big"}, "'big' is no kind of window; there are ordinary, extraor"),
        ({"services": [1]}, "'services' needs a list of services, or [\"*\"] for all"),
        (
            {"cancelled": "2026-06-01T00:00:00"},
            "'cancelled': '2026-06-01T00:00:00' is not an instant with an offset, such "
            "as 2026-03-01T10:00:00Z or 2026-03-01T11:00:00+01:00",
        ),
        (
            {"peak_notice": "2026-06-01T00:00:00"},
            "'peak_notice': '2026-06-01T00:00:00' is not an instant with an offset",
        ),
    ],
)
def test_a_fault_of_a_window_has_the_column_of_its_key(
    change: dict[str, Any], said: str, tmp_path: Path, capsys: Capture
) -> None:
    one = {**GOOD, "id": "w2", **change}
    [found] = refused(tmp_path, capsys, [UP], [GOOD, one])
    [key] = change
    column = json.dumps(one).index(f'"{key}"') + 1
    assert found.startswith(f"windows.jsonl:2:{column}: {said}")


def test_an_end_before_the_start_is_computed_and_warned_of(
    tmp_path: Path, capsys: Capture
) -> None:
    told = {**TOLD, "start": TOLD["end"], "end": TOLD["start"]}
    words = write(tmp_path, [UP], [{**GOOD, "announcements": [told]}])
    assert main([*words, *AT, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["seconds"]["excluded"]["total"] == 0
    assert "w1" in err


def test_two_windows_with_one_id_are_told_with_both_lines(
    tmp_path: Path, capsys: Capture
) -> None:
    found = refused(tmp_path, capsys, [UP], [GOOD, {**GOOD, "id": "w2"}, GOOD])
    assert found == [
        "windows.jsonl:3:2: line 1 has a window 'w1' too; a window is one line, with "
        "all its announcements"
    ]


def test_two_states_at_one_instant_are_told_with_both_lines(
    tmp_path: Path, capsys: Capture
) -> None:
    other = {**UP, "t": "2025-12-31T23:00:00Z", "state": "down"}
    found = refused(tmp_path, capsys, [UP, "", other], [])
    assert found == [
        "history.jsonl:3:49: 'erp' is 'down' at 2025-12-31T23:00:00Z, and line 1 says "
        "'up'; at one instant it has one state"
    ]


def test_two_states_after_what_is_known_contradict_each_other_too(
    tmp_path: Path, capsys: Capture
) -> None:
    later = {**UP, "t": "2026-12-01T00:00:00Z"}
    assert refused(tmp_path, capsys, [later, {**later, "state": "down"}], [])


def test_identical_lines_are_one(tmp_path: Path, capsys: Capture) -> None:
    same = {**UP, "t": "2025-12-31T23:00:00Z"}
    assert main([*write(tmp_path, [UP, UP, same], []), *AT, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_all_faults_of_all_files_are_told_at_once(
    tmp_path: Path, capsys: Capture
) -> None:
    words = write(tmp_path, [{**UP, "state": "u"}, {"t": 1}], [{**GOOD, "kind": "x"}])
    (tmp_path / "contract.yaml").write_text("id: c\nyear_start: soon\n", "utf-8")
    assert main([*words, *AT]) == 2
    places = [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()]
    names = {place.rpartition("/")[2].partition(":")[0] for place in places}
    assert names == {"contract.yaml", "history.jsonl", "windows.jsonl"}
    assert len(places) >= 6


def test_of_many_faults_the_first_hundred_are_told(
    tmp_path: Path, capsys: Capture
) -> None:
    found = refused(tmp_path, capsys, [{**UP, "state": "?"}] * 150, [])
    assert len(found) == 101
    assert found[-1].endswith("and 50 more faults")


def test_bytes_that_are_no_text_are_a_fault_of_their_line(
    tmp_path: Path, capsys: Capture
) -> None:
    words = write(tmp_path, [UP], [])
    (tmp_path / "history.jsonl").write_bytes(
        b"\xef\xbb\xbf" + lines([UP]).encode() + b"\xff\n"
    )
    assert main([*words, *AT]) == 2
    assert "history.jsonl:2:1: is not UTF-8 text" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: Capture) -> None:
    words = write(tmp_path, [UP], [])
    (tmp_path / "windows.jsonl").unlink()
    assert main([*words, *AT]) == 2
    assert "windows.jsonl: cannot be read: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--at", "2026-07-01T00:00:00"], "is not an instant with an offset"),
        (
            ["--at", "2025-07-01T00:00:00Z"],
            "before the contract began (standard starts",
        ),
        ([*AT, "--year", "2025"], "the year 2025 is before the contract began"),
        ([*AT, "--year", "9999"], "beyond what the calendar holds"),
        ([], "--at is missing: FILE --history H.jsonl --at T"),
        ([*AT, "--verify", "x.json"], "--verify has its own inputs: leave --at out"),
        ([*AT, "--by", "me"], "a correction needs --statement OUT.json, --corrects"),
    ],
)
def test_options_that_cannot_be_meant(
    options: list[str], said: str, tmp_path: Path, capsys: Capture
) -> None:
    words = write(tmp_path, [UP], [])
    if "--verify" in options:
        words = words[:3]
    assert main([*words, *options]) == 2
    assert said in capsys.readouterr().err


def test_the_end_of_the_calendar_is_told(tmp_path: Path, capsys: Capture) -> None:
    at = ["--at", "9998-12-31T23:59:59Z"]
    assert main([*write(tmp_path, [UP], []), *at]) == 2
    assert "lies outside the years 2 to 9997" in capsys.readouterr().err


def test_a_statement_holds_no_bytes_that_are_no_text(
    tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "statement.json"
    words = [*write(tmp_path, [UP], []), *AT, "--statement", str(out)]
    assert main([*words, "--service", "caf\udce9"]) == 2
    assert "cannot hold a text that is no UTF-8" in capsys.readouterr().err
    assert not out.exists()


def test_without_a_history_nothing_is_computed(tmp_path: Path, capsys: Capture) -> None:
    assert main([*write(tmp_path, [], [])[:3], *AT]) == 2
    assert "--history is missing" in capsys.readouterr().err


def test_a_window_about_an_unknown_service_is_told_with_its_place(
    tmp_path: Path, capsys: Capture
) -> None:
    crm = {**UP, "service": "crm"}
    odd = {**GOOD, "id": "w2", "services": ["erp", "erpp"]}
    words = write(tmp_path, [UP, crm], [{**GOOD, "services": ["*", "erp"]}, odd])
    assert main([*words, *AT, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [one["service"] for one in found] == ["crm", "erp", "erpp"]
    assert found[2]["seconds"]["unknown"] == found[2]["seconds"]["elapsed"]
    column = json.dumps(odd).index('"services"') + 1
    assert err.splitlines()[0] == (
        f"warning: {tmp_path}/windows.jsonl:2:{column}: the history has no line about "
        "'erpp': all of its time is unknown; did you mean 'erp'?"
    )


def test_a_line_that_cannot_be_read_makes_no_service_unknown(
    tmp_path: Path, capsys: Capture
) -> None:
    found = refused(tmp_path, capsys, [{**UP, "state": "u"}], [GOOD])
    assert len(found) == 1
    assert found[0].startswith("history.jsonl:1:")


def test_without_a_history_a_plan_takes_windows_about_anything(
    tmp_path: Path, capsys: Capture
) -> None:
    words = write(tmp_path, [], [{**GOOD, "services": ["crm"]}])
    words = ["contract", "window", words[2], "--windows", words[6], "--json"]
    words += ["--kind", "ordinary", "--start", "2026-06-03T00:30:00+02:00"]
    assert main([*words, "--end", "2026-06-03T04:30:00+02:00"]) == 0
    assert json.loads(capsys.readouterr().out)["budget"]


def test_what_is_asked_for_by_name_may_have_no_history(
    tmp_path: Path, capsys: Capture
) -> None:
    words = [*write(tmp_path, [UP], [GOOD]), *AT, "--json", "--service", "erpp"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    [found] = json.loads(out)
    assert found["seconds"]["unknown"] == found["seconds"]["elapsed"]
    assert "no line about 'erpp': all of its time is unknown; did you mean 'erp'" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--end", "2026-06-03T00:30:00+02:00"], "is not after --start"),
        (["--end", "2026-06-02T00:30:00+02:00"], "is not after --start"),
        (["--end", "2028-06-03T00:30:00+02:00"], "a window is not longer than a year"),
        (
            ["--start", "2026-06-03T00:30:00"],
            "--start: '2026-06-03T00:30:00' is not an",
        ),
        (["--announced", "yesterday"], "--announced: 'yesterday' is not an instant"),
        (["--within", "22-06"], "--within: '22-06' is no span of hours such as"),
        (["--within", "22:00-22:00"], "is no span of hours"),
        (["--within", "24:00-06:00"], "is no span of hours"),
        (["--within", "22:60-06:00"], "is no span of hours"),
    ],
)
def test_a_plan_that_cannot_be_meant(
    options: list[str], said: str, tmp_path: Path, capsys: Capture
) -> None:
    file = write(tmp_path, [], [])[2]
    words = ["contract", "window", file, "--kind", "ordinary"]
    words += ["--start", "2026-06-03T00:30:00+02:00"]
    words += ["--end", "2026-06-03T04:30:00+02:00"]
    assert main([*words, "--announced", "2026-06-01T00:00:00Z", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_a_plan_for_a_service_without_history_names_it(
    tmp_path: Path, capsys: Capture
) -> None:
    words = write(tmp_path, [UP], [])
    words[1:3] = ["window", words[2], "--kind", "ordinary", "--json"]
    words += ["--start", "2026-06-03T00:30:00+02:00"]
    words += ["--end", "2026-06-03T04:30:00+02:00"]
    words += ["--announced", "2026-06-01T00:00:00Z", "--service", "erpp"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "no line about 'erpp'; did you mean 'erp'" in err
    assert [one["service"] for one in json.loads(out)["budget"]] == ["erpp"]


def test_an_unknown_kind_of_plan_is_refused(tmp_path: Path, capsys: Capture) -> None:
    file = write(tmp_path, [], [])[2]
    words = ["contract", "window", file, "--kind", "big", "--start", "x", "--end", "y"]
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert "invalid choice: 'big'" in capsys.readouterr().err
