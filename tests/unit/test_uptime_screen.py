"""What `contract uptime` shows to people, in both languages, on 80 columns."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.cli.main import main
from scudo_agent.statement.words import Words
from support.uptime_files import window, write

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def line(t: str, state: str) -> dict[str, str]:
    return {"t": t, "service": "erp", "state": state}


def shown(folder: Path, capsys: Capture, *options: str) -> list[str]:
    history = [line("2026-01-01T00:00:00+01:00", "up")]
    for day in range(1, 13):
        history += [
            line(f"2026-02-{day:02d}T10:00:00+01:00", "down"),
            line(f"2026-02-{day:02d}T10:{day:02d}:00+01:00", "up"),
        ]
    windows: list[Any] = [
        window("w1", "ordinary", "2026-02-12T10:00:00+01:00",
               "2026-02-12T10:04:00+01:00", announced="2026-02-01T00:00:00Z"),
        window("w2", "ordinary", "2026-02-11T10:00:00+01:00",
               "2026-02-11T10:04:00+01:00", announced="2026-02-10T12:00:00Z"),
    ]  # fmt: skip
    words = write(folder, history, windows)
    assert main([*words, "--at", "2026-07-01T00:00:00+02:00", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(one.rstrip()) <= 80 for one in lines)
    return [" ".join(one.split()) for one in lines]


def test_the_account_in_english(tmp_path: Path, capsys: Capture) -> None:
    found = shown(tmp_path, capsys)
    assert found[0] == "Standard (standard)"
    assert "contract year 2026-01-01 to 2026-12-31, as known at" in found[1]
    assert "availability 99.9716 % promised 99 %: kept so far" in found
    assert "down, excluded 4 min" in found
    assert "down, counted 1 h 14 min" in found
    # 1 % of the year less the window's four minutes, less 1 h 14 min: cut to seconds.
    assert "left of it 86 h 21 min 57 s" in found
    # The width of the screen makes two lines of it.
    assert " ".join(found[-2:]) == (
        "you may still be down 86 h 21 min 57 s; an unannounced stop of 4 h now would "
        "leave 82 h 21 min 57 s"
    )


def test_the_explanation_in_italian(tmp_path: Path, capsys: Capture) -> None:
    found = shown(tmp_path, capsys, "--explain", "--language", "it")
    assert "disponibilità 99,9716 % promesso 99 %: finora mantenuto" in found
    at = found.index("w1 ordinaria 2026-02-01 01:00 4 min 4 min")
    assert (
        found[at + 1]
        == "annunciata con 11 giorni di calendario di anticipo, ne servono 2"
    )
    at = found.index("w2 ordinaria 2026-02-10 13:00 4 min 4 min")
    assert (
        found[at + 1]
        == "annunciata con 1 giorno di calendario di anticipo, ne servono 2"
    )
    outages = found[found.index("disservizi per quanto costano") + 2 :]
    assert outages[0] == "2026-02-11 10:00 11 min 11 min 0,2092 %"
    assert outages[2].endswith("9 min 9 min 0,1712 %")
    assert "2026-02-12 10:00 12 min 8 min 0,1522 % w1" in outages
    assert outages[-1] == "altri 2 disservizi contano insieme 3 min"


def test_the_explanation_as_json_adds_up(tmp_path: Path, capsys: Capture) -> None:
    shown(tmp_path, capsys)
    words = ["contract", "uptime", f"{tmp_path}/contract.yaml", "--history"]
    words += [f"{tmp_path}/history.jsonl", "--windows", f"{tmp_path}/windows.jsonl"]
    words += ["--at", "2026-07-01T00:00:00+02:00", "--explain", "--json"]
    assert main(words) == 0
    (found,) = json.loads(capsys.readouterr().out)
    told = found.pop("explanation")
    assert (
        sum(one["counted"] for one in told["outages"])
        == (found["seconds"]["down_counted"])
    )
    assert told["excluded"][0]["down"] == found["seconds"]["down_excluded"] == 240
    assert told["refused"] == [
        {
            "window": "w2",
            "kind": "ordinary",
            "announced": "2026-02-10T13:00:00+01:00",
            "clause": "uptime.exclusions.ordinary",
            "spans": [["2026-02-11T10:00:00+01:00", "2026-02-11T10:04:00+01:00"]],
            "seconds": 240,
            "down": 240,
            "coming": 0,
            "why": "announced 1 calendar day ahead, 2 needed",
            "refusal": "short_notice",
        }
    ]


def test_what_was_cancelled_is_planned_no_more(tmp_path: Path, capsys: Capture) -> None:
    day, told = "2026-12-{}T{}:00:00+01:00", "2026-02-01T00:00:00Z"
    off, on = (
        window(name, "ordinary", day.format(date, 10), day.format(date, 14),
               announced=told)
        for name, date in (("off", 12), ("on", 13))
    )  # fmt: skip
    off["cancelled"] = "2026-03-01T00:00:00Z"
    words = write(tmp_path, [line("2026-01-01T00:00:00+01:00", "up")], [off, on])
    at = ("--at", "2026-07-01T00:00:00+02:00", "--explain")
    assert main([*words, *at]) == 0
    found = [" ".join(one.split()) for one in capsys.readouterr().out.splitlines()]
    assert "planned: what will be excluded, and why" in found
    assert any(one.startswith("on ") for one in found)
    assert not any(one.startswith("off ") for one in found)


def test_a_ratio_over_minutes_says_how_much_was_measured(
    tmp_path: Path, capsys: Capture
) -> None:
    history = [
        line("2026-06-30T23:00:00+02:00", "up"),
        line("2026-06-30T23:30:00+02:00", "down"),
    ]
    words = write(tmp_path, history, [])
    assert main([*words, "--at", "2026-07-01T00:00:00+02:00"]) == 0
    found = " ".join(capsys.readouterr().out.split())
    assert "not kept so far, with 0.0230 % of the time measured" in found


@pytest.mark.parametrize(
    ("at", "state", "said"),
    [
        ("2026-01-01T00:00:00+01:00", "up", "nothing to judge yet"),
        ("2026-12-01T00:00:00+01:00", "down", "more is lost than the year allows"),
        ("2026-12-01T00:00:00+01:00", "down", "promised 99 %: not kept so far"),
        ("2027-01-01T00:00:00+01:00", "down", "promised 99 %: not kept\n"),
        ("2027-01-01T00:00:00+01:00", "up", "the year has ended with 87 h 36 min left"),
        ("2027-01-01T00:00:00+01:00", "up", "promised 99 %: kept"),
    ],
)
def test_each_verdict(
    at: str, state: str, said: str, tmp_path: Path, capsys: Capture
) -> None:
    history = [line("2026-01-01T00:00:00+01:00", state)]
    words = write(tmp_path, history, [])
    assert main([*words, "--at", at, "--year", "2026"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert said in "".join(f"{one.rstrip()}\n" for one in lines)


@pytest.mark.parametrize(
    ("language", "verdict", "over"),
    [
        ("en", "promised 99 %: not kept so far", "budget exceeded by 7928 h 24 min"),
        (
            "it",
            "promesso 99 %: finora non mantenuto",
            "monte annuo superato di 7928 h 24 min",
        ),
    ],
)
def test_a_budget_that_is_exceeded_is_never_a_negative_rest(
    language: str, verdict: str, over: str, tmp_path: Path, capsys: Capture
) -> None:
    words = write(tmp_path, [line("2026-01-01T00:00:00+01:00", "down")], [])
    at = ("--at", "2026-12-01T00:00:00+01:00", "--language", language)
    assert main([*words, *at]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert verdict in said
    assert over in said
    assert "-" not in said.replace("2026-", "").replace("-01", "").replace("12-31", "")


@pytest.mark.parametrize("language", ["en", "it"])
def test_what_is_planned_stands_apart_from_what_was_excluded(
    language: str, tmp_path: Path, capsys: Capture
) -> None:
    windows = [
        window("past", "ordinary", "2026-02-12T10:00:00+01:00",
               "2026-02-12T10:04:00+01:00", announced="2026-02-01T00:00:00Z"),
        window("soon", "ordinary", "2026-08-12T22:00:00+02:00",
               "2026-08-13T02:00:00+02:00", announced="2026-06-01T00:00:00Z"),
        window("late", "ordinary", "2026-07-02T22:00:00+02:00",
               "2026-07-03T01:00:00+02:00", announced="2026-06-30T22:00:00Z"),
    ]  # fmt: skip
    words = write(tmp_path, [line("2026-01-01T00:00:00+01:00", "up")], windows)
    at = ("--at", "2026-07-01T00:00:00+02:00", "--explain", "--language", language)
    assert main([*words, *at]) == 0
    said = [" ".join(one.split()) for one in capsys.readouterr().out.splitlines()]
    heads = {
        "en": ("excluded, and why", "will be excluded", "will not be excluded"),
        "it": ("escluso, e perché", "che cosa sarà escluso", "che cosa non sarà"),
    }[language]
    places = [next(i for i, one in enumerate(said) if head in one) for head in heads]
    kind = "ordinaria" if language == "it" else "ordinary"
    assert said[places[0] + 2] == f"past {kind} 2026-02-01 01:00 4 min 0 s"
    assert said[places[1] + 2] == f"soon {kind} 2026-06-01 02:00 2026-08-12 22:00 4 h"
    assert said[places[2] + 2] == f"late {kind} 2026-07-01 00:00 2026-07-02 22:00 3 h"
    assert not any(one.endswith(" 0 s 0 s") for one in said)


def test_without_a_service_there_is_nothing_to_show(
    tmp_path: Path, capsys: Capture
) -> None:
    words = [*write(tmp_path, [], []), "--at", "2026-07-01T00:00:00Z"]
    assert main(words) == 0
    assert "no service: neither the history" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_percentage_is_cut_and_never_reaches_the_promise_by_rounding() -> None:
    assert Words("en").percent(Fraction(98_999_999, 100_000_000)) == "98.9999 %"
    assert Words("it").percent(None) == "–"
    assert Words("it").number(Fraction(3, 2)) == "1,50"
    assert Words("en").length(Fraction(1_999_999)) == "1 s"
    assert Words("en").length(Fraction(-1_999_999)) == "-1 s"


def test_a_page_replaces_a_page_and_no_other_file(
    tmp_path: Path, capsys: Capture
) -> None:
    words = write(tmp_path, [line("2026-01-01T00:00:00+01:00", "up")], [])
    words += ["--at", "2026-07-01T00:00:00+02:00", "--html"]
    page, other = tmp_path / "page.html", tmp_path / "notes.txt"
    assert main([*words, str(page)]) == 0
    assert main([*words, str(page), "--language", "it"]) == 0
    assert "Rendiconto" in page.read_text()
    other.write_text("my notes")
    capsys.readouterr()
    assert main([*words, str(other)]) == 2
    said = f"{other}: is there already and is no statement's page; name another file\n"
    assert capsys.readouterr().err == said
    assert other.read_text() == "my notes"
